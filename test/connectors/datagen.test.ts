import { expect, test } from "vitest";
import { generate } from "../../connectors/datagen.ts";
import { enumeratorContext, readSource, sourceConformance, splitsOf } from "../conformance/source.ts";
import { fakeContext, ManualClock } from "./fake-context.ts";

const squares = Array.from({ length: 97 }, (_, index) => ({ index, square: index * index }));
const record = (index: number): { index: number; square: number } => ({ index, square: index * index });

sourceConformance("generate with a count", () => ({ source: generate({ count: 97, record }), expected: squares }));
sourceConformance("generate with many splits", () => ({
  source: generate({ count: 97, splits: 20, record }),
  expected: squares,
}));
sourceConformance("generate at a rate", () => ({
  source: generate({ count: 97, perSecond: 50, record }),
  expected: squares,
}));
sourceConformance("generate of nothing", () => ({ source: generate({ count: 0, record }), expected: [] }));

test("a stream without a count is unbounded: there is always a further range, right after the one before", async () => {
  const source = generate({ record });
  expect(source.bounded).toBe(false);
  const enumerator = await source.enumerate(enumeratorContext(2));
  let end = 0;
  for (let count = 0; count < 100; count++) {
    const split = (await enumerator.next(count % 2)) as { start: number; end: number };
    expect(split.start).toBe(end);
    end = split.end;
  }
});

test("`splits` says into how many ranges the indices are divided", async () => {
  expect(await splitsOf(generate({ count: 10, splits: 3, record }), 1)).toEqual([
    { start: 0, end: 4 },
    { start: 4, end: 8 },
    { start: 8, end: 10 },
  ]);
});

test("a record gets its timestamp from `timestamp`, and its subtask's number", () => {
  const source = generate({
    count: 2,
    record: (index, subtask) => `${subtask}:${index}`,
    timestamp: (value, index) => value.length + index * 1000,
  });
  const reader = source.reader(fakeContext({ subtask: 7 }));
  void reader.begin({ start: 0, end: 2 });
  const pushed: unknown[] = [];
  expect(reader.read((value, timestamp) => void pushed.push([value, timestamp]), 10, { blocked: false })).toBe("end");
  expect(pushed).toEqual([
    ["7:0", 3],
    ["7:1", 1003],
  ]);
});

test("at a rate, a record comes when it is due, and read says how long that is", () => {
  const clock = new ManualClock();
  const reader = generate({ perSecond: 100, record: (index) => index }).reader(fakeContext({ clock }));
  void reader.begin({ start: 0, end: 1000 });
  const pushed: number[] = [];
  const read = (): unknown => reader.read((value) => void pushed.push(value), 100, { blocked: false });
  expect(read()).toBe("more");
  expect(pushed).toEqual([0]);
  expect(read()).toBe(10);
  clock.ms += 10;
  expect(read()).toBe("more");
  expect(pushed).toEqual([0, 1]);
  clock.ms += 25;
  expect(read()).toBe("more");
  expect(pushed).toEqual([0, 1, 2, 3]);
  expect(read()).toBe(5);
});

test.each([1, 2, 3])("the rate holds for %i subtasks together", async (parallelism) => {
  const source = generate({ perSecond: 600, record: (index) => index });
  const enumerator = await source.enumerate(enumeratorContext(parallelism));
  const clock = new ManualClock();
  const start = clock.ms;
  const readers = Array.from({ length: parallelism }, (_, subtask) =>
    source.reader(fakeContext({ subtask, parallelism, clock })),
  );
  const begin = async (number: number): Promise<void> => {
    const split = await enumerator.next(number);
    if (split !== undefined) await readers[number]?.begin(split);
  };
  for (const number of readers.keys()) await begin(number);
  let pushed = 0;
  for (; clock.ms < start + 10_000; clock.ms++) {
    for (const [number, reader] of readers.entries()) {
      const step = await reader.read(() => void pushed++, 1000, { blocked: false });
      if (step === "end") await begin(number);
    }
  }
  // 6000, and at most a tenth of a second's records more or less.
  expect(Math.abs(pushed - 6000)).toBeLessThanOrEqual(60);
});

test("a subtask that was blocked catches up with what is due, not with more", () => {
  const clock = new ManualClock();
  const reader = generate({ perSecond: 1000, record: (index) => index }).reader(fakeContext({ clock }));
  void reader.begin({ start: 0, end: 1_000_000 });
  let pushed = 0;
  clock.ms += 500;
  expect(reader.read(() => void pushed++, 1_000_000, { blocked: false })).toBe("more");
  expect(pushed).toBe(501);
});

test.each([
  [{ count: -1 }, /count of generate must be a whole number of at least 0, got -1/],
  [{ count: 1.5 }, /count of generate/],
  [{ count: 5, splits: 0 }, /splits of generate must be a whole number of at least 1/],
  [{ splits: 3 }, /only when it has a count/],
  [{ perSecond: 0 }, /perSecond of generate must be a number above 0, got 0/],
  [{ perSecond: Number.NaN }, /got NaN/],
])("%j is refused", (options, message) => {
  expect(() => generate({ ...options, record })).toThrow(message);
});

test("a failing record function ends the read with its error, at the record", async () => {
  const source = generate({
    count: 5,
    record: (index) => {
      if (index === 3) throw new Error("no third record");
      return index;
    },
  });
  await expect(readSource(source)).rejects.toThrow("no third record");
});
