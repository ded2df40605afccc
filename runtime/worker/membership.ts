/**
 * A worker's membership as the worker sees it, as pure transitions. The coordinator's side of it is
 * `coordinator/membership.ts`.
 *
 *                    connected              welcome
 *   connecting ──────────────► greeting ──────────────► active(epoch)
 *      ▲  ▲ │ failed: again      │                          │ connection lost, silence or
 *      │  └─┘ after a wait       │ lost, silence            │ clock jump ≥ timeout: fence
 *      │◄────────────────────────┘                          ▼
 *      └──────────────────────── fenced ────────────────── lost
 *
 *   ended   from every state by `shutdown`, and from the first two when the coordinator refuses this worker for good
 *
 * The law (self-fencing): an epoch ends here no later than the coordinator gives its slots away, which it does when the
 * connection is lost or after the same time of silence. So before anything else happens to a worker that was silent for
 * too long (stopped, suspended, starved), even before it takes a message, its slots are told to die; and it says hello
 * again only when they are dead. Time passes by whichever of two clocks says more: the monotonic one stands still while
 * a machine sleeps, the other one jumps.
 */

import type { Greeting } from "../cluster-protocol.ts";

export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export type WorkerMembership =
  | { readonly kind: "connecting"; readonly tries: number }
  | { readonly kind: "greeting"; readonly tries: number; readonly heard: Moment }
  | ActiveMembership
  | { readonly kind: "lost" }
  | { readonly kind: "ended" };

export interface ActiveMembership {
  readonly kind: "active";
  readonly epoch: number;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** When the coordinator was heard last. */
  readonly heard: Moment;
  /** When the last heartbeat was sent, and its number. */
  readonly beaten: Moment;
  readonly serial: number;
}

type Welcome = Extract<Greeting, { readonly kind: "welcome" }>;

export type MembershipEvent =
  | { readonly kind: "connected"; readonly at: Moment }
  /** `final`: trying again cannot help. */
  | { readonly kind: "connectFailed"; readonly reason: string; readonly final: boolean; readonly at: Moment }
  | { readonly kind: "welcome"; readonly welcome: Welcome; readonly at: Moment }
  | { readonly kind: "refused"; readonly reason: string; readonly at: Moment }
  | { readonly kind: "heard"; readonly epoch: number; readonly at: Moment }
  | { readonly kind: "disconnected"; readonly reason: string; readonly at: Moment }
  | { readonly kind: "tick"; readonly at: Moment }
  /** Every slot of the epoch before has ended. */
  | { readonly kind: "fenced"; readonly at: Moment }
  | { readonly kind: "shutdown"; readonly reason: string; readonly at: Moment };

export type MembershipEffect =
  /** Kill every slot, then say "fenced". Comes first of all effects. */
  | { readonly kind: "fence"; readonly epoch: number; readonly reason: string }
  | { readonly kind: "connect"; readonly afterMs: number }
  | { readonly kind: "hello" }
  | { readonly kind: "join"; readonly welcome: Welcome }
  | { readonly kind: "heartbeat"; readonly epoch: number; readonly serial: number }
  | { readonly kind: "disconnect"; readonly reason: string }
  /** What came belongs to another epoch and counts for nothing. */
  | { readonly kind: "stale" }
  /** `failed`: the coordinator will never take this worker. */
  | { readonly kind: "end"; readonly reason: string; readonly failed: boolean };

