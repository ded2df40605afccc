/**
 * The life of one slot of a worker, as pure transitions. A slot belongs to at most one attempt.
 *
 *           reserve              deploy              running            end
 *   free ───────────► reserved ─────────► deploying ─────────► running ─────► ending
 *    ▲                   │                  │   └──────── end ───┼──────────────► │
 *    │◄──── release ─────┘                  │                    │                │
 *    └◄──────────────────── ended ──────────┴────────────────────┴────────────────┘
 *
 *   lost    from every state: the worker's epoch is over, and the slot with it; final
 */

import type { AttemptId } from "../cluster-ids.ts";

export type SlotLife = { readonly kind: "free" } | { readonly kind: "lost" } | TakenSlot;

export interface TakenSlot {
  readonly kind: "reserved" | "deploying" | "running" | "ending";
  readonly attempt: AttemptId;
  /** Of the job's execution graph. */
  readonly slot: number;
}

export type SlotEvent =
  | { readonly kind: "reserve"; readonly attempt: AttemptId; readonly slot: number }
  | { readonly kind: "release" | "deploy" | "running" | "end" | "ended"; readonly attempt: AttemptId }
  | { readonly kind: "lost" };

type Step = Exclude<SlotEvent["kind"], "reserve" | "lost">;

export const freeSlot: SlotLife = { kind: "free" };
const lostSlot: SlotLife = { kind: "lost" };

/** Where each event leads from each state of a slot that is taken; absent: it changes nothing. */
const steps: Readonly<Record<TakenSlot["kind"], Readonly<Partial<Record<Step, TakenSlot["kind"] | "free">>>>> = {
  reserved: { release: "free", deploy: "deploying" },
  deploying: { running: "running", end: "ending", ended: "free" },
  running: { end: "ending", ended: "free" },
  ending: { ended: "free" },
};

/** The state after an event; the same object when the event changes nothing, as one of another attempt does. */
export function nextSlot(state: SlotLife, event: SlotEvent): SlotLife {
  if (event.kind === "lost") return state.kind === "lost" ? state : lostSlot;
  if (event.kind === "reserve") {
    return state.kind === "free" ? { kind: "reserved", attempt: event.attempt, slot: event.slot } : state;
  }
  if (state.kind === "free" || state.kind === "lost" || state.attempt !== event.attempt) return state;
  const to = steps[state.kind][event.kind];
  if (to === undefined) return state;
  return to === "free" ? freeSlot : { ...state, kind: to };
}
