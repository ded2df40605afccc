import { describe, expect, test } from "vitest";
import type { ClusterId } from "../../../runtime/cluster-ids.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";
import {
  elapsedMs,
  type MembershipEffect,
  type MembershipEvent,
  type Moment,
  nextWorkerMembership,
  unconnected,
  type WorkerMembership,
} from "../../../runtime/worker/membership.ts";

const times = { retryMsMin: 100, retryMsMax: 1000, greetingTimeoutMs: 500 };

const at = (ms: number): Moment => ({ monotonicMs: ms, wallMs: 1e12 + ms });

const welcomeOf = (epoch: number) =>
  ({
    kind: "welcome",
    cluster: "c" as ClusterId,
    epoch,
    heartbeatEveryMs: 100,
    heartbeatTimeoutMs: 1000,
  }) as const;

const connected = (ms: number): MembershipEvent => ({ kind: "connected", at: at(ms) });
const welcome = (ms: number, epoch = 1): MembershipEvent => ({
  kind: "welcome",
  welcome: welcomeOf(epoch),
  at: at(ms),
});
const heard = (ms: number, epoch = 1): MembershipEvent => ({ kind: "heard", epoch, at: at(ms) });
const tick = (ms: number): MembershipEvent => ({ kind: "tick", at: at(ms) });
const disconnected = (ms: number): MembershipEvent => ({ kind: "disconnected", reason: "cut", at: at(ms) });
const failed = (final = false): MembershipEvent => ({ kind: "connectFailed", reason: "no", final, at: at(0) });
const active = [connected(0), welcome(10)];

function outcome(...events: readonly MembershipEvent[]): { state: WorkerMembership; effects: MembershipEffect[] } {
  let state = unconnected;
  let effects: readonly MembershipEffect[] = [];
  for (const event of events) ({ state, effects } = nextWorkerMembership(state, event, times));
  return { state, effects: [...effects] };
}

/** The last event's effects, by kind. */
const effectsAfter = (...events: readonly MembershipEvent[]): string[] =>
  outcome(...events).effects.map(({ kind }) => kind);

describe("a worker", () => {
  test.each<[string, readonly MembershipEvent[], WorkerMembership["kind"], readonly string[]]>([
    ["says hello when it is connected", [connected(0)], "greeting", ["hello"]],
    ["joins when it is welcome, and is heard at once", active, "active", ["join", "heartbeat"]],
    ["tries again when nobody is there", [failed()], "connecting", ["connect"]],
    ["ends when trying again cannot help", [failed(true)], "ended", ["end"]],
    [
      "ends when it is refused",
      [connected(0), { kind: "refused", reason: "another version", at: at(1) }],
      "ended",
      ["disconnect", "end"],
    ],
    ["does not wait for ever for an answer", [connected(0), tick(500)], "connecting", ["disconnect", "connect"]],
    ["sends heartbeats in time, and not more often", [...active, heard(50), tick(110)], "active", ["heartbeat"]],
    ["does not beat early", [...active, tick(100)], "active", []],
    ["drops what was said in another epoch", [...active, heard(20, 2)], "active", ["stale"]],
    ["fences itself after silence", [...active, tick(1010)], "lost", ["fence", "disconnect"]],
    ["fences itself when its connection is lost", [...active, disconnected(20)], "lost", ["fence", "disconnect"]],
    ["is fenced before it takes a message after a pause", [...active, heard(1010)], "lost", ["fence", "disconnect"]],
    [
      "connects again only when its slots are dead",
      [...active, disconnected(20), connected(30), { kind: "fenced", at: at(40) }],
      "connecting",
      ["connect"],
    ],
    [
      "ends when it is told to, its slots first",
      [...active, { kind: "shutdown", reason: "bye", at: at(20) }],
      "ended",
      ["fence", "disconnect", "end"],
    ],
  ])("%s", (_, events, state, effects) => {
    expect(outcome(...events).state.kind).toBe(state);
    expect(effectsAfter(...events)).toEqual(effects);
  });

  test("takes a jump of either clock for silence: the machine slept, or the process was stopped", () => {
    const jumped: Moment = { monotonicMs: 20, wallMs: at(5000).wallMs };
    expect(effectsAfter(...active, { kind: "tick", at: jumped })).toEqual(["fence", "disconnect"]);
    const setBack: Moment = { monotonicMs: 1500, wallMs: at(-90_000).wallMs };
    expect(effectsAfter(...active, { kind: "tick", at: setBack })).toEqual(["fence", "disconnect"]);
    expect(elapsedMs(at(10), setBack)).toBe(1490);
  });

  test("waits longer after each failed try, up to the most, and begins anew after it was a member", () => {
    const waits: (number | undefined)[] = [];
    let state = unconnected;
    for (let attempt = 0; attempt < 6; attempt++) {
      const next = nextWorkerMembership(state, failed(), times);
      state = next.state;
      waits.push(...next.effects.map((effect) => (effect.kind === "connect" ? effect.afterMs : undefined)));
    }
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
    const { state: again } = outcome(failed(), failed(), ...active, disconnected(20), { kind: "fenced", at: at(30) });
    expect(again).toEqual(unconnected);
  });
});

