/** Sessions: with one gap and with a gap by a function, against a plain reference. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counting, type DataStream, maximum, minimum, session, summing, type WindowResult } from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { at, late, lateText, listed, milliseconds, results, text, values } from "./general-window-cases.ts";
import { type Reading, referenceSessions } from "./window-reference.ts";
import { windowSteps } from "./window-steps.ts";

/** Records that come at the clock's time, and times between them. */
const clockSteps: fc.Arbitrary<readonly Step<Reading>[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ key: fc.constantFrom("a", "b"), value: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 2, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 8 }) }) },
    ),
    { maxLength: 25 },
  )
  .map((each) =>
    [...each, { wait: 100 }].map((step): Step<Reading> => ("wait" in step ? { advanceTime: step.wait } : [step])),
  );

/** The same with the clock's times, which begin at 0; by the clock nothing is late. */
function timedByClock(steps: readonly Step<Reading>[]): Step<Reading>[] {
  let now = 0;
  return steps.map((step) => {
    if (!("advanceTime" in step)) return [(step as readonly [Reading])[0], now];
    now += step.advanceTime;
    return { watermark: now - 1 };
  });
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

  test("that had come differently far fire again for a record within the lateness, and only then", async () => {
    const build = (input: DataStream<Reading>) =>
      input.keyBy("key").window(session("5ms"), { allowedLateness: "1s" }).aggregate("n", counting());
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
    const whole = await openHarness(build, { keyGroups: 8 });
    for (const key of keys) whole.push({ key, value: 1 }, 10);
    const halves = await Promise.all(
      [0, 1].map((subtask) =>
        openHarness(build, { keyGroups: 8, subtask, parallelism: 2, restore: [whole.snapshot()] }),
      ),
    );
    halves[0]?.watermark(22);
    const again = await openHarness(build, { keyGroups: 8, restore: halves.map((half) => half.snapshot()) });
    const [first, ...others] = keys;
    again.push({ key: first as string, value: 1 }, 10); // within it, so that it does not grow
    for (const key of others.slice(0, 9)) again.push({ key, value: 1 }, 12);
    again.watermark(100);
    const fired = new Set(halves.flatMap((half) => half.records).map(({ key }) => key));
    const expected = keys.flatMap((key, i) => {
      if (i === 0) return [`${key} [10, 15) 2`];
      if (i <= 9) return [`${key} [10, 17) 2`];
      return fired.has(key) ? [] : [`${key} [10, 15) 1`];
    });
    expect(fired.size).toBeGreaterThan(0);
    expect(again.records.map(text).sort()).toEqual(expected.sort());
  });

  test("by the clock, with a gap of each record's own", async () => {
    const gapOf = ({ value }: Reading): number => value + 1;
    await fc.assert(
      fc.asyncProperty(clockSteps, async (steps) => {
        const build = (input: DataStream<Reading>) =>
          input
            .keyBy("key")
            .window(session((reading) => milliseconds(gapOf(reading)), { time: "processing" }))
            .process("values", listed);
        const { records } = await driveInEveryWay(build, steps, { keysInAnyOrder: true });
        const expected = referenceSessions(timedByClock(steps), { gapOf, allowedLatenessMs: 0 });
        expect(records.toSorted()).toEqual(expected.sort());
      }),
      { numRuns: 40 },
    );
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
