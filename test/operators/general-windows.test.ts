/** Windows of every kind, with triggers, evictors and functions, held against a few plain lines. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  collectTo,
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  countEvictor,
  counting,
  countTrigger,
  cumulative,
  type DataStream,
  deltaEvictor,
  deltaTrigger,
  earlyAndLateTrigger,
  eventTimeTrigger,
  fromArray,
  globalWindow,
  maximum,
  minimum,
  outputTag,
  purgingTrigger,
  session,
  sliding,
  summing,
  type Trigger,
  timeEvictor,
  tumbling,
  valueState,
  type WindowFunction,
  type WindowResult,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { runEverywhere } from "./run-everywhere.ts";
import { type Reading, referenceSessions, referenceWindows } from "./window-reference.ts";
import { windowSteps } from "./window-steps.ts";

const late = outputTag<Reading>("late");
const at = (timestamp: number, value = 1, key = "a"): Step<Reading> => [{ key, value }, timestamp];
const readings = (...values: readonly number[]): Step<Reading>[] => values.map((value, i) => at(i, value));

const values = {
  create: () => [] as number[],
  add: (list: number[], { value }: Reading) => {
    list.push(value);
    return list;
  },
  merge: (into: number[], from: number[]) => [...into, ...from],
  result: (list: number[]) => list.toSorted((a, b) => a - b).join(),
};

/** All records of a window, as text. */
const listed: WindowFunction<readonly Reading[], string, never, never, string> = {
  process: (key, { start, end }, records) => [
    `${key} [${start}, ${end}) ${records
      .map(({ value }) => value)
      .sort((a, b) => a - b)
      .join()}`,
  ],
};

const text = ({ key, windowStart, windowEnd, value }: WindowResult<string, unknown>): string =>
  `${key} [${windowStart}, ${windowEnd}) ${value}`;
const lateText = ({ key, value }: Reading): string => `late ${key} ${value}`;
const milliseconds = (amount: number) => ({ milliseconds: amount });

/** The values of each result, in order. */
async function results<O>(build: (input: DataStream<Reading>) => DataStream<O>, steps: readonly Step<Reading>[]) {
  const { records, timestamps } = await driveInEveryWay(build, steps);
  return { records, timestamps };
}

