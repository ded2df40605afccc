import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  counting,
  type DataStream,
  type Key,
  outputTag,
  sliding,
  summing,
  tumbling,
  type WindowResult,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { type Reading, type ReferenceWindows, referenceWindows } from "./window-reference.ts";

const late = outputTag<Reading>("late");
const at = (timestamp: number, key = "a", value = 1): Step<Reading> => [{ key, value }, timestamp];

interface Keyed {
  readonly key: Key;
  readonly value: number;
}

const values = {
  create: () => [] as number[],
  add: (list: number[], { value }: Reading) => [...list, value],
  merge: (into: number[], from: number[]) => [...into, ...from],
  result: (list: number[]) => list.toSorted((a, b) => a - b).join(),
};

function describeResult({ key, windowStart, windowEnd, value }: WindowResult<string, string>): string {
  return `${key} [${windowStart}, ${windowEnd}) ${value}`;
}

function windowed({ sizeMs, slideMs, offsetMs, allowedLatenessMs }: ReferenceWindows) {
  const alignment = { offset: { milliseconds: offsetMs } };
  const size = { milliseconds: sizeMs };
  const spec = sizeMs === slideMs ? tumbling(size, alignment) : sliding(size, { milliseconds: slideMs }, alignment);
  return (input: DataStream<Reading>) =>
    input
      .keyBy("key")
      .window(spec, { late, allowedLateness: { milliseconds: allowedLatenessMs } })
      .aggregate("values", values);
}

test("a window fires when the watermark has passed its end, with the time of its last millisecond", async () => {
  const { elements } = await driveInEveryWay(windowed({ sizeMs: 10, slideMs: 10, offsetMs: 0, allowedLatenessMs: 0 }), [
    at(3),
    at(9),
    at(10),
    { watermark: 8 },
    { watermark: 9 },
    { watermark: 25 },
  ]);
  expect(
    elements.map((element) =>
      element.kind === "record"
        ? [describeResult(element.value), element.timestamp]
        : "timestamp" in element && element.timestamp,
    ),
  ).toEqual([8, ["a [0, 10) 1,1", 9], 9, ["a [10, 20) 1", 19], 25]);
});

test("windows before 1970 are windows too", async () => {
  const { records } = await driveInEveryWay(windowed({ sizeMs: 10, slideMs: 5, offsetMs: 3, allowedLatenessMs: 0 }), [
    at(-1),
    { watermark: 100 },
  ]);
  expect(records.map(describeResult)).toEqual(["a [-7, 3) 1", "a [-2, 8) 1"]);
});

test("a record that is in several windows is in each of them", async () => {
  const { records } = await driveInEveryWay(windowed({ sizeMs: 10, slideMs: 4, offsetMs: 0, allowedLatenessMs: 0 }), [
    at(8),
    { watermark: 100 },
  ]);
  expect(records.map(describeResult)).toEqual(["a [0, 10) 1", "a [4, 14) 1", "a [8, 18) 1"]);
});

test("a late record fires its windows again while it is allowed, and then goes to the late output", async () => {
  const { records, sides } = await driveInEveryWay(
    windowed({ sizeMs: 10, slideMs: 10, offsetMs: 0, allowedLatenessMs: 5 }),
    [
      at(1),
      { watermark: 9 },
      at(2, "a", 2),
      at(3, "b", 3),
      { watermark: 13 },
      at(4, "a", 4),
      { watermark: 14 },
      at(5, "a", 5),
    ],
    { sides: [late as never] },
  );
  expect(records.map(describeResult)).toEqual(["a [0, 10) 1", "a [0, 10) 1,2", "b [0, 10) 3", "a [0, 10) 1,2,4"]);
  expect(sides).toEqual({ late: [{ key: "a", value: 5 }] });
});

test("late records are counted, also when nobody reads them", async () => {
  const harness = await openHarness<Reading, WindowResult<string, number>>((input) =>
    input.keyBy("key").window(tumbling("10ms")).aggregate("count", counting()),
  );
  harness.watermark(20);
  harness.push({ key: "a", value: 1 }, 5);
  expect(harness.metrics().counters["lateRecords"]).toBe(1);
});

test("the end of the input fires what is open", async () => {
  const harness = await openHarness<Reading, WindowResult<string, number>>((input) =>
    input.keyBy("key").window(tumbling("1h")).aggregate("count", counting()),
  );
  harness.push({ key: "a", value: 1 }, 5);
  harness.finish();
  expect(harness.records).toEqual([{ key: "a", windowStart: 0, windowEnd: 3_600_000, value: 1 }]);
});

