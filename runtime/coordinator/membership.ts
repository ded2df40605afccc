/**
 * A worker as the coordinator sees it, as pure transitions.
 *
 *            hello                 heard                     silence ≥ suspectAfterMs
 *   absent ─────────► greeted ───────────────► active ──────────────────────────────► suspected
 *                        │                      ▲  │                                     │  │
 *                        │                      └──┼──────────────── heard ──────────────┘  │
 *                        │ silence ≥ lostAfterMs, connection lost, hello again              │
 *                        └────────────────────► lost ◄──────────────────────────────────────┘
 *
 *   hello   in every state gives a new, larger epoch and ends the one before, with all that ran in it
 *   lost    is final for its epoch: what a zombie still says in it changes nothing
 *
 * A suspected worker goes on with what it has and gets nothing new.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { SLOTS_A_WORKER_MAX } from "../../core/limits.ts";
import type { ClusterId } from "../cluster-ids.ts";
import { CONTROL_PROTOCOL, type WorkerHello } from "../cluster-protocol.ts";

export type Membership =
  | { readonly kind: "absent" }
  | { readonly kind: "greeted" | "active" | "suspected"; readonly epoch: number; readonly heardMs: number }
  | { readonly kind: "lost"; readonly epoch: number };

/** Times are monotonic milliseconds. */
export type MembershipEvent =
  | { readonly kind: "hello"; readonly epoch: number; readonly nowMs: number }
  | { readonly kind: "heard"; readonly epoch: number; readonly nowMs: number }
  | { readonly kind: "tick"; readonly nowMs: number }
  | { readonly kind: "connectionLost"; readonly epoch: number; readonly reason: string };

export type MembershipEffect =
  /** Its slots of that epoch are gone; the connection is to be closed. */
  | { readonly kind: "lost"; readonly epoch: number; readonly reason: string }
  /** What came belongs to another epoch and counts for nothing. */
  | { readonly kind: "stale" };

export interface Silence {
  readonly suspectAfterMs: number;
  readonly lostAfterMs: number;
}

interface Transition {
  readonly state: Membership;
  readonly effects: readonly MembershipEffect[];
}

export const absent: Membership = { kind: "absent" };

export function nextMembership(state: Membership, event: MembershipEvent, silence: Silence): Transition {
  switch (event.kind) {
    case "hello":
      return greet(state, event.epoch, event.nowMs);
    case "heard":
      if (!isMember(state) || state.epoch !== event.epoch) return { state, effects: [{ kind: "stale" }] };
      return { state: { kind: "active", epoch: state.epoch, heardMs: event.nowMs }, effects: [] };
    case "connectionLost":
      if (!isMember(state) || state.epoch !== event.epoch) return { state, effects: [{ kind: "stale" }] };
      return lose(state.epoch, event.reason);
    case "tick":
      return isMember(state) ? judgeSilence(state, event.nowMs - state.heardMs, silence) : { state, effects: [] };
  }
}

function greet(state: Membership, epoch: number, nowMs: number): Transition {
  assert(state.kind === "absent" || epoch > state.epoch, `an epoch grows: ${epoch} is not above the one before`);
  const greeted: Membership = { kind: "greeted", epoch, heardMs: nowMs };
  if (!isMember(state)) return { state: greeted, effects: [] };
  return { state: greeted, effects: [{ kind: "lost", epoch: state.epoch, reason: "it connected anew" }] };
}

function judgeSilence(state: Member, silentMs: number, silence: Silence): Transition {
  if (silentMs >= silence.lostAfterMs) {
    return lose(state.epoch, `nothing was heard of it for ${Math.round(silentMs)} ms`);
  }
  if (silentMs < silence.suspectAfterMs || state.kind !== "active") return { state, effects: [] };
  return { state: { ...state, kind: "suspected" }, effects: [] };
}

function lose(epoch: number, reason: string): Transition {
  return { state: { kind: "lost", epoch }, effects: [{ kind: "lost", epoch, reason }] };
}

export type Member = Exclude<Membership, { kind: "absent" | "lost" }>;

export function isMember(state: Membership): state is Member {
  return state.kind !== "absent" && state.kind !== "lost";
}

/** Whether new work may be given to it. */
export function takesWork(state: Membership): boolean {
  return state.kind === "greeted" || state.kind === "active";
}

/** Why a worker that says hello is not taken; undefined when it is. */
export function refusalOf(
  hello: WorkerHello,
  own: { readonly version: string; readonly cluster: ClusterId },
): MillraceError | undefined {
  const { worker, slots } = hello.description;
  const refuse = (why: string): MillraceError =>
    new MillraceError("WORKER_REFUSED", `worker ${worker} cannot join the cluster: ${why}`);
  if (hello.protocol !== CONTROL_PROTOCOL) {
    return refuse(`it speaks version ${hello.protocol} of the protocol, the coordinator version ${CONTROL_PROTOCOL}`);
  }
  if (hello.version !== own.version) {
    return refuse(
      `it runs millrace ${hello.version}, the coordinator ${own.version}; start both from one installation`,
    );
  }
  if (hello.cluster !== undefined && hello.cluster !== own.cluster) {
    return refuse(`it belongs to cluster ${hello.cluster}, this is ${own.cluster}; start it anew to move it`);
  }
  if (!(slots >= 1 && slots <= SLOTS_A_WORKER_MAX)) {
    return refuse(`it offers ${slots} slots; from 1 to ${SLOTS_A_WORKER_MAX} are expected`);
  }
  return undefined;
}
