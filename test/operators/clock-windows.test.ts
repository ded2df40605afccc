/** Windows by the clock, of which an aggregate gives the result: results as a plain program makes them. */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  aggregates,
  counting,
  countingDistinct,
  cumulative,
  type DataStream,
  sliding,
  tumbling,
  type WindowResult,
} from "../../index.ts";
import { openHarness, VirtualClock } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";

type Result = WindowResult<string, unknown>;
const byClock = { time: "processing" } as const;

const windows = {
  tumbling: { window: tumbling("10ms", byClock), spans: (at: number) => [[floor(at, 10), floor(at, 10) + 10]] },
  sliding: { window: sliding("10ms", "5ms", byClock), spans: (at: number) => slidingSpans(at) },
  cumulative: {
    window: cumulative("20ms", "10ms", byClock),
    spans: (at: number) =>
      [10, 20].map((end) => [floor(at, 20), floor(at, 20) + end]).filter(([, end = 0]) => end > at),
  },
} as const;

const floor = (at: number, step: number): number => Math.floor(at / step) * step;
const slidingSpans = (at: number): number[][] =>
  [5, 0].map((before) => [floor(at, 5) - before, floor(at, 5) - before + 10]);

type Event = { readonly key: string } | { readonly wait: number };
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key: fc.constantFrom("a", "b", "c") }) },
  { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 12 }) }) },
);

test.each(Object.entries(windows))("%s windows count what came in their time", async (_, { window, spans }) => {
  const build = (input: DataStream<{ readonly key: string }>): DataStream<Result> =>
    input.keyBy("key").window(window).aggregate("n", counting());
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      const steps = [...events, { wait: 40 }].map(
        (each): Step<{ readonly key: string }> => ("key" in each ? [each] : { advanceTime: each.wait }),
      );
      const { records, timestamps } = await driveInEveryWay(build, steps, { keysInAnyOrder: true });
      expect(records.map(text).sort()).toEqual(counted(events, spans));
      expect(timestamps).toEqual(records.map(({ windowEnd }) => windowEnd - 1));
      expect(timestamps).toEqual(timestamps.toSorted((a, b) => a - b));
    }),
    { numRuns: 12 },
  );
});

function counted(events: readonly Event[], spans: (at: number) => readonly (readonly number[])[]): string[] {
  const counts = new Map<string, number>();
  let now = 0;
  for (const each of events) {
    if ("wait" in each) now += each.wait;
    else
      for (const [start, end] of spans(now)) {
        const name = `${each.key} [${start}, ${end})`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).sort();
}

const text = ({ key, windowStart, windowEnd, value }: Result): string =>
  `${key} [${windowStart}, ${windowEnd}) ${value}`;

const keys = ["a", "b", "c", "d", "e", "f"];
const hourly = (input: DataStream<{ readonly key: string }>): DataStream<Result> =>
  input.keyBy("key").window(tumbling("10ms", byClock)).aggregate("n", counting());

test("windows of a savepoint end at their time in as many subtasks as there are then, without a record", async () => {
  const clock = new VirtualClock(3);
  const before = await openHarness(hourly, { clock });
  for (const key of keys) before.push({ key });
  const snapshot = before.snapshot();
  const results: string[] = [];
  for (const subtask of [0, 1, 2]) {
    const after = await openHarness(hourly, {
      ...{ clock: new VirtualClock(4), restore: [snapshot], subtask, parallelism: 3 },
    });
    after.advanceTime(5);
    expect(after.records).toEqual([]);
    after.advanceTime(1);
    results.push(...after.records.map(text));
  }
  expect(results.sort()).toEqual(keys.map((key) => `${key} [0, 10) 1`));
});

test("where the clock is behind after a restart, records belong to windows that have not ended", async () => {
  const clock = new VirtualClock(3);
  const before = await openHarness(hourly, { clock });
  before.push({ key: "a" });
  before.advanceTime(9);
  before.push({ key: "a" });
  expect(before.records.map(text)).toEqual(["a [0, 10) 1"]);
  const after = await openHarness(hourly, { clock: new VirtualClock(5), restore: [before.snapshot()] });
  after.push({ key: "a" });
  after.advanceTime(14);
  expect(after.records).toEqual([]);
  after.advanceTime(1);
  expect(after.records.map(text)).toEqual(["a [10, 20) 2"]);
});

test("aggregates of values, and watermarks that know nothing of the clock", async () => {
  const build = (input: DataStream<{ readonly key: string; readonly page: number }>): DataStream<Result> =>
    input
      .keyBy("key")
      .window(tumbling("10ms", byClock))
      .aggregate("pages", aggregates({ n: counting(), pages: countingDistinct("page") }));
  const { records, elements } = await driveInEveryWay(build, [
    ...([
      { watermark: 1e15 },
      [{ key: "a", page: 1 }, 5],
      [{ key: "a", page: 1 }, 7],
      [{ key: "a", page: 2 }, 9],
    ] as const),
    ...([{ advanceTime: 10 }, { watermark: 2e15 }] as const),
  ]);
  expect(records.map(({ value }) => value)).toEqual([{ n: 3, pages: 2 }]);
  expect(elements.map(({ kind }) => kind)).toEqual(["watermark", "record", "watermark"]);
});