/** What a worker process would do by the effects, and what must never happen to it. */
class SlotsOfEpochs {
  /** The epoch whose slots may be alive; 0 for none. */
  #alive = 0;

  /** The process says "fenced" when its slots are dead. */
  died(): void {
    this.#alive = 0;
  }

  apply(effect: MembershipEffect, place: number, next: WorkerMembership): void {
    switch (effect.kind) {
      case "fence":
        if (place !== 0) throw new Error("something came before the fence");
        if (effect.epoch !== this.#alive) throw new Error(`epoch ${effect.epoch} is fenced, ${this.#alive} is alive`);
        break;
      case "join":
      case "hello":
      case "connect":
        if (this.#alive !== 0) throw new Error(`${effect.kind} while older slots are alive`);
        if (effect.kind === "join") this.#alive = effect.welcome.epoch;
        break;
      case "heartbeat":
        if (next.kind !== "active" || effect.epoch !== next.epoch) throw new Error("a heartbeat of no member");
        break;
      default:
        break;
    }
  }
}

test("over two million random events slots never outlive their epoch, and no hello comes before they are dead", () => {
  const random = new SeededRandom(7);
  const slots = new SlotsOfEpochs();
  const seen = new Set<string>();
  let state = unconnected;
  let ms = 0;
  let epoch = 0;
  for (let count = 0; count < 2_000_000; count++) {
    ms += random.next() < 0.001 ? 5000 : Math.floor(random.next() * 60);
    const event = randomEvent(random, at(ms), epoch);
    if (event.kind === "fenced" && state.kind === "lost") slots.died();
    const before = state;
    const { state: next, effects } = nextWorkerMembership(before, event, times);
    seen.add(`${before.kind} → ${next.kind}`);
    for (const [place, effect] of effects.entries()) slots.apply(effect, place, next);
    if (before.kind === "active" && next.kind === "active") {
      if (elapsedMs(before.heard, event.at) >= before.timeoutMs) throw new Error("a member after too long a silence");
      if (event.kind === "heard" && event.epoch !== before.epoch && next !== before) throw new Error("heard a zombie");
    }
    if (next.kind === "active") ({ epoch } = next);
    // An ended process is followed by another one.
    if (next.kind === "ended") slots.died();
    state = next.kind === "ended" ? unconnected : next;
  }
  expect([...seen].filter((arrow) => !/^(\w+) → \1$/.test(arrow)).sort()).toEqual([
    "active → ended",
    "active → lost",
    "connecting → ended",
    "connecting → greeting",
    "greeting → active",
    "greeting → connecting",
    "greeting → ended",
    "lost → connecting",
    "lost → ended",
  ]);
});

function randomEvent(random: SeededRandom, now: Moment, epoch: number): MembershipEvent {
  const share = random.next();
  if (share < 0.15) return { kind: "connected", at: now };
  if (share < 0.2) return { kind: "connectFailed", reason: "no", final: random.next() < 0.01, at: now };
  if (share < 0.35) return { kind: "welcome", welcome: welcomeOf(epoch + 1), at: now };
  if (share < 0.351) return { kind: "refused", reason: "no", at: now };
  if (share < 0.6) return { kind: "heard", epoch: random.next() < 0.8 ? epoch : epoch - 1, at: now };
  if (share < 0.62) return { kind: "disconnected", reason: "cut", at: now };
  if (share < 0.8) return { kind: "fenced", at: now };
  if (share < 0.801) return { kind: "shutdown", reason: "bye", at: now };
  return { kind: "tick", at: now };
}