test.each([
  ["an aggregate that does not read records", counting<Keyed>()],
  ["an aggregate that reads them", summing<Keyed>("value")],
])("keys of all kinds are counted apart, by %s", async (_, aggregate) => {
  const keys = [
    1,
    "1",
    -0,
    0,
    1,
    2 ** 40,
    7,
    "1",
    0.5,
    7,
    true,
    0.5,
    ...Array.from({ length: 300 }, (__, i) => i % 10),
  ];
  const harness = await openHarness<Keyed, WindowResult<Key, number>>((input) =>
    input
      .keyBy(({ key }) => key)
      .window(tumbling("10ms"))
      .aggregate("count", aggregate),
  );
  for (const key of keys) harness.push({ key, value: 1 }, 5);
  harness.finish();
  const expected = new Map<Key, number>();
  for (const key of keys) expected.set(key, (expected.get(key) ?? 0) + 1);
  expect(new Map(harness.records.map(({ key, value }) => [key, value]))).toEqual(expected);
});

test.each([
  ["counts", counting<Keyed>()],
  ["sums", summing<Keyed>("value")],
])("a window that %s names the record of a bad key among good ones", async (_, aggregate) => {
  const harness = await openHarness<Keyed, WindowResult<Key, number>>(
    (input) =>
      input
        .keyBy(({ key }) => key)
        .window(tumbling("10ms"))
        .aggregate("count", aggregate),
    { showRecordsInErrors: true },
  );
  const keys = [1, 2, "c", 4, Number.NaN, 6];
  expect(() => {
    for (const [value, key] of keys.entries()) harness.push({ key, value }, 5);
    harness.finish();
  }).toThrow(expect.objectContaining({ code: "BAD_KEY", message: expect.stringContaining("{ key: NaN, value: 4 }") }));
});

test("reduce combines the records of a window", async () => {
  const { records } = await driveInEveryWay<Reading, WindowResult<string, Reading>>(
    (input) =>
      input
        .keyBy("key")
        .window(sliding("10ms", "5ms"))
        .reduce("largest", (a, b) => (b.value > a.value ? b : a)),
    [at(1, "a", 3), at(2, "a", 7), at(6, "a", 5), at(11, "a", 1), { watermark: 100 }],
  );
  expect(records.map(({ windowStart, value }) => [windowStart, value.value])).toEqual([
    [-5, 7],
    [0, 7],
    [5, 5],
    [10, 1],
  ]);
});

test("a count goes on from the window before, though a pane of it has changed", async () => {
  const { records } = await driveInEveryWay<Reading, WindowResult<string, number>>(
    (input) => input.keyBy("key").window(sliding("5ms", "1ms")).aggregate("count", counting()),
    [at(0), at(1), at(2), at(3), at(4), { watermark: 4 }, at(2), { watermark: 5 }, { watermark: 100 }],
  );
  expect(records.map(({ value }) => value)).toEqual([1, 2, 3, 4, 5, 5, 4, 2, 1]);
});