export interface MembershipTimes {
  /** The wait after the first failed try; each further one is twice as long, up to the most. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  readonly greetingTimeoutMs: number;
}

export interface MembershipTransition {
  readonly state: WorkerMembership;
  readonly effects: readonly MembershipEffect[];
}

/** The first state comes with the effect to connect at once. */
export const unconnected: WorkerMembership = { kind: "connecting", tries: 0 };

export function nextWorkerMembership(
  state: WorkerMembership,
  event: MembershipEvent,
  times: MembershipTimes,
): MembershipTransition {
  if (event.kind === "shutdown") return shutDown(state, event.reason);
  switch (state.kind) {
    case "connecting":
      return whileConnecting(state, event, times);
    case "greeting":
      return whileGreeting(state, event, times);
    case "active":
      return whileActive(state, event);
    case "lost":
      return event.kind === "fenced" ? to(unconnected, { kind: "connect", afterMs: 0 }) : unchanged(state, event);
    case "ended":
      return unchanged(state, event);
  }
}

/** Milliseconds from one moment to another, by the clock that says more. */
export function elapsedMs(from: Moment, to: Moment): number {
  return Math.max(to.monotonicMs - from.monotonicMs, to.wallMs - from.wallMs);
}

type State<Kind extends WorkerMembership["kind"]> = Extract<WorkerMembership, { readonly kind: Kind }>;

function whileConnecting(
  state: State<"connecting">,
  event: MembershipEvent,
  times: MembershipTimes,
): MembershipTransition {
  switch (event.kind) {
    case "connected":
      return to({ kind: "greeting", tries: state.tries, heard: event.at }, { kind: "hello" });
    case "connectFailed":
      return event.final ? refuse(event.reason) : retry(state.tries, times);
    default:
      return unchanged(state, event);
  }
}

function whileGreeting(state: State<"greeting">, event: MembershipEvent, times: MembershipTimes): MembershipTransition {
  switch (event.kind) {
    case "welcome":
      return join(event.welcome, event.at);
    case "refused":
      return refuse(event.reason, { kind: "disconnect", reason: event.reason });
    case "disconnected":
      return retry(state.tries, times);
    case "tick":
      if (elapsedMs(state.heard, event.at) < times.greetingTimeoutMs) return to(state);
      return retry(state.tries, times, { kind: "disconnect", reason: "the coordinator did not answer hello" });
    default:
      return unchanged(state, event);
  }
}

function join(welcome: Welcome, at: Moment): MembershipTransition {
  const { epoch, heartbeatEveryMs: everyMs, heartbeatTimeoutMs: timeoutMs } = welcome;
  const active = { kind: "active", epoch, everyMs, timeoutMs, heard: at, beaten: at, serial: 1 } as const;
  return to(active, { kind: "join", welcome }, { kind: "heartbeat", epoch, serial: 1 });
}

function whileActive(state: ActiveMembership, event: MembershipEvent): MembershipTransition {
  const silentMs = elapsedMs(state.heard, event.at);
  if (silentMs >= state.timeoutMs) {
    return lose(state, `nothing was heard of the coordinator for ${Math.round(silentMs)} ms`);
  }
  switch (event.kind) {
    case "heard":
      return event.epoch === state.epoch ? to({ ...state, heard: event.at }) : to(state, { kind: "stale" });
    case "disconnected":
      return lose(state, event.reason);
    case "tick":
      return beat(state, event.at);
    default:
      return to(state);
  }
}

function beat(state: ActiveMembership, at: Moment): MembershipTransition {
  if (elapsedMs(state.beaten, at) < state.everyMs) return to(state);
  const serial = state.serial + 1;
  return to({ ...state, beaten: at, serial }, { kind: "heartbeat", epoch: state.epoch, serial });
}

function lose({ epoch }: ActiveMembership, reason: string): MembershipTransition {
  return to({ kind: "lost" }, { kind: "fence", epoch, reason }, { kind: "disconnect", reason });
}

function retry(tries: number, times: MembershipTimes, ...first: readonly MembershipEffect[]): MembershipTransition {
  const afterMs = Math.min(times.retryMsMax, times.retryMsMin * 2 ** Math.min(tries, 30));
  return to({ kind: "connecting", tries: tries + 1 }, ...first, { kind: "connect", afterMs });
}

function refuse(reason: string, ...first: readonly MembershipEffect[]): MembershipTransition {
  return to({ kind: "ended" }, ...first, { kind: "end", reason, failed: true });
}

function shutDown(state: WorkerMembership, reason: string): MembershipTransition {
  if (state.kind === "ended") return to(state);
  const fence = state.kind === "active" ? [{ kind: "fence", epoch: state.epoch, reason } as const] : [];
  return to({ kind: "ended" }, ...fence, { kind: "disconnect", reason }, { kind: "end", reason, failed: false });
}

/** What came too late, or on a connection that is no longer the worker's. */
function unchanged(state: WorkerMembership, event: MembershipEvent): MembershipTransition {
  return event.kind === "heard" ? to(state, { kind: "stale" }) : to(state);
}

function to(state: WorkerMembership, ...effects: readonly MembershipEffect[]): MembershipTransition {
  return { state, effects };
}
