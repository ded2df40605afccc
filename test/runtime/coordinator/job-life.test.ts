import { describe, expect, test } from "vitest";
import {
  canRestart,
  createJob,
  isFinalStatus,
  type JobEffect,
  type JobEvent,
  type JobLife,
  type JobPlan,
  nextJob,
  statusOf,
} from "../../../runtime/coordinator/job-life.ts";
import { isOver, type RegionEvent } from "../../../runtime/coordinator/region-life.ts";
import type { RestartRule } from "../../../runtime/coordinator/restart-strategy.ts";
import type { JobStatus } from "../../../runtime/rest/views.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";
import { failed } from "./fixtures/errors.ts";

const twice: RestartRule = { kind: "fixedDelay", attempts: 2, delayMs: 10 };
/** Two regions of one slot each. */
const plan: JobPlan = { regionSlots: [1, 1], restart: twice };

function afterEvents(
  events: readonly JobEvent[],
  of = plan,
): { state: JobLife; status: JobStatus; effects: JobEffect[] } {
  let state = createJob(of.regionSlots.length);
  const effects: JobEffect[] = [];
  for (const event of events) {
    const next = nextJob(state, event, of);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, status: statusOf(state), effects };
}

const stored: JobEvent = { kind: "stored" };
const cancel: JobEvent = { kind: "cancel" };
const stop: JobEvent = { kind: "stop" };
const missing: JobEvent = { kind: "slotsMissing", error: failed("no slots", "SLOTS_MISSING") };
const of = (region: number, event: RegionEvent): JobEvent => ({ kind: "region", region, event });
const start = (region: number, attempt = 1): JobEvent[] => [
  of(region, { kind: "placed" }),
  of(region, { kind: "stored", attempt }),
  of(region, { kind: "slotRunning", attempt, slot: 0 }),
];
const ended = (region: number, attempt = 1): JobEvent => of(region, { kind: "slotEnded", attempt, slot: 0 });
const delayOver = (region: number, attempt: number): JobEvent => of(region, { kind: "delayOver", attempt });
const failure = (
  region: number,
  attempt = 1,
  message = "boom",
  code: "USER_FUNCTION" | "BAD_KEY" = "USER_FUNCTION",
): JobEvent => ({
  kind: "failure",
  region,
  attempt,
  error: failed(message, code),
  nowMs: 0,
  runningSinceMs: 0,
  random: 0.5,
});
const both = [stored, ...start(0), ...start(1)];

describe("the life of a job", () => {
  test.each<[string, readonly JobEvent[], JobStatus]>([
    ["it is created until it is stored", [], "CREATED"],
    ["it waits for slots", [stored], "WAITING"],
    ["it waits until all its regions have theirs", [stored, ...start(0)], "WAITING"],
    ["it runs", both, "RUNNING"],
    ["it has finished when all its regions have", [...both, ended(0), ended(1)], "FINISHED"],
    ["it runs while one of them does", [...both, ended(0)], "RUNNING"],
    ["it restarts when a region failed", [...both, failure(0)], "RESTARTING"],
    ["it restarts until the region runs again", [...both, failure(0), ended(0), delayOver(0, 1)], "RESTARTING"],
    ["then it runs", [...both, failure(0), ended(0), delayOver(0, 1), ...start(0, 2)], "RUNNING"],
    ["what no restart helps against fails it", [...both, failure(0, 1, "boom", "BAD_KEY")], "FAILING"],
    [
      "it has failed when its regions have ended",
      [...both, failure(0, 1, "boom", "BAD_KEY"), ended(0), ended(1)],
      "FAILED",
    ],
    ["it is cancelled when its regions have ended", [...both, cancel, ended(0), ended(1)], "CANCELED"],
    ["until then it is being cancelled", [...both, cancel, ended(0)], "CANCELLING"],
    ["a failure while it is cancelled changes nothing", [...both, cancel, failure(0), ended(0), ended(1)], "CANCELED"],
    ["a failing job is not cancelled", [...both, failure(0, 1, "x", "BAD_KEY"), cancel, ended(0), ended(1)], "FAILED"],
    ["it may be cancelled before it is stored", [cancel, stored], "CANCELED"],
    ["it may be cancelled while it waits", [stored, cancel], "CANCELED"],
    ["it may be cancelled between two attempts", [...both, failure(0), ended(0), cancel, ended(1)], "CANCELED"],
    ["without slots in time it fails", [stored, missing], "FAILED"],
    ["nothing is missing once it runs", [...both, missing], "RUNNING"],
    ["stopped, it runs to its end", [...both, stop, ended(0), ended(1)], "FINISHED"],
    ["stopped before it began, it is cancelled", [stored, stop], "CANCELED"],
    ["stopped while a region restarts, it fails", [...both, failure(0), stop, ended(0), ended(1)], "FAILED"],
    ["a failure while it stops is not hidden by a restart", [...both, stop, failure(0), ended(0), ended(1)], "FAILED"],
    ["a failure of an older attempt is none", [...both, failure(0, 0)], "RUNNING"],
    ["what follows a failure in a region is not another", [...both, failure(0), failure(0)], "RESTARTING"],
  ])("%s", (_, events, status) => {
    expect(afterEvents(events).status).toBe(status);
  });

  test("when restarts are exhausted it fails with the first cause of the series, and both are in its history", () => {
    const again = (attempt: number): JobEvent[] => [ended(0, attempt), delayOver(0, attempt), ...start(0, attempt + 1)];
    const { state, effects } = afterEvents([
      ...both,
      ...[failure(0, 1, "first"), ...again(1)],
      ...[failure(0, 2, "second"), ...again(2)],
      ...[failure(0, 3, "third"), ended(0, 3), ended(1)],
    ]);
    expect(statusOf(state)).toBe("FAILED");
    expect(state.cause?.message).toBe("first");
    const exceptions = effects.filter((effect) => effect.kind === "exception");
    expect(exceptions.map(({ error, restarted }) => [error.message, restarted])).toEqual([
      ["first", true],
      ["second", true],
      ["third", false],
    ]);
    expect(state.regions[1]?.restarts).toBe(0);
  });

  test("slots that are missing since a failure name it as their cause", () => {
    const { state } = afterEvents([...both, failure(0), ended(0), delayOver(0, 1), missing, ended(1)]);
    expect(state.cause).toMatchObject({ code: "SLOTS_MISSING", cause: { message: "boom" } });
  });

  test("stopping tells the regions that run, and those that start when they do", () => {
    const { effects } = afterEvents([
      stored,
      ...start(0),
      of(1, { kind: "placed" }),
      stop,
      of(1, { kind: "stored", attempt: 1 }),
      of(1, { kind: "slotRunning", attempt: 1, slot: 0 }),
    ]);
    const stops = effects.filter((effect) => effect.kind === "stopRegion");
    expect(stops).toEqual([
      { kind: "stopRegion", region: 0 },
      { kind: "stopRegion", region: 1 },
    ]);
  });

  test.each<[string, boolean]>([
    ["USER_FUNCTION", true],
    ["SLOT_LOST", true],
    ["WORKER_LOST", true],
    ["LINK_LOST", true],
    ["BAD_KEY", false],
    ["CANCELLED", false],
    ["A_CODE_OF_LATER", true],
    ["toString", true],
  ])("whether a restart may help against %s: %s", (code, helps) => {
    expect(canRestart({ ...failed("x"), code: code as never })).toBe(helps);
  });

  test("a defect without a code may depend on chance", () => {
    expect(canRestart(failed("x is not a function", null))).toBe(true);
  });
});