describe("sessions equal those of a plain reference", () => {
  const shapes = fc.record({
    gapMs: fc.integer({ min: 1, max: 12 }),
    allowedLatenessMs: fc.constantFrom(0, 0, 1, 7, 30),
  });
  const options = ({ allowedLatenessMs }: { allowedLatenessMs: number }) => ({
    late,
    allowedLateness: milliseconds(allowedLatenessMs),
  });

  async function check(
    build: (input: DataStream<Reading>) => DataStream<string>,
    steps: readonly Step<Reading>[],
    expected: readonly string[],
  ): Promise<void> {
    const { records, sides } = await driveInEveryWay(build, steps, { sides: [late as never], keysInAnyOrder: true });
    const seen = [...records, ...(sides["late"] as Reading[]).map(lateText)];
    expect(seen.sort()).toEqual(expected.toSorted());
  }

  test("that an aggregate fills", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
        const build = (input: DataStream<Reading>) =>
          input
            .keyBy("key")
            .window(session(milliseconds(shape.gapMs)), options(shape))
            .aggregate("values", values, {
              process: (key, { start, end }, value) => [`${key} [${start}, ${end}) ${value}`],
            });
        await check(build, steps, referenceSessions(steps, { ...shape, gapOf: () => shape.gapMs }));
      }),
      { numRuns: 40 },
    );
  });

  test("that an aggregate fills, without a function", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
        const { records, sides } = await driveInEveryWay(
          (input) =>
            input
              .keyBy("key")
              .window(session(milliseconds(shape.gapMs)), options(shape))
              .aggregate("values", values),
          steps,
          { sides: [late as never], keysInAnyOrder: true },
        );
        const seen = [...records.map(text), ...(sides["late"] as Reading[]).map(lateText)];
        expect(seen.sort()).toEqual(referenceSessions(steps, { ...shape, gapOf: () => shape.gapMs }).sort());
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["counts", counting<Reading>(), (list: readonly number[]) => list.length],
    ["sums", summing<Reading>("value"), (list: readonly number[]) => list.reduce((a, b) => a + b, 0)],
    ["least", minimum<Reading>("value"), (list: readonly number[]) => Math.min(...list)],
    ["most", maximum<Reading>("value"), (list: readonly number[]) => Math.max(...list)],
  ])("in columns: %s", async (_, aggregate, of) => {
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
        const { records } = await driveInEveryWay(
          (input) =>
            input
              .keyBy("key")
              .window(session(milliseconds(shape.gapMs)), options(shape))
              .aggregate("n", aggregate),
          steps,
          { keysInAnyOrder: true },
        );
        const expected = referenceSessions(steps, { ...shape, gapOf: () => shape.gapMs })
          .filter((line) => !line.startsWith("late"))
          .map((line) => line.replace(/ [^ ]*$/, (list) => ` ${of(list.split(",").map(Number))}`));
        expect(records.map(text).sort()).toEqual(expected.sort());
      }),
      { numRuns: 30 },
    );
  });

  test.each([
    ["that goes on in the next pane of ends", [at(6), at(7)], ["a [6, 8) 2"]],
    ["that comes to another one of its pane", [at(0), at(3), at(1), at(2)], ["a [0, 4) 4"]],
  ])("one session %s", async (_, steps, expected) => {
    const build = (input: DataStream<Reading>) => input.keyBy("key").window(session("1ms")).aggregate("n", counting());
    const { records } = await results(build, [...steps, { watermark: 50 }]);
    expect(records.map(text)).toEqual(expected);
  });

  test("one after the other, in order of their ends", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
        const harness = await openHarness<Reading, WindowResult<string, number>>(
          (input) =>
            input
              .keyBy("key")
              .window(session(milliseconds(shape.gapMs)))
              .aggregate("n", counting()),
          { blockEvery: 3 },
        );
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

  test("that had come differently far meet without firing twice or not at all", async () => {
    const build = (input: DataStream<Reading>) => input.keyBy("key").window(session("5ms")).aggregate("n", counting());
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
    const whole = await openHarness(build, { keyGroups: 8 });
    for (const key of keys) for (const time of [10, 30]) whole.push({ key, value: 1 }, time);
    const halves = await Promise.all(
      [0, 1].map((subtask) =>
        openHarness(build, { keyGroups: 8, subtask, parallelism: 2, restore: [whole.snapshot()] }),
      ),
    );
    halves[0]?.watermark(22); // fires [10, 15), of these keys only
    const again = await openHarness(build, { keyGroups: 8, restore: halves.map((half) => half.snapshot()) });
    again.watermark(12);
    again.watermark(100);
    const all = [...halves.flatMap((half) => half.records), ...again.records].map(text);
    expect(all.sort()).toEqual(keys.flatMap((key) => [`${key} [10, 15) 1`, `${key} [30, 35) 1`]).sort());
  });

  test("with a gap of each record's own", async () => {
    const gapOf = ({ value }: Reading): number => value + 1;
    await fc.assert(
      fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
        const build = (input: DataStream<Reading>) =>
          input
            .keyBy("key")
            .window(
              session((reading) => milliseconds(gapOf(reading))),
              options(shape),
            )
            .process("values", listed);
        await check(build, steps, referenceSessions(steps, { ...shape, gapOf }));
      }),
      { numRuns: 40 },
    );
  });
});

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

