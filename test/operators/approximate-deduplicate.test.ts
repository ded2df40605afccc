/** Deduplication by Bloom filters: what it never does, how often it may err, and what it remembers for how long. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { hashKey } from "../../core/key.ts";
import { keyGroupOf, subtaskOfKeyGroup } from "../../core/key-group.ts";
import { collectTo, type DataStream, type DeduplicateOptions, fromArray } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { runEverywhere } from "./run-everywhere.ts";

const by = (options: DeduplicateOptions) => (input: DataStream<number | string>) =>
  input.keyBy((key) => key).deduplicate("unique", options) as DataStream<number | string>;

const few = { capacity: 100, falsePositiveRate: 1e-6 };

test("the first of each key goes on, the others are dropped and counted", async () => {
  const steps: Step<number | string>[] = [1, "1", 2, 1, "1", 3, 2].map((key) => [key]);
  const { records } = await driveInEveryWay(by({ approximate: few }), steps);
  expect(records).toEqual([1, "1", 2, 3]);
  const harness = await openHarness(by({ approximate: few }));
  for (const key of [1, 1, 1, 2]) harness.push(key);
  expect(harness.metrics().counters).toEqual({ duplicateRecords: 2 });
});

test("random keys: no duplicate goes on, and all keys do at a rate of a millionth", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }), async (keys) => {
      const { records } = await driveInEveryWay(
        by({ approximate: few }),
        keys.map((key): Step<number> => [key]),
      );
      expect(records).toEqual([...new Set(keys)]);
    }),
    { numRuns: 15 },
  );
});

test("of different keys at most the rate is dropped, also with eight times the keys that were expected", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        first: fc.nat(1e9),
        capacity: fc.integer({ min: 1, max: 2000 }),
        falsePositiveRate: fc.constantFrom(0.001, 0.01, 0.1),
        keyGroups: fc.constantFrom(2, 16, 128),
      }),
      async ({ first, capacity, falsePositiveRate, keyGroups }) => {
        const keys = 8000;
        const harness = await openHarness(by({ approximate: { capacity, falsePositiveRate } }), { keyGroups });
        for (let key = first; key < first + keys; key++) harness.push(key);
        const dropped = keys - harness.records.length;
        const mean = falsePositiveRate * keys;
        expect(dropped).toBeLessThan(mean + 6 * Math.sqrt(mean) + 3);
        for (const key of harness.records) harness.push(key);
        expect(harness.records.length).toBe(keys - dropped);
      },
    ),
    { numRuns: 12 },
  );
});

/** By their first letter. */
const byLetter = (options: DeduplicateOptions) => (input: DataStream<string>) =>
  input.keyBy((text) => text.slice(0, 1)).deduplicate("unique", options) as DataStream<string>;

test("by the clock, a key is remembered for its time to live, and a third longer at most", async () => {
  const { records } = await driveInEveryWay(byLetter({ approximate: few, ttl: "30ms" }), [
    ["a at 0"],
    { advanceTime: 9 },
    ["b at 9"],
    { advanceTime: 21 },
    ["a at 30"],
    { advanceTime: 8 },
    ["b at 38"],
    { advanceTime: 2 },
    ["a at 40"],
    ["b at 40"],
  ]);
  expect(records).toEqual(["a at 0", "b at 9", "a at 40", "b at 40"]);
});

test("by event time it is the same in whatever steps the watermark comes, and old filters are dropped", async () => {
  const options: DeduplicateOptions = { approximate: few, ttl: "30ms", time: "event" };
  for (const watermarks of [[], [5, 25, 39], [39]]) {
    const { records } = await driveInEveryWay(byLetter(options), [
      ["a at 0", 0],
      ["b at 15", 15],
      ["a at 30", 30],
      ...watermarks.map((watermark): Step<string> => ({ watermark })),
      ["a at 40", 40],
      ["b at 49", 49],
      ["b at 50", 50],
    ]);
    expect(records).toEqual(["a at 0", "b at 15", "a at 40", "b at 50"]);
  }
  const harness = await openHarness(by(options));
  for (let time = 0; time < 1000; time += 10) {
    harness.push(time, time);
    harness.watermark(time);
  }
  const groups = [...harness.snapshot().values()].map(({ keyed }) => keyed?.size ?? 0);
  expect(Math.max(...groups)).toBeGreaterThan(0);
  expect(Math.max(...groups)).toBeLessThanOrEqual(5); // the keys of the last four slices
});

test("at any parallelism, each key goes on once", async () => {
  const keys = Array.from({ length: 300 }, (_, i) => (i * 7919) % 83);
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(keys))
        .keyBy((key) => key)
        .deduplicate("unique", { approximate: { capacity: 100, falsePositiveRate: 1e-6 } })
        .to(collectTo("out")),
    ({ rows }) =>
      expect(rows<number>("out").toSorted((a, b) => a - b)).toEqual([...new Set(keys)].sort((a, b) => a - b)),
  );
});

test("a snapshot is dealt out by key groups", async () => {
  const whole = await openHarness(by({ approximate: few }), { keyGroups: 8 });
  for (let key = 0; key < 50; key++) whole.push(key);
  const snapshot = whole.snapshot();
  for (const subtask of [0, 1, 2]) {
    const part = await openHarness(by({ approximate: few }), {
      ...{ keyGroups: 8, subtask, parallelism: 3 },
      restore: [snapshot],
    });
    const isOwn = (key: number) => subtaskOfKeyGroup(keyGroupOf(hashKey(key, "test"), 8), 8, 3) === subtask;
    for (let key = 0; key < 100; key++) if (isOwn(key)) part.push(key);
    expect(part.records).toEqual(Array.from({ length: 50 }, (_, i) => 50 + i).filter(isOwn));
  }
});

test("what filters cannot tell is refused", () => {
  const options: DeduplicateOptions = { approximate: few, keep: "last" };
  return expect(openHarness(by(options))).rejects.toThrow(
    /expects keep to be first, got "last, which filters cannot tell"/,
  );
});
