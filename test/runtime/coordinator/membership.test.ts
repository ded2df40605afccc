import { describe, expect, test } from "vitest";
import type { ClusterId, WorkerId } from "../../../runtime/cluster-ids.ts";
import { CONTROL_PROTOCOL, type WorkerHello } from "../../../runtime/cluster-protocol.ts";
import {
  absent,
  isMember,
  type Membership,
  type MembershipEffect,
  type MembershipEvent,
  nextMembership,
  refusalOf,
  takesWork,
} from "../../../runtime/coordinator/membership.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";

const silence = { suspectAfterMs: 300, lostAfterMs: 1000 };

function afterEvents(...events: readonly MembershipEvent[]): { state: Membership; effects: MembershipEffect[] } {
  let state = absent;
  const effects: MembershipEffect[] = [];
  for (const event of events) {
    const next = nextMembership(state, event, silence);
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, effects };
}

const hello = (epoch: number, nowMs = 0): MembershipEvent => ({ kind: "hello", epoch, nowMs });
const heard = (epoch: number, nowMs: number): MembershipEvent => ({ kind: "heard", epoch, nowMs });
const tick = (nowMs: number): MembershipEvent => ({ kind: "tick", nowMs });

describe("a worker as the coordinator sees it", () => {
  test.each<[string, readonly MembershipEvent[], Membership, readonly MembershipEffect["kind"][]]>([
    ["it is greeted when it says hello", [hello(1)], { kind: "greeted", epoch: 1, heardMs: 0 }, []],
    ["it is active once it was heard", [hello(1), heard(1, 5)], { kind: "active", epoch: 1, heardMs: 5 }, []],
    [
      "it is suspected when it is silent",
      [hello(1), heard(1, 5), tick(305)],
      { kind: "suspected", epoch: 1, heardMs: 5 },
      [],
    ],
    [
      "a suspected one that is heard is active again",
      [hello(1), heard(1, 5), tick(305), heard(1, 400)],
      { kind: "active", epoch: 1, heardMs: 400 },
      [],
    ],
    ["it is lost when it stays silent", [hello(1), heard(1, 5), tick(1005)], { kind: "lost", epoch: 1 }, ["lost"]],
    ["one that never speaks after its hello is lost too", [hello(1), tick(1000)], { kind: "lost", epoch: 1 }, ["lost"]],
    [
      "it is lost with its connection",
      [hello(1), { kind: "connectionLost", epoch: 1, reason: "cut" }],
      { kind: "lost", epoch: 1 },
      ["lost"],
    ],
    [
      "hello again ends the epoch before",
      [hello(1), heard(1, 5), hello(2, 10)],
      { kind: "greeted", epoch: 2, heardMs: 10 },
      ["lost"],
    ],
    [
      "a zombie's words count for nothing",
      [hello(1), tick(1000), heard(1, 1001)],
      { kind: "lost", epoch: 1 },
      ["lost", "stale"],
    ],
    [
      "the end of an older connection does not end the new one",
      [hello(1), hello(2), { kind: "connectionLost", epoch: 1, reason: "cut" }],
      { kind: "greeted", epoch: 2, heardMs: 0 },
      ["lost", "stale"],
    ],
  ])("%s", (_, events, state, effects) => {
    const end = afterEvents(...events);
    expect(end.state).toEqual(state);
    expect(end.effects.map((effect) => effect.kind)).toEqual(effects);
  });

  test("an epoch that does not grow is a defect of the coordinator", () => {
    expect(() => afterEvents(hello(2), hello(2))).toThrow("an epoch grows");
  });
});

test("over a million random events epochs grow, each is lost at most once, and what was lost takes no work", () => {
  const random = new SeededRandom(1);
  let state = absent;
  let nowMs = 0;
  let epoch = 0;
  let lastLost = 0;
  const seen = new Set<string>();
  for (let at = 0; at < 1_000_000; at++) {
    nowMs += Math.floor(random.next() * 200);
    const own = state.kind === "absent" ? 0 : state.epoch;
    const some = random.next() < 0.8 ? own : own - 1;
    const event = pickEvent(random.next(), some, nowMs, () => ++epoch);
    const before = state;
    const { state: next, effects } = nextMembership(before, event, silence);
    seen.add(`${before.kind} → ${next.kind}`);
    const stale = event.kind !== "hello" && event.kind !== "tick" && (event.epoch !== own || !isMember(before));
    if (stale !== effects.some((effect) => effect.kind === "stale")) throw new Error(`staleness of event ${at}`);
    if (stale && next !== before) throw new Error(`a stale event changed something at ${at}`);
    for (const effect of effects) {
      if (effect.kind !== "lost") continue;
      if (effect.epoch <= lastLost) throw new Error(`epoch ${effect.epoch} was lost twice`);
      lastLost = effect.epoch;
    }
    if (next.kind !== "absent" && next.epoch < own) throw new Error("an epoch went back");
    if (takesWork(next) && (!isMember(next) || next.epoch <= lastLost)) throw new Error("lost, and takes work");
    if (before.kind === "lost" && next.kind !== "lost" && event.kind !== "hello") throw new Error("back without hello");
    state = next;
  }
  // Every arrow of the diagram was taken.
  expect([...seen].filter((arrow) => !/^(\w+) → \1$/.test(arrow)).sort()).toEqual([
    "absent → greeted",
    "active → greeted",
    "active → lost",
    "active → suspected",
    "greeted → active",
    "greeted → lost",
    "lost → greeted",
    "suspected → active",
    "suspected → greeted",
    "suspected → lost",
  ]);
});

function pickEvent(share: number, epoch: number, nowMs: number, newEpoch: () => number): MembershipEvent {
  if (share < 0.05) return { kind: "hello", epoch: newEpoch(), nowMs };
  if (share < 0.1) return { kind: "connectionLost", epoch, reason: "cut" };
  return share < 0.4 ? { kind: "heard", epoch, nowMs } : { kind: "tick", nowMs };
}

describe("who may join", () => {
  const own = { version: "1.2.3", cluster: "c1" as ClusterId };
  const fine: WorkerHello = {
    kind: "hello",
    protocol: CONTROL_PROTOCOL,
    version: "1.2.3",
    description: {
      worker: "w1" as WorkerId,
      host: "localhost",
      pid: 1,
      slots: 1,
      labels: {},
      memoryBytes: 0,
      exchange: { kind: "unix", path: "/tmp/w1" },
    },
  };

  test("a worker of the same version, new or of this cluster", () => {
    expect(refusalOf(fine, own)).toBeUndefined();
    expect(refusalOf({ ...fine, cluster: own.cluster }, own)).toBeUndefined();
  });

  test.each<[string, Partial<WorkerHello>, string]>([
    ["another version", { version: "1.2.4" }, "runs millrace 1.2.4, the coordinator 1.2.3"],
    ["another protocol", { protocol: 99 }, "speaks version 99 of the protocol"],
    ["another cluster", { cluster: "c2" as ClusterId }, "belongs to cluster c2, this is c1"],
  ])("not one of %s", (_, other, message) => {
    const refusal = refusalOf({ ...fine, ...other }, own);
    expect(refusal?.code).toBe("WORKER_REFUSED");
    expect(refusal?.message).toContain(message);
  });
});