describe("results equal those of a plain reference", () => {
  const shapes = fc
    .record({
      slideMs: fc.integer({ min: 1, max: 12 }),
      times: fc.constantFrom(1, 1.5, 2, 3),
      offsetMs: fc.nat(20),
      allowedLatenessMs: fc.constantFrom(0, 0, 1, 7, 30),
    })
    .map(({ slideMs, times, ...rest }) => ({ sizeMs: Math.ceil(slideMs * times), slideMs, ...rest }));
  function streamsOf(
    first: number,
    last: number,
    riseMax: number,
    length: fc.ArrayConstraints,
  ): fc.Arbitrary<Step<Reading>[]> {
    const record = fc.tuple(
      fc.record({ key: fc.constantFrom("a", "b", "c"), value: fc.integer({ min: 0, max: 9 }) }),
      fc.integer({ min: first, max: last }),
    );
    const watermark = fc.record({ rise: fc.integer({ min: 1, max: riseMax }) });
    return fc
      .array(fc.oneof({ weight: 3, arbitrary: record }, { weight: 1, arbitrary: watermark }), length)
      .map((elements) => {
        let time = first - 5;
        return [...elements, { rise: 1000 }].map((element): Step<Reading> => {
          if (Array.isArray(element)) return element as [Reading, number];
          time += (element as { rise: number }).rise;
          return { watermark: time };
        });
      });
  }
  const streams = streamsOf(-20, 60, 15, { maxLength: 25 });

  test("for any windows, streams and watermarks, driven in every way", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, streams, async (shape, steps) => {
        const rising = steps.filter(
          (step, i) =>
            !("watermark" in step) ||
            !steps.slice(0, i).some((before) => "watermark" in before && before.watermark >= step.watermark),
        );
        const { records, sides } = await driveInEveryWay(windowed(shape), rising, {
          sides: [late as never],
          keysInAnyOrder: true,
        });
        const seen = [
          ...records.map(describeResult),
          ...(sides["late"] as Reading[]).map(({ key, value }) => `late ${key} ${value}`),
        ];
        expect(seen.sort()).toEqual(referenceWindows(rising, shape).sort());
      }),
      { numRuns: 40 },
    );
  });

  test("for counts, of which a window goes on from the one before", async () => {
    const manyPanes = fc
      .record({
        slideMs: fc.integer({ min: 1, max: 6 }),
        times: fc.integer({ min: 3, max: 8 }),
        allowedLatenessMs: fc.constantFrom(0, 0, 7),
      })
      .map(({ slideMs, times, allowedLatenessMs }) => ({
        ...{ sizeMs: slideMs * times, slideMs, offsetMs: 0, allowedLatenessMs },
      }));
    await fc.assert(
      fc.asyncProperty(manyPanes, streamsOf(0, 20, 5, { maxLength: 24, size: "max" }), async (shape, steps) => {
        const { sizeMs, slideMs, allowedLatenessMs } = shape;
        const { records } = await driveInEveryWay<Reading, WindowResult<string, number>>(
          (input) =>
            input
              .keyBy("key")
              .window(sliding({ milliseconds: sizeMs }, { milliseconds: slideMs }), {
                allowedLateness: { milliseconds: allowedLatenessMs },
              })
              .aggregate("count", counting()),
          steps,
          { keysInAnyOrder: true },
        );
        const expected = referenceWindows(steps, shape).filter((line) => !line.startsWith("late "));
        expect(records.map((result) => describeResult({ ...result, value: String(result.value) })).sort()).toEqual(
          expected.map((line) => line.replace(/[^ ]+$/, (values) => String(values.split(",").length))).sort(),
        );
      }),
      { numRuns: 12 },
    );
  });

  test("one window after the other", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, streams, async (shape, steps) => {
        const harness = await openHarness(windowed({ ...shape, allowedLatenessMs: 0 }), { blockEvery: 3 });
        for (const step of steps) {
          if (Array.isArray(step)) harness.push(step[0], step[1]);
          else if ("watermark" in step) harness.watermark(step.watermark);
        }
        const ends = harness.records.map(({ windowEnd }) => windowEnd);
        expect(ends).toEqual(ends.toSorted((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});

test("key groups that had come differently far meet without firing a window twice or not at all", async () => {
  const build = windowed({ sizeMs: 20, slideMs: 10, offsetMs: 0, allowedLatenessMs: 0 });
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  const whole = await openHarness(build, { keyGroups: 8 });
  for (const key of keys) whole.push({ key, value: 1 }, 15);
  const halves = await Promise.all(
    [0, 1].map((subtask) => openHarness(build, { keyGroups: 8, subtask, parallelism: 2, restore: [whole.snapshot()] })),
  );
  halves[0]?.watermark(22); // fires [0, 20), of these keys only
  const again = await openHarness(build, { keyGroups: 8, restore: halves.map((half) => half.snapshot()) });
  again.watermark(21);
  again.watermark(100);
  const all = [...halves.flatMap((half) => half.records), ...again.records].map(describeResult);
  expect(all.sort()).toEqual(keys.flatMap((key) => [`${key} [0, 20) 1`, `${key} [10, 30) 1`]).sort());
});

test("state of windows that are over is given back", async () => {
  const harness = await openHarness<Reading, WindowResult<string, number>>((input) =>
    input.keyBy("key").window(sliding("20ms", "10ms")).aggregate("sum", summing("value")),
  );
  const sizes: number[] = [];
  for (let time = 0; time < 1000; time += 10) {
    for (const key of ["a", "b", "c"]) harness.push({ key, value: time }, time);
    harness.watermark(time);
    sizes.push(bytesOf(harness.snapshot()));
  }
  // At first the numbers grow beyond what takes fewer bytes.
  expect(new Set(sizes.slice(10)).size).toBe(1);
});

function bytesOf(
  snapshot: ReadonlyMap<unknown, { readonly keyed: ReadonlyMap<number, readonly Uint8Array[]> | undefined }>,
): number {
  const blocks = [...snapshot.values()].flatMap(({ keyed }) => [...(keyed?.values() ?? [])].flat());
  return blocks.reduce((sum, block) => sum + block.length, 0);
}
