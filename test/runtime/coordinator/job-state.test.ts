import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isFinal, type JobEvent, type JobState, nextJobState } from "../../../runtime/coordinator/job-state.ts";

const first = new Error("first");
const second = new Error("second");
const started: JobEvent = { kind: "started" };
const slotsEnded: JobEvent = { kind: "slotsEnded" };
const cancel: JobEvent = { kind: "cancel" };
const failure: JobEvent = { kind: "failure", cause: first };

function after(...events: readonly JobEvent[]): JobState {
  return events.reduce(nextJobState, { kind: "created" });
}

describe("the life of a job", () => {
  test.each<[string, readonly JobEvent[], JobState]>([
    ["it runs when it was started", [started], { kind: "running" }],
    ["it has finished when its slots have ended", [started, slotsEnded], { kind: "finished" }],
    ["it is cancelled when its slots have ended", [started, cancel, slotsEnded], { kind: "cancelled" }],
    ["it waits for its slots before it is cancelled", [started, cancel], { kind: "cancelling" }],
    ["it has failed when its slots have ended", [started, failure, slotsEnded], { kind: "failed", cause: first }],
    ["it waits for its slots before it has failed", [started, failure], { kind: "failing", cause: first }],
    ["it may be cancelled before it runs", [cancel, started, slotsEnded], { kind: "cancelled" }],
    ["it may fail before it runs", [failure, started, slotsEnded], { kind: "failed", cause: first }],
    ["a failure while it is cancelled changes nothing", [started, cancel, failure, slotsEnded], { kind: "cancelled" }],
    ["a failing job is not cancelled", [started, failure, cancel, slotsEnded], { kind: "failed", cause: first }],
    [
      "the first cause counts",
      [started, failure, { kind: "failure", cause: second }],
      { kind: "failing", cause: first },
    ],
  ])("%s", (_, events, state) => {
    expect(after(...events)).toEqual(state);
  });
});

const event = fc.oneof(
  fc.constantFrom(started, slotsEnded, cancel),
  fc.constantFrom(first, second).map((cause): JobEvent => ({ kind: "failure", cause })),
);

test("whatever happens, a final state is final, and an event that changes nothing gives the same object", () => {
  fc.assert(
    fc.property(fc.array(event), (events) => {
      let state: JobState = { kind: "created" };
      for (const each of events) {
        const next = nextJobState(state, each);
        if (isFinal(state)) expect(next).toBe(state);
        if (next.kind === state.kind) expect(next).toBe(state);
        state = next;
      }
    }),
  );
});

test("a job ends as what it was first told: to fail, to be cancelled, or neither", () => {
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const ended = [...events.filter((each) => each.kind !== "slotsEnded"), slotsEnded].reduce(nextJobState, {
        kind: "running",
      } as JobState);
      const told = events.find((each) => each.kind === "failure" || each.kind === "cancel");
      if (told === undefined) expect(ended).toEqual({ kind: "finished" });
      else if (told.kind === "cancel") expect(ended).toEqual({ kind: "cancelled" });
      else expect(ended).toEqual({ kind: "failed", cause: (told as { readonly cause: Error }).cause });
    }),
  );
});
