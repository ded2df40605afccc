// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeKey, type Key } from "../../../core/key.ts";
import { keyGroupsOfSubtask } from "../../../core/key-group.ts";
import type { Timer, TimerDomain } from "../../../core/operator.ts";
import type { StateSnapshot } from "../../../core/state-backend.ts";
import { TimerHeap } from "../../../runtime/task/timer-heap.ts";
import { TimerQueue } from "../../../runtime/task/timer-queue.ts";

const KEY_GROUPS = 16;
const open = { blocked: false };

function queue(subtask = 0, parallelism = 1, snapshots: readonly StateSnapshot[] = []): TimerQueue {
  const made = new TimerQueue({
    operator: "op",
    keyGroups: keyGroupsOfSubtask(subtask, KEY_GROUPS, parallelism),
    keyGroupCount: KEY_GROUPS,
  });
  for (const snapshot of snapshots) made.restore(snapshot);
  return made;
}

function due(timers: TimerQueue, time = Number.POSITIVE_INFINITY, domain: TimerDomain = "event"): [Key, number][] {
  const fired: [Key, number][] = [];
  timers.advance(domain, time, ({ key, timestamp }) => fired.push([key, timestamp]), open);
  return fired;
}

test("timers fire in order of time, ties in order of registration", () => {
  const timers = queue();
  for (const [key, time] of [
    ["b", 20],
    ["a", 10],
    ["c", 20],
    [1, 10],
    [[1, "x"], 5],
  ] as const)
    timers.register(key, "event", time);
  expect(timers.next("event")).toBe(5);
  expect(due(timers, 10)).toEqual([
    [[1, "x"], 5],
    ["a", 10],
    [1, 10],
  ]);
  expect(due(timers, 19)).toEqual([]);
  expect(timers.next("event")).toBe(20);
  expect(due(timers, 20)).toEqual([
    ["b", 20],
    ["c", 20],
  ]);
  expect([timers.next("event"), timers.size]).toEqual([Number.POSITIVE_INFINITY, 0]);
});

test("a timer that is registered twice fires once", () => {
  const timers = queue();
  timers.register("a", "event", 0);
  timers.register("a", "event", -0);
  expect(due(timers)).toEqual([["a", 0]]);
});

test("the domains are separate", () => {
  const timers = queue();
  timers.register("a", "event", 1);
  timers.register("a", "processing", 2);
  timers.delete("a", "event", 2);
  expect(due(timers, 5, "processing")).toEqual([["a", 2]]);
  expect(due(timers, 5, "event")).toEqual([["a", 1]]);
});

test("a deleted timer does not fire, and takes a new place when it is registered again", () => {
  const timers = queue();
  for (const key of ["a", "b", "c"]) timers.register(key, "event", 1);
  timers.register("a", "event", 9);
  timers.delete("a", "event", 1);
  timers.delete("c", "event", 1);
  timers.delete("unknown", "event", 1);
  timers.register("a", "event", 1);
  expect(due(timers)).toEqual([
    ["b", 1],
    ["a", 1],
    ["a", 9],
  ]);
});

test("a key whose last timer has fired or was deleted is forgotten", () => {
  const timers = queue();
  for (let i = 0; i < 1000; i++) {
    timers.register(i, "event", i);
    timers.register(`deleted-${i}`, "processing", i);
    timers.delete(`deleted-${i}`, "processing", i);
    expect(due(timers, i)).toEqual([[i, i]]);
  }
  expect(timers.keySlots).toBeLessThanOrEqual(2);
});

test("timers that are registered while firing and already due fire too; those deleted do not", () => {
  const timers = queue();
  timers.register("a", "event", 10);
  timers.register("z", "event", 30);
  const fired: unknown[] = [];
  const fire = ({ key, timestamp }: Timer) => {
    fired.push([key, timestamp]);
    if (timestamp === 10) {
      timers.register("b", "event", 5);
      timers.register("c", "event", 20);
      timers.register("d", "event", 100);
      timers.delete("z", "event", 30);
    }
  };
  expect(timers.advance("event", 50, fire, open)).toBe(true);
  expect(fired).toEqual([
    ["a", 10],
    ["b", 5],
    ["c", 20],
  ]);
  expect(timers.next("event")).toBe(100);
});

test("a blocked gate stops the firing, which goes on where it stopped", () => {
  const timers = queue();
  for (let time = 0; time < 5; time++) timers.register("a", "event", time);
  const fired: number[] = [];
  const gate = { blocked: false };
  const fire = ({ timestamp }: Timer) => {
    fired.push(timestamp);
    gate.blocked = fired.length === 2;
  };
  expect(timers.advance("event", 3, fire, gate)).toBe(false);
  expect(fired).toEqual([0, 1]);
  expect(timers.advance("event", 3, fire, gate)).toBe(false);
  gate.blocked = false;
  expect(timers.advance("event", 3, fire, gate)).toBe(true);
  expect(fired).toEqual([0, 1, 2, 3]);
  gate.blocked = true;
  expect(timers.advance("event", 3, fire, gate)).toBe(true); // nothing is due
});