test("over a million random events the outcome is decided once, and undisturbed regions count no restarts", () => {
  const random = new SeededRandom(4);
  const statuses = new Set<string>();
  let checked = 0;
  for (let at = 0; at < 1_000_000; ) {
    const size = 1 + Math.floor(random.next() * 3);
    const job: JobPlan = {
      regionSlots: Array.from({ length: size }, () => 1 + Math.floor(random.next() * 2)),
      restart: twice,
    };
    let state = createJob(size);
    const failedRegions = new Set<number>();
    let overs = 0;
    for (let length = 0; length < 150; length++, at++) {
      const event = randomEvent(random, state, job);
      const before = state;
      const wasFinal = isFinalStatus(statusOf(before));
      const next = nextJob(before, event, job);
      state = next.state;
      const status = statusOf(state);
      statuses.add(status);
      if (wasFinal && (state !== before || next.effects.length > 0)) throw new Error("a final state changed");
      if (before.aim === "cancel" && state.aim !== "cancel") throw new Error("a cancelled job became another");
      if (before.aim === "fail" && (state.aim !== "fail" || state.cause !== before.cause))
        throw new Error("the cause changed");
      if (status === "FAILED" && state.cause === undefined) throw new Error("failed without a cause");
      if (status === "FINISHED" && state.regions.some(({ phase }) => phase !== "finished"))
        throw new Error("half done");
      for (const effect of next.effects) {
        if (effect.kind === "over") overs++;
        if (effect.kind === "exception" && effect.restarted) failedRegions.add(effect.region as number);
      }
      if (isFinalStatus(status) !== (overs === 1)) throw new Error(`${status}, and over ${overs} times`);
      for (const [region, life] of state.regions.entries()) {
        if (!failedRegions.has(region) && life.restarts > 0) throw new Error("an undisturbed region counts restarts");
        if (life.restarts > 2) throw new Error("more restarts than allowed");
        if (status === "RUNNING" && !isOver(life) && life.slots.length !== job.regionSlots[region]) {
          throw new Error("a region of a running job lacks slots");
        }
      }
      checked++;
    }
  }
  expect(checked).toBeGreaterThanOrEqual(1_000_000);
  expect([...statuses].sort()).toEqual([
    "CANCELED",
    "CANCELLING",
    "CREATED",
    "FAILED",
    "FAILING",
    "FINISHED",
    "RESTARTING",
    "RUNNING",
    "WAITING",
  ]);
});

function randomEvent(random: SeededRandom, state: JobLife, job: JobPlan): JobEvent {
  const region = Math.floor(random.next() * state.regions.length);
  const own = state.regions[region]?.attempt ?? 0;
  const attempt = random.next() < 0.9 ? own : own - 1;
  const slot = Math.floor(random.next() * (job.regionSlots[region] as number));
  const share = random.next();
  if (share < 0.1) return stored;
  if (share < 0.25) return of(region, { kind: "placed" });
  if (share < 0.4) return of(region, { kind: "stored", attempt });
  if (share < 0.6) return of(region, { kind: "slotRunning", attempt, slot });
  if (share < 0.75) return of(region, { kind: "slotEnded", attempt, slot });
  if (share < 0.82) return of(region, { kind: "unplaced", attempt });
  if (share < 0.9) return of(region, { kind: "delayOver", attempt });
  if (share < 0.98) return failure(region, attempt, "boom", random.next() < 0.97 ? "USER_FUNCTION" : "BAD_KEY");
  if (share < 0.985) return missing;
  return share < 0.992 ? stop : cancel;
}
