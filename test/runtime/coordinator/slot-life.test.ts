import { describe, expect, test } from "vitest";
import type { AttemptId } from "../../../runtime/cluster-ids.ts";
import { freeSlot, nextSlot, type SlotEvent, type SlotLife } from "../../../runtime/coordinator/slot-life.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";

const a = "job/0/1" as AttemptId;
const b = "job/0/2" as AttemptId;
const reserve: SlotEvent = { kind: "reserve", attempt: a, slot: 3 };
const of = (kind: "release" | "deploy" | "running" | "end" | "ended", attempt = a): SlotEvent => ({ kind, attempt });

function afterEvents(...events: readonly SlotEvent[]): SlotLife {
  return events.reduce(nextSlot, freeSlot);
}

describe("the life of a slot", () => {
  test.each<[string, readonly SlotEvent[], SlotLife["kind"]]>([
    ["it is reserved for an attempt", [reserve], "reserved"],
    ["a reservation can be released", [reserve, of("release")], "free"],
    ["what is deployed is not released", [reserve, of("deploy"), of("release")], "deploying"],
    ["it runs", [reserve, of("deploy"), of("running")], "running"],
    ["it is free when its task has ended", [reserve, of("deploy"), of("running"), of("ended")], "free"],
    ["it ends when it is told to", [reserve, of("deploy"), of("end")], "ending"],
    ["what ends does not run any more", [reserve, of("deploy"), of("end"), of("running")], "ending"],
    ["it may end before it ran", [reserve, of("deploy"), of("ended")], "free"],
    ["nobody takes a slot that is taken", [reserve, { kind: "reserve", attempt: b, slot: 0 }], "reserved"],
    ["another attempt's end is not its own", [reserve, of("deploy"), of("ended", b)], "deploying"],
    ["it is lost with its worker", [reserve, of("deploy"), { kind: "lost" }], "lost"],
    ["what is lost stays lost", [{ kind: "lost" }, reserve, of("ended")], "lost"],
  ])("%s", (_, events, kind) => {
    expect(afterEvents(...events).kind).toBe(kind);
  });
});

test("over a million random events a slot never has two attempts, and is only free after the end of its own", () => {
  const random = new SeededRandom(2);
  const kinds = ["release", "deploy", "running", "end", "ended"] as const;
  const seen = new Set<string>();
  let state: SlotLife = freeSlot;
  for (let at = 0; at < 1_000_000; at++) {
    const attempt = random.next() < 0.7 ? a : b;
    const share = random.next();
    const event: SlotEvent =
      share < 0.01
        ? { kind: "lost" }
        : share < 0.3
          ? { kind: "reserve", attempt, slot: 0 }
          : of(random.pick(kinds), attempt);
    const next = nextSlot(state, event);
    if ("attempt" in state && "attempt" in next && state.attempt !== next.attempt) throw new Error("taken twice");
    if ("attempt" in state && "attempt" in event && event.attempt !== state.attempt && next !== state) {
      throw new Error("an event of another attempt changed something");
    }
    if (next.kind === "free" && state.kind !== "free" && event.kind !== "ended" && event.kind !== "release") {
      throw new Error(`free after ${event.kind}`);
    }
    if (next !== state) seen.add(`${state.kind} → ${next.kind}`);
    state = next.kind === "lost" ? freeSlot : next;
  }
  expect([...seen].sort()).toEqual([
    "deploying → ending",
    "deploying → free",
    "deploying → lost",
    "deploying → running",
    "ending → free",
    "ending → lost",
    "free → lost",
    "free → reserved",
    "reserved → deploying",
    "reserved → free",
    "reserved → lost",
    "running → ending",
    "running → free",
    "running → lost",
  ]);
});
