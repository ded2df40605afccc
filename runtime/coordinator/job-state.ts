/**
 * The life of a job, as pure transitions.
 *
 *   created ──► running ──► finished
 *      │           │  │
 *      │           │  └──► failing ──► failed
 *      │           └─────► cancelling ──► cancelled
 *      └──► failed, cancelled
 *
 * failing and cancelling wait for the slots to end; a failure while cancelling does not change the outcome.
 */

export type JobState =
  | { readonly kind: "created" | "running" | "finished" | "cancelling" | "cancelled" }
  | { readonly kind: "failing" | "failed"; readonly cause: Error };

export type JobEvent =
  | { readonly kind: "started" }
  | { readonly kind: "slotsEnded" }
  | { readonly kind: "failure"; readonly cause: Error }
  | { readonly kind: "cancel" };

/** The state after an event; the same object when the event changes nothing. */
export function nextJobState(state: JobState, event: JobEvent): JobState {
  switch (event.kind) {
    case "started":
      return state.kind === "created" ? { kind: "running" } : state;
    case "cancel":
      return state.kind === "created" || state.kind === "running" ? { kind: "cancelling" } : state;
    case "failure":
      return state.kind === "created" || state.kind === "running" ? { kind: "failing", cause: event.cause } : state;
    case "slotsEnded":
      if (state.kind === "running") return { kind: "finished" };
      if (state.kind === "cancelling") return { kind: "cancelled" };
      return state.kind === "failing" ? { kind: "failed", cause: state.cause } : state;
  }
}

export function isFinal(state: JobState): boolean {
  return state.kind === "finished" || state.kind === "failed" || state.kind === "cancelled";
}
