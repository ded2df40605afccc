/**
 * The life of one region of a job, as pure transitions. Attempts count its deployments and fence them: an event of
 * another attempt changes nothing.
 *
 *            wait           placed             stored              all slots run          all slots ended
 *  created ───────► waiting ───────► scheduled ───────► deploying ───────────────► running ───────────────► finished
 *                    ▲  ▲ unplaced ◄─────┘                  │                        │
 *                    │                                      └── restart, giveUp ─────┤
 *          delayOver │                                                               ▼
 *                 delayed ◄─────────────── all slots ended, it restarts ────────── ending
 *                    │                                                               │ all slots ended
 *                    └──────────────────────────── giveUp ──────────────► ended ◄────┘
 *
 *   giveUp     in every state that is not final: at once where no slot works, else by way of ending
 *   scheduled  its slots are reserved, and the attempt's number is on its way to the store: only when it is there is the
 *              attempt deployed, so that no number is ever used twice
 *   finished, ended   are final
 */

export type SlotPhase = "deploying" | "running" | "ended";

export interface RegionLife {
  readonly phase:
    | "created"
    | "waiting"
    | "scheduled"
    | "deploying"
    | "running"
    | "ending"
    | "delayed"
    | "finished"
    | "ended";
  /** The number of the current or last attempt; 0 before the first. */
  readonly attempt: number;
  /** Restarts after failures. */
  readonly restarts: number;
  /** From a failure until it runs again. */
  readonly restarting: boolean;
  /** Of the attempt that is deployed, as the region's slots are ordered; else empty. */
  readonly slots: readonly SlotPhase[];
  /** While it ends: after how long it starts again; undefined: it does not. */
  readonly restartAfterMs: number | undefined;
}

export type RegionEvent =
  | { readonly kind: "wait" | "placed" }
  | { readonly kind: "unplaced" | "stored" | "delayOver"; readonly attempt: number }
  /** `slot`: its place among the region's slots. */
  | { readonly kind: "slotRunning" | "slotEnded"; readonly attempt: number; readonly slot: number }
  | { readonly kind: "restart"; readonly afterMs: number }
  | { readonly kind: "giveUp" };

export type RegionEffect =
  | { readonly kind: "request" }
  /** It no longer wants slots. */
  | { readonly kind: "withdraw" }
  | { readonly kind: "store" | "deploy" | "running" | "finished" | "ended" }
  /** Reserved slots are free again. */
  | { readonly kind: "release" }
  /** Its slots are to end. */
  | { readonly kind: "end" }
  | { readonly kind: "delay"; readonly ms: number };

export interface RegionTransition {
  readonly state: RegionLife;
  readonly effects: readonly RegionEffect[];
}

export function createRegion(attempt = 0, restarts = 0): RegionLife {
  return { phase: "created", attempt, restarts, restarting: false, slots: [], restartAfterMs: undefined };
}

/** `slots`: how many the region has. */
export function nextRegion(state: RegionLife, event: RegionEvent, slots: number): RegionTransition {
  if ("attempt" in event && event.attempt !== state.attempt) return same(state);
  switch (event.kind) {
    case "wait":
      return state.phase === "created" ? to(state, { phase: "waiting" }, { kind: "request" }) : same(state);
    case "placed":
      if (state.phase !== "waiting") return same(state);
      return to(state, { phase: "scheduled", attempt: state.attempt + 1 }, { kind: "store" });
    case "unplaced":
      if (state.phase !== "scheduled") return same(state);
      return to(state, { phase: "waiting" }, { kind: "release" }, { kind: "request" });
    case "stored":
      if (state.phase !== "scheduled") return same(state);
      return to(
        state,
        { phase: "deploying", slots: new Array<SlotPhase>(slots).fill("deploying") },
        { kind: "deploy" },
      );
    case "slotRunning":
      return slotRunning(state, event.slot);
    case "slotEnded":
      return slotEnded(state, event.slot);
    case "restart":
      return restart(state, event.afterMs);
    case "giveUp":
      return giveUp(state);
    case "delayOver":
      return state.phase === "delayed" ? to(state, { phase: "waiting" }, { kind: "request" }) : same(state);
  }
}

export function isOver({ phase }: RegionLife): boolean {
  return phase === "finished" || phase === "ended";
}

/** Whether its attempt has slots that work. */
export function isDeployed({ phase }: RegionLife): boolean {
  return phase === "deploying" || phase === "running";
}

function slotRunning(state: RegionLife, slot: number): RegionTransition {
  if (state.phase !== "deploying" || state.slots[slot] !== "deploying") return same(state);
  const slots = state.slots.with(slot, "running");
  if (slots.includes("deploying")) return to(state, { slots });
  return to(state, { phase: "running", slots, restarting: false }, { kind: "running" });
}

function slotEnded(state: RegionLife, slot: number): RegionTransition {
  if (state.slots[slot] === undefined || state.slots[slot] === "ended") return same(state);
  const slots = state.slots.with(slot, "ended");
  if (slots.some((phase) => phase !== "ended")) return settle(state, slots);
  if (state.phase !== "ending") {
    return to(state, { phase: "finished", slots: [], restarting: false }, { kind: "finished" });
  }
  const { restartAfterMs } = state;
  if (restartAfterMs === undefined) return to(state, { phase: "ended", slots: [] }, { kind: "ended" });
  return to(state, { phase: "delayed", slots: [], restartAfterMs: undefined }, { kind: "delay", ms: restartAfterMs });
}

/** One slot has ended, others have not. A bounded part may have ended before the last of the others runs. */
function settle(state: RegionLife, slots: readonly SlotPhase[]): RegionTransition {
  if (state.phase !== "deploying" || slots.includes("deploying")) return to(state, { slots });
  return to(state, { phase: "running", slots, restarting: false }, { kind: "running" });
}

function restart(state: RegionLife, restartAfterMs: number): RegionTransition {
  if (!isDeployed(state)) return same(state);
  const change = { phase: "ending", restartAfterMs, restarting: true, restarts: state.restarts + 1 } as const;
  return to(state, change, { kind: "end" });
}

function giveUp(state: RegionLife): RegionTransition {
  switch (state.phase) {
    case "created":
    case "delayed":
      return to(state, { phase: "ended" }, { kind: "ended" });
    case "waiting":
      return to(state, { phase: "ended" }, { kind: "withdraw" }, { kind: "ended" });
    case "scheduled":
      return to(state, { phase: "ended" }, { kind: "release" }, { kind: "ended" });
    case "deploying":
    case "running":
      return to(state, { phase: "ending", restartAfterMs: undefined }, { kind: "end" });
    case "ending":
      return state.restartAfterMs === undefined ? same(state) : to(state, { restartAfterMs: undefined });
    case "finished":
    case "ended":
      return same(state);
  }
}

function to(state: RegionLife, change: Partial<RegionLife>, ...effects: readonly RegionEffect[]): RegionTransition {
  return { state: { ...state, ...change }, effects };
}

function same(state: RegionLife): RegionTransition {
  return { state, effects: [] };
}