describe("triggers", () => {
  const counted =
    <S>(trigger: Trigger<Reading, S>) =>
    (input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .window(tumbling("10ms"), { allowedLateness: "10ms" })
        .trigger(trigger)
        .aggregate("n", counting());
  const seen = async <S>(trigger: Trigger<Reading, S>, steps: readonly Step<Reading>[]) =>
    (await results(counted(trigger), steps)).records.map(({ windowStart, value }) => [windowStart, value]);

  test("of counts fire whatever the time, and once they purge, of new records only", async () => {
    const steps = [...readings(1, 1, 1, 1, 1), { watermark: 100 }];
    expect(await seen(countTrigger(2), steps)).toEqual([
      [0, 2],
      [0, 4],
    ]);
    expect(await seen(purgingTrigger(countTrigger(2)), steps)).toEqual([
      [0, 2],
      [0, 2],
    ]);
  });

  test("of event time are what a window has anyway", async () => {
    const steps = [at(1), at(2), { watermark: 9 }, at(3), { watermark: 19 }, at(4), at(15), { watermark: 50 }];
    const plain = await results(
      (input) => input.keyBy("key").window(tumbling("10ms"), { allowedLateness: "10ms" }).aggregate("n", counting()),
      steps,
    );
    expect(await seen(eventTimeTrigger(), steps)).toEqual(plain.records.map((each) => [each.windowStart, each.value]));
    expect(plain.records).toHaveLength(3);
  });

  test("that are continuous fire at each interval and at the end", async () => {
    const steps = [at(1), { watermark: 4 }, at(4), at(6), { watermark: 7 }, { watermark: 8 }, { watermark: 30 }];
    expect(await seen(continuousEventTimeTrigger("4ms"), steps)).toEqual([
      [0, 1],
      [0, 3],
      [0, 3],
    ]);
  });

  test("that are continuous by the clock fire while it goes on", async () => {
    const steps = [at(1), { advanceTime: 4 }, at(4), { advanceTime: 3 }, { advanceTime: 1 }, { watermark: 30 }];
    expect(await seen(continuousProcessingTimeTrigger("4ms"), steps)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test("fire early, in time and late", async () => {
    const trigger = earlyAndLateTrigger({ early: countTrigger(2), late: countTrigger(2) });
    const steps = [at(1), at(2), at(3), { watermark: 9 }, at(4), at(5), at(6), { watermark: 19 }, at(7)];
    expect(await seen(trigger, steps)).toEqual([
      [0, 2],
      [0, 3],
      [0, 5],
    ]);
    const eachLate = [at(1), { watermark: 9 }, at(2), { watermark: 19 }];
    expect(await seen(earlyAndLateTrigger({}), eachLate)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test("of a difference fire when records have moved away", async () => {
    const build = (input: DataStream<Reading>) =>
      input
        .keyBy("key")
        .window(globalWindow())
        .trigger(deltaTrigger<Reading>(5, (before, { value }) => Math.abs(value - before.value)))
        .process("list", listed);
    const { records } = await results(build, readings(1, 4, 7, 8, 13));
    expect(records.map((record) => record.split(" ").at(-1))).toEqual(["1,4,7", "1,4,7,8,13"]);
  });

  test("of one's own keep their state and timers, and may stop by purging", async () => {
    /** Fires at the time that a record says, and forgets all at a 0. */
    const own: Trigger<Reading, { asked: number }> = {
      name: "own",
      create: () => ({ asked: 0 }),
      onRecord(state, { value }, _, context) {
        if (value === 0) return "purge";
        if (state.asked > 0) context.deleteEventTimer(state.asked);
        state.asked = value;
        context.eventTimer(value);
        return "continue";
      },
      onEventTime: () => "fireAndPurge",
    };
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(globalWindow()).trigger(own).aggregate("values", values);
    const steps = [at(0, 5), at(0, 8), { watermark: 7 }, { watermark: 8 }, at(9, 12), at(9, 0), { watermark: 20 }];
    const { records } = await results(build, steps);
    expect(records.map(({ value }) => value)).toEqual(["5,8"]);
  });

  test("go over into sessions that merge", async () => {
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(session("5ms")).trigger(countTrigger(3)).aggregate("n", counting());
    // Two sessions of one record each become one of three.
    const { records } = await results(build, [at(0), at(8), at(4), { watermark: 50 }]);
    expect(records).toEqual([{ key: "a", windowStart: 0, windowEnd: 13, value: 3 }]);
  });

  test("by intervals go over into sessions too", async () => {
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(session("5ms")).trigger(continuousEventTimeTrigger("4ms")).aggregate("n", counting());
    const { records } = await results(build, [at(1), at(6), at(4), { watermark: 4 }, { watermark: 50 }]);
    expect(records.map(({ windowEnd, value }) => [windowEnd, value])).toEqual([
      [11, 3],
      [11, 3],
      [11, 3],
    ]);
  });
});

describe("evictors", () => {
  const list = (evictor: Parameters<ReturnType<typeof windowOf>["evictor"]>[0]) => (input: DataStream<Reading>) =>
    windowOf(input).evictor(evictor).process("list", listed);
  const windowOf = (input: DataStream<Reading>) => input.keyBy("key").window(globalWindow()).trigger(countTrigger(3));
  const lists = async (...given: Parameters<typeof list>) =>
    (await results(list(...given), readings(1, 9, 2, 3, 8, 4))).records.map((record) => record.split(" ").at(-1));

  test("keep the last records", async () => {
    expect(await lists(countEvictor(2))).toEqual(["2,9", "4,8"]);
    expect(await lists(countEvictor(2, { when: "after" }))).toEqual(["1,2,9", "2,3,4,8,9"]);
  });

  test("keep the latest ones", async () => {
    expect(await lists(timeEvictor("1ms"))).toEqual(["2,9", "4,8"]);
  });

  test("keep those that are near to the last one", async () => {
    expect(await lists(deltaEvictor<Reading>(2, (a, b) => Math.abs(a.value - b.value)))).toEqual(["1,2", "3,4"]);
  });

  test("may be one's own, and an aggregate is made of what they leave", async () => {
    const build = (input: DataStream<Reading>) =>
      windowOf(input)
        .evictor({ name: "even", before: (all) => all.filter(({ value: reading }) => reading.value % 2 === 0) })
        .aggregate("sum", summing("value"));
    const { records } = await results(build, readings(1, 9, 2, 3, 8, 4));
    expect(records.map(({ value }) => value)).toEqual([2, 14]);
  });
});

describe("windows of processing time", () => {
  const by =
    (window: Parameters<ReturnType<DataStream<Reading>["keyBy"]>["window"]>[0]) => (input: DataStream<Reading>) =>
      input.keyBy("key").window(window).aggregate("values", values);
  const steps = [at(500, 1), { advanceTime: 5 }, at(0, 2), { advanceTime: 5 }, at(0, 3), { advanceTime: 20 }];

  test.each([
    ["tumbling", tumbling("10ms", { time: "processing" }), ["a [0, 10) 1,2", "a [10, 20) 3"]],
    [
      "sliding",
      sliding("10ms", "5ms", { time: "processing" }),
      ["a [-5, 5) 1", "a [0, 10) 1,2", "a [5, 15) 2,3", "a [10, 20) 3"],
    ],
    ["cumulative", cumulative("20ms", "10ms", { time: "processing" }), ["a [0, 10) 1,2", "a [0, 20) 1,2,3"]],
    ["session", session("7ms", { time: "processing" }), ["a [0, 17) 1,2,3"]],
  ])("that are %s count by the clock, whatever the records' time", async (_, window, expected) => {
    const { records, timestamps } = await results(by(window as never), steps);
    expect(records.map(text)).toEqual(expected);
    expect(timestamps[0]).toBe((records[0]?.windowEnd as number) - 1);
  });

  test("give one result, of their last millisecond's records too", async () => {
    const steps = [
      at(0, 1),
      { advanceTime: 9 },
      at(0, 2),
      { advanceTime: 0 },
      at(0, 3),
      { advanceTime: 1 },
      at(0, 4),
      { advanceTime: 20 },
    ];
    const { records } = await results(by(tumbling("10ms", { time: "processing" })), steps);
    expect(records.map(text)).toEqual(["a [0, 10) 1,2,3", "a [10, 20) 4"]);
  });

  test("give what they have when all input has come", async () => {
    const harness = await openHarness(by(tumbling("1h", { time: "processing" })), { blockEvery: 2 });
    for (const key of ["a", "b", "c", "d"]) harness.push({ key, value: 1 });
    harness.finish();
    expect(harness.records.map(({ key }) => key)).toEqual(["a", "b", "c", "d"]);
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