test("NaN is neither a time nor a key", () => {
  expect(() => queue().register("a", "event", Number.NaN)).toThrow(expect.objectContaining({ code: "STATE_MISUSE" }));
  expect(() => queue().register(Number.NaN, "event", 1)).toThrow(expect.objectContaining({ code: "BAD_KEY" }));
});

test("moving a timer again and again does not grow the heap", () => {
  const heap = new TimerHeap();
  let order = 0;
  let longest = 0;
  for (let slot = 0; slot < 10; slot++) heap.add(slot, 0, order++);
  for (let time = 1; time < 10_000; time++) {
    for (let slot = 0; slot < 10; slot++) {
      heap.delete(slot, time - 1);
      heap.add(slot, time, order++);
      longest = Math.max(longest, heap.length);
    }
  }
  expect(heap.size).toBe(10);
  expect(longest).toBeLessThan(40);
  for (let slot = 0; slot < 10; slot++) heap.delete(slot, 9999);
  expect(heap.next()).toBe(Number.POSITIVE_INFINITY);
});

test("a restored queue fires exactly as the one that was saved, which may go on meanwhile", () => {
  const timers = queue();
  for (let i = 0; i < 5000; i++)
    timers.register(i % 2 === 0 ? i : `key-${i}`, i % 3 === 0 ? "processing" : "event", (i * 7919) % 50);
  const snapshot = timers.snapshot();
  const copy = queue(0, 1, [snapshot]);
  for (const domain of ["event", "processing"] as const)
    expect(due(copy, 100, domain)).toEqual(due(timers, 100, domain));
  expect(queue(0, 1, [snapshot]).size).toBe(5000);
});

test("rescaling from 1 to 3 to 2 subtasks loses and doubles no timer", () => {
  const timers = queue();
  for (let i = 0; i < 1000; i++) timers.register(i, "event", i % 10);
  const three = [0, 1, 2].map((subtask) => queue(subtask, 3, [timers.snapshot()]));
  const two = [0, 1].map((subtask) =>
    queue(
      subtask,
      2,
      three.map((each) => each.snapshot()),
    ),
  );
  expect(
    two
      .flatMap((each) => due(each))
      .map(([key]) => key as number)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

test("the same timers restored twice, or damaged ones, are refused", () => {
  const timers = queue();
  timers.register("a", "event", 1);
  const snapshot = timers.snapshot();
  const corrupt = expect.objectContaining({ code: "STATE_CORRUPT" });
  expect(() => queue(0, 1, [snapshot, snapshot])).toThrow(corrupt);
  const [[group, [block]]] = [...snapshot] as [[number, [Uint8Array]]];
  const damaged = block.slice();
  damaged[damaged.length - 1]! ^= 1;
  expect(() => queue(0, 1, [new Map([[group, [damaged]]])])).toThrow(corrupt);
});

const step = fc.record({
  do: fc.constantFrom(
    "register",
    "register",
    "register",
    "register",
    "delete",
    "delete",
    "delete",
    "advance",
    "restart",
  ),
  key: fc.constantFrom<Key[]>(0, 1, "1", [1, 2]),
  domain: fc.constantFrom<TimerDomain[]>("event", "event", "event", "processing"),
  time: fc.integer({ min: 0, max: 3 }),
});

test("any use gives what a sorted list gives", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      let timers = queue();
      let model: Timer[] = [];
      for (const { do: what, key, domain, time } of steps) {
        const same = (timer: Timer) =>
          timer.domain === domain && timer.timestamp === time && encodeKey(timer.key, "op") === encodeKey(key, "op");
        const isDue = (timer: Timer) => timer.domain === domain && timer.timestamp <= time;
        if (what === "register") {
          timers.register(key, domain, time);
          if (!model.some(same)) model.push({ key, domain, timestamp: time });
        } else if (what === "delete") {
          timers.delete(key, domain, time);
          model = model.filter((timer) => !same(timer));
        } else if (what === "restart") {
          timers = queue(0, 1, [timers.snapshot()]);
        } else {
          const expected = model.filter(isDue).sort((a, b) => a.timestamp - b.timestamp);
          expect(due(timers, time, domain)).toEqual(expected.map((timer) => [timer.key, timer.timestamp]));
          model = model.filter((timer) => !isDue(timer));
        }
        expect(timers.size).toBe(model.length);
        for (const each of ["event", "processing"] as const) {
          expect(timers.next(each)).toBe(
            Math.min(...model.filter((timer) => timer.domain === each).map((timer) => timer.timestamp)),
          );
        }
      }
    }),
  );
});
