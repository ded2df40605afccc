import { describe, expect, test } from "vitest";
import {
  createRegion,
  isOver,
  nextRegion,
  type RegionEffect,
  type RegionEvent,
  type RegionLife,
} from "../../../runtime/coordinator/region-life.ts";
import { SeededRandom } from "../../../runtime/testing/seeded-random.ts";

function afterEvents(...events: readonly RegionEvent[]): { state: RegionLife; effects: RegionEffect["kind"][] } {
  let state = createRegion();
  const effects: RegionEffect["kind"][] = [];
  for (const event of events) {
    const next = nextRegion(state, event, 2);
    state = next.state;
    effects.push(...next.effects.map((effect) => effect.kind));
  }
  return { state, effects };
}

const wait: RegionEvent = { kind: "wait" };
const placed: RegionEvent = { kind: "placed" };
const giveUp: RegionEvent = { kind: "giveUp" };
const restart: RegionEvent = { kind: "restart", afterMs: 5 };
const unplaced = (attempt = 1): RegionEvent => ({ kind: "unplaced", attempt });
const stored = (attempt = 1): RegionEvent => ({ kind: "stored", attempt });
const delayOver = (attempt = 1): RegionEvent => ({ kind: "delayOver", attempt });
const running = (slot: number, attempt = 1): RegionEvent => ({ kind: "slotRunning", attempt, slot });
const ended = (slot: number, attempt = 1): RegionEvent => ({ kind: "slotEnded", attempt, slot });
const deployed = [wait, placed, stored()];
const runs = [...deployed, running(0), running(1)];

describe("the life of a region", () => {
  test.each<[string, readonly RegionEvent[], RegionLife["phase"], readonly RegionEffect["kind"][]]>([
    ["it waits for slots", [wait], "waiting", ["request"]],
    ["its attempt is stored before it is deployed", [wait, placed], "scheduled", ["request", "store"]],
    ["it is deployed", deployed, "deploying", ["request", "store", "deploy"]],
    ["it runs when all its slots do", runs, "running", ["request", "store", "deploy", "running"]],
    ["it deploys while a slot does", [...deployed, running(0)], "deploying", ["request", "store", "deploy"]],
    [
      "it has finished when all its slots have ended",
      [...runs, ended(0), ended(1)],
      "finished",
      ["request", "store", "deploy", "running", "finished"],
    ],
    [
      "a slot may have ended before the last one runs",
      [...deployed, ended(0), running(1)],
      "running",
      ["request", "store", "deploy", "running"],
    ],
    ["it goes on while one works", [...runs, ended(0)], "running", ["request", "store", "deploy", "running"]],
    [
      "slots lost before it was deployed are asked for again",
      [wait, placed, unplaced()],
      "waiting",
      ["request", "store", "release", "request"],
    ],
    [
      "after a failure its slots end first",
      [...runs, restart],
      "ending",
      ["request", "store", "deploy", "running", "end"],
    ],
    [
      "then it waits for its delay",
      [...runs, restart, ended(0), ended(1)],
      "delayed",
      ["request", "store", "deploy", "running", "end", "delay"],
    ],
    [
      "then for slots",
      [...runs, restart, ended(0), ended(1), delayOver()],
      "waiting",
      ["request", "store", "deploy", "running", "end", "delay", "request"],
    ],
    ["it gives up before it began", [giveUp], "ended", ["ended"]],
    ["it gives up while it waits", [wait, giveUp], "ended", ["request", "withdraw", "ended"]],
    ["it gives up what was reserved", [wait, placed, giveUp], "ended", ["request", "store", "release", "ended"]],
    [
      "it gives up what runs, when its slots have ended",
      [...runs, giveUp, ended(1), ended(0)],
      "ended",
      ["request", "store", "deploy", "running", "end", "ended"],
    ],
    [
      "it gives up a restart",
      [...runs, restart, giveUp, ended(1), ended(0)],
      "ended",
      ["request", "store", "deploy", "running", "end", "ended"],
    ],
    ["another attempt's slots are not its own", [...runs, ended(0, 2), ended(1, 0)], "running", []],
  ])("%s", (_, events, phase, effects) => {
    const end = afterEvents(...events);
    expect(end.state.phase).toBe(phase);
    if (effects.length > 0) expect(end.effects).toEqual(effects);
  });

  test("attempts and restarts are counted, and restarting ends when it runs", () => {
    const again = afterEvents(...runs, restart, ended(0), ended(1), delayOver(), placed);
    expect(again.state).toMatchObject({ attempt: 2, restarts: 1, restarting: true });
    const { state } = afterEvents(
      ...[...runs, restart, ended(0), ended(1), delayOver(), placed],
      ...[stored(2), running(0, 2), running(1, 2)],
    );
    expect(state).toMatchObject({ phase: "running", attempt: 2, restarts: 1, restarting: false });
  });
});

