/** Windows of every kind, with triggers, evictors and functions, held against a few plain lines. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  collectTo,
  counting,
  cumulative,
  type DataStream,
  deltaTrigger,
  fromArray,
  globalWindow,
  outputTag,
  session,
  sliding,
  summing,
  tumbling,
  valueState,
  type WindowResult,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay } from "./drive.ts";
import { at, late, lateText, listed, milliseconds, readings, results, text, values } from "./general-window-cases.ts";
import { runEverywhere } from "./run-everywhere.ts";
import { type Reading, referenceWindows } from "./window-reference.ts";
import { windowSteps } from "./window-steps.ts";

describe("aligned windows that keep their records equal those of panes", () => {
  const shapes = fc
    .record({
      kind: fc.constantFrom("sliding" as const, "cumulative" as const),
      slideMs: fc.integer({ min: 1, max: 12 }),
      times: fc.constantFrom(1, 2, 3),
      offsetMs: fc.nat(20),
      allowedLatenessMs: fc.constantFrom(0, 0, 1, 7, 30),
    })
    .map(({ times, ...rest }) => ({ ...rest, sizeMs: rest.slideMs * times }));

  test("and those of a plain reference", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
        const of = shape.kind === "sliding" ? sliding : cumulative;
        const spec = of(milliseconds(shape.sizeMs), milliseconds(shape.slideMs), {
          offset: milliseconds(shape.offsetMs),
        });
        const options = { late, allowedLateness: milliseconds(shape.allowedLatenessMs) };
        const run = async (build: (input: DataStream<Reading>) => DataStream<string>): Promise<string[]> => {
          const harness = { sides: [late as never], keysInAnyOrder: true };
          const { records, sides } = await driveInEveryWay(build, steps, harness);
          return [...records, ...(sides["late"] as Reading[]).map(lateText)].sort();
        };
        const expected = referenceWindows(steps, shape).sort();
        expect(await run((input) => input.keyBy("key").window(spec, options).process("list", listed))).toEqual(
          expected,
        );
        const byPanes = await driveInEveryWay(
          (input) => input.keyBy("key").window(spec, options).aggregate("values", values),
          steps,
          { sides: [late as never], keysInAnyOrder: true },
        );
        expect([...byPanes.records.map(text), ...(byPanes.sides["late"] as Reading[]).map(lateText)].sort()).toEqual(
          expected,
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe("count windows", () => {
  test("give a result whenever so many records of a key have come, and begin anew", async () => {
    const { records, timestamps } = await results(
      (input) => input.keyBy("key").countWindow(2).aggregate("sum", summing("value")),
      [...readings(1, 2, 3, 4, 5), { watermark: 100 }],
    );
    expect(records.map(({ value }) => value)).toEqual([3, 7]);
    expect(timestamps).toEqual([1, 3]);
    expect(records[0]).toMatchObject({ key: "a", windowStart: -Infinity, windowEnd: Infinity });
  });

  test("of the whole stream count the records of all keys", async () => {
    const { records } = await results(
      (input) => input.countWindowAll(3, 2).aggregate("values", values),
      [at(0, 1, "a"), at(1, 2, "b"), at(2, 3, "a"), at(3, 4, "c"), at(4, 5, "b")],
    );
    expect(records.map(({ value }) => value)).toEqual(["1,2", "2,3,4"]);
  });

  test("that slide are of the last records", async () => {
    const { records } = await results(
      (input) => input.keyBy("key").countWindow(3, 2).process("list", listed),
      readings(1, 2, 3, 4, 5, 6),
    );
    expect(records.map((record) => record.split(" ").at(-1))).toEqual(["1,2", "2,3,4", "4,5,6"]);
  });

  test("equal a plain reference", async () => {
    const shapes = fc.record({ size: fc.integer({ min: 1, max: 4 }), slide: fc.integer({ min: 1, max: 4 }) });
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async ({ size, slide }, steps) => {
        const came = new Map<string, number[]>();
        const expected: string[] = [];
        for (const step of steps) {
          if (!Array.isArray(step)) continue;
          const [{ key, value }] = step as [Reading, number];
          const all = [...(came.get(key) ?? []), value];
          came.set(key, all);
          if (all.length % slide === 0) expected.push(`${key} ${all.slice(-size).sort((a, b) => a - b)}`);
        }
        const { records } = await results(
          (input) => input.keyBy("key").countWindow(size, slide).aggregate("values", values),
          steps,
        );
        // Tumbling ones, whose size is their slide, are the same.
        expect(records.map(({ key, value }) => `${key} ${value}`)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

describe("window functions", () => {
  test("get the aggregate's value with its window, and keep state by key and by window", async () => {
    const build = (input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .window(tumbling("10ms"), { allowedLateness: "10ms" })
        .aggregate("sum", summing("value"), {
          state: { windows: valueState(0) },
          windowState: { firings: valueState(0) },
          process(key, { start, end }, sum, { state, windowState, timestamp, watermark }) {
            state.windows.update((n) => n + 1);
            windowState.firings.update((n) => n + 1);
            const counts = `${state.windows.get()}. of the key, ${windowState.firings.get()}. of the window`;
            return [`${key} [${start}, ${end}) ${sum} @${timestamp} ${counts}, ${watermark}`];
          },
        });
    const { records } = await results(build, [
      at(1, 3),
      at(2, 4),
      { watermark: 9 },
      at(5, 1),
      at(12, 2),
      { watermark: 25 },
    ]);
    expect(records).toEqual([
      "a [0, 10) 7 @9 1. of the key, 1. of the window, 9",
      "a [0, 10) 8 @9 2. of the key, 2. of the window, 9",
      "a [10, 20) 2 @19 3. of the key, 1. of the window, 25",
    ]);
  });

  test("state of a window goes with it", async () => {
    const build = (input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .window(tumbling("10ms"))
        .process("count", {
          windowState: { seen: valueState(0) },
          process: (_, __, records, { windowState: { seen } }) => seen.set(records.length),
        });
    const harness = await openHarness(build);
    const bytes = (): number =>
      [...harness.snapshot().values()]
        .flatMap(({ keyed }) => [...(keyed?.values() ?? [])].flat())
        .flatMap((b) => [...b]).length;
    harness.push({ key: "a", value: 1 }, 5);
    harness.watermark(30);
    const once = bytes();
    for (let time = 40; time < 400; time += 10) {
      harness.push({ key: "a", value: 1 }, time);
      harness.watermark(time + 10);
    }
    expect(bytes()).toBeLessThanOrEqual(once + 16);
  });

  test("may be generators, and go to side outputs", async () => {
    const odd = outputTag<number>("odd");
    const { records, sides } = await driveInEveryWay<Reading, number>(
      (input) =>
        input
          .keyBy("key")
          .window(sliding("10ms", "5ms"))
          .process("split", {
            *process(_, { start }, records, { side }) {
              for (const { value } of records) {
                if (value % 2 === 1) side(odd, value);
                else yield start + value;
              }
            },
          }),
      [at(1, 2), at(2, 3), at(3, 4), at(7, 6), { watermark: 50 }],
      { sides: [odd as never] },
    );
    expect(records).toEqual([-3, -1, 2, 4, 6, 11]);
    expect(sides).toEqual({ odd: [3, 3] });
  });

  test("reduce may have one too", async () => {
    const { records } = await results(
      (input) =>
        input
          .keyBy("key")
          .window(session("5ms"))
          .reduce("largest", (a, b) => (b.value > a.value ? b : a), {
            process: (_, { end }, { value }) => [end + value],
          }),
      [at(0, 3), at(4, 9), { watermark: 50 }],
    );
    expect(records).toEqual([18]);
  });
});

test("windowAll counts records of all keys, in one subtask", async () => {
  await runEverywhere(
    (env) => {
      env
        .from(fromArray(Array.from({ length: 100 }, (_, i) => ({ key: `k${i % 7}`, value: i }))))
        .withTimestamps(({ value }) => value, { outOfOrderness: "1s" })
        .windowAll(tumbling("25ms"))
        .aggregate("sum", summing("value"))
        .to(collectTo("sums"));
    },
    ({ rows }) =>
      expect(
        rows<WindowResult<"all", number>>("sums")
          .map(({ key, windowStart, value }) => [key, windowStart, value])
          .sort(([, a], [, b]) => Number(a) - Number(b)),
      ).toEqual([
        ["all", 0, 300],
        ["all", 25, 925],
        ["all", 50, 1550],
        ["all", 75, 2175],
      ]),
  );
});

test("keys that have come and gone leave nothing behind", async () => {
  const harness = await openHarness<Reading, WindowResult<string, number>>((input) =>
    input.keyBy("key").countWindow(2).aggregate("n", counting()),
  );
  const bytes = (): number =>
    [...harness.snapshot().values()].reduce(
      (sum, { keyed }) => sum + [...(keyed?.values() ?? [])].flat().reduce((all, block) => all + block.length, 0),
      0,
    );
  const sizes: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    harness.pushBatch([
      [{ key: `k${i}`, value: 1 }, i],
      [{ key: `k${i}`, value: 1 }, i],
    ]);
    if (i % 4000 === 3999) sizes.push(bytes());
  }
  expect(harness.records).toHaveLength(20_000);
  expect(Math.max(...sizes)).toBeLessThan(100_000);
});

describe("wrong calls are refused with a sentence", () => {
  const build = (cut: (input: DataStream<Reading>) => unknown) => openHarness<Reading>((input) => void cut(input));

  test.each([
    [
      "a global window without trigger",
      /"n" would never give a result.*\.trigger/,
      (input) => input.keyBy("key").window(globalWindow()).aggregate("n", counting()),
    ],
    [
      "a trigger of sessions without merge",
      /"delta above 3" has no merge\(\)/,
      (input) =>
        input
          .keyBy("key")
          .window(session("1s"))
          .trigger(deltaTrigger(3, () => 0)),
    ],
    [
      "a window state of sessions",
      /"n" declares windowState, but sessions merge/,
      (input) =>
        input
          .keyBy("key")
          .window(session("1s"))
          .process("n", { windowState: { n: valueState(0) }, process: () => [] }),
    ],
    [
      "an evictor that does nothing",
      /"idle" has neither before\(\) nor after\(\)/,
      (input) => input.keyBy("key").window(globalWindow()).evictor({ name: "idle" }),
    ],
    [
      "a count that is none",
      /the slide of a count window must be a whole number of records, at least 1, got 0/,
      (input) => input.keyBy("key").countWindow(3, 0),
    ],
    [
      "a size that is no multiple of its step",
      /cumulative window's size \(10 ms\) is no multiple of its step \(3 ms\)/,
      () => cumulative("10ms", "3ms"),
    ],
    [
      "another time",
      /a window's time is "event" or "processing", not "local"/,
      () => tumbling("10ms", { time: "local" as never }),
    ],
    [
      "an asynchronous function",
      /the process function of "n" returned a promise/,
      (input) =>
        input
          .keyBy("key")
          .window(tumbling("1s"))
          .process("n", { process: (async () => []) as never }),
    ],
  ] satisfies [string, RegExp, (input: DataStream<Reading>) => unknown][])("%s", async (_, message, cut) => {
    await expect(build(cut)).rejects.toThrow(message);
  });

  test("a record without time, and a gap that is none, name the operator", async () => {
    const open = () =>
      openHarness((input: DataStream<Reading>) =>
        input
          .keyBy("key")
          .window(session(({ value }) => milliseconds(value)))
          .aggregate("n", counting()),
      );
    const timeless = await open();
    expect(() => timeless.push({ key: "a", value: 1 })).toThrow(/"n" got a record with no event time/);
    const gapless = await open();
    expect(() => gapless.push({ key: "a", value: 0 }, 1)).toThrow(
      /the gap of a session of "n" must be longer than zero/,
    );
  });

  test("a function's failure names the operator", async () => {
    const harness = await openHarness((input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .countWindow(1)
        .process("bad", {
          process: () => {
            throw new Error("not today");
          },
        }),
    );
    expect(() => harness.push({ key: "a", value: 1 }, 1)).toThrow(/a function of "bad" threw Error: not today/);
  });
});