test("over a million random events slots are requested, held and given back in turn", () => {
  const random = new SeededRandom(3);
  const seen = new Set<string>();
  let state = createRegion();
  let held: "none" | "requested" | "reserved" | "deployed" = "none";
  for (let at = 0; at < 1_000_000; at++) {
    const slots = 1 + (at % 3);
    const event = randomEvent(random, state.attempt, slots);
    const { state: next, effects } = nextRegion(state, event, slots);
    if ("attempt" in event && event.attempt !== state.attempt && next !== state) throw new Error("not fenced");
    if (isOver(state) && next !== state) throw new Error("a final state changed");
    if (next.attempt < state.attempt || next.attempt > state.attempt + 1) throw new Error("attempts jump");
    for (const effect of effects) held = hold(held, effect, at);
    if (event.kind === "placed" && next.phase === "scheduled" && state.phase === "waiting") held = "reserved";
    const deployedPhase = ["deploying", "running", "ending"].includes(next.phase);
    if (deployedPhase !== next.slots.length > 0) throw new Error(`${next.phase} with ${next.slots.length} slots`);
    if (deployedPhase && !next.slots.some((slot) => slot !== "ended")) throw new Error("nothing works any more");
    if (next.phase === "running" && next.slots.includes("deploying")) throw new Error("runs without all its slots");
    if (isOver(next) && held !== "none" && held !== "deployed") throw new Error(`over, and holds ${held}`);
    if (next.phase !== state.phase) seen.add(`${state.phase} → ${next.phase}`);
    state = next;
    if (isOver(state)) {
      state = createRegion(state.attempt, 0);
      held = "none";
    }
  }
  expect([...seen].sort()).toEqual([
    "created → ended",
    "created → waiting",
    "delayed → ended",
    "delayed → waiting",
    "deploying → ending",
    "deploying → finished",
    "deploying → running",
    "ending → delayed",
    "ending → ended",
    "running → ending",
    "running → finished",
    "scheduled → deploying",
    "scheduled → ended",
    "scheduled → waiting",
    "waiting → ended",
    "waiting → scheduled",
  ]);
});

/** What the region holds after an effect; an effect that does not fit to what it holds is a defect. */
function hold(held: string, { kind }: RegionEffect, at: number): "none" | "requested" | "reserved" | "deployed" {
  const from: Readonly<Record<string, readonly string[]>> = {
    request: ["none", "deployed"],
    withdraw: ["requested"],
    store: ["requested"],
    deploy: ["reserved"],
    release: ["reserved"],
  };
  if (from[kind] !== undefined && !from[kind].includes(held)) throw new Error(`${kind} while ${held}, at ${at}`);
  if (kind === "request") return "requested";
  if (kind === "withdraw" || kind === "release") return "none";
  if (kind === "store") return "reserved";
  if (kind === "deploy") return "deployed";
  return held as "deployed";
}

function randomEvent(random: SeededRandom, own: number, slots: number): RegionEvent {
  const attempt = random.next() < 0.9 ? own : own - 1;
  const slot = Math.floor(random.next() * slots);
  const share = random.next();
  if (share < 0.1) return { kind: "wait" };
  if (share < 0.2) return { kind: "placed" };
  if (share < 0.25) return { kind: "unplaced", attempt };
  if (share < 0.4) return { kind: "stored", attempt };
  if (share < 0.65) return { kind: "slotRunning", attempt, slot };
  if (share < 0.85) return { kind: "slotEnded", attempt, slot };
  if (share < 0.93) return { kind: "delayOver", attempt };
  return share < 0.98 ? { kind: "restart", afterMs: 1 } : { kind: "giveUp" };
}
