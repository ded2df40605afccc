/** Triggers against a few plain lines, with disorder and lateness. */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  continuousEventTimeTrigger,
  countTrigger,
  type DataStream,
  earlyAndLateTrigger,
  eventTimeTrigger,
  purgingTrigger,
  sliding,
  type Trigger,
} from "../../index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { milliseconds, text, values } from "./general-window-cases.ts";
import type { Reading } from "./window-reference.ts";
import { windowSteps } from "./window-steps.ts";

/** What a window has, with what the reference remembers of it. */
interface Held {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readings: number[];
  count: number;
  /** When it fires next by intervals. */
  next: number;
  fired: boolean;
}

/** Whether a window fires when a record has come, and at which times up to a watermark, in order. */
interface Reference {
  onRecord(held: Held, timestamp: number, watermark: number): boolean;
  firingsBy(held: Held, watermark: number): number;
  readonly purges?: true;
}

const everyThird = (held: Held): boolean => ++held.count % 3 === 0;
const atEnd = (held: Held, watermark: number): number => {
  if (held.fired || held.end - 1 > watermark) return 0;
  held.fired = true;
  return 1;
};
/** A record that comes behind the end, and is allowed, fires at once. */
const isAllowedLate = (held: Held, watermark: number): boolean => held.end - 1 <= watermark;

const cases: Readonly<Record<string, readonly [Trigger<unknown, unknown>, Reference]>> = {
  "by count": [countTrigger(3) as Trigger<unknown, unknown>, { onRecord: everyThird, firingsBy: () => 0 }],
  "by count, purging": [
    purgingTrigger(countTrigger(3)) as Trigger<unknown, unknown>,
    { onRecord: everyThird, firingsBy: () => 0, purges: true },
  ],
  "by event time, purging": [
    purgingTrigger(eventTimeTrigger()) as Trigger<unknown, unknown>,
    {
      onRecord: (held, _, watermark) => isAllowedLate(held, watermark),
      firingsBy: atEnd,
      purges: true,
    },
  ],
  "early by count, and late": [
    earlyAndLateTrigger({ early: countTrigger(3) }) as Trigger<unknown, unknown>,
    {
      onRecord: (held, _, watermark) => isAllowedLate(held, watermark) || everyThird(held),
      firingsBy: atEnd,
    },
  ],
  "at intervals": [
    continuousEventTimeTrigger("4ms") as Trigger<unknown, unknown>,
    {
      onRecord(held, timestamp, watermark) {
        if (isAllowedLate(held, watermark)) return true;
        if (Number.isNaN(held.next)) held.next = (Math.floor(timestamp / 4) + 1) * 4;
        return false;
      },
      firingsBy(held, watermark) {
        let firings = 0;
        for (; held.next <= watermark && held.next < held.end - 1; held.next += 4) firings++;
        return firings + atEnd(held, watermark);
      },
    },
  ],
};

const shapes = fc
  .record({
    slideMs: fc.integer({ min: 2, max: 12 }),
    times: fc.constantFrom(1, 2),
    latenessMs: fc.constantFrom(0, 0, 6, 25),
  })
  .map(({ slideMs, times, latenessMs }) => ({ sizeMs: slideMs * times, slideMs, latenessMs }));
type Shape = typeof shapes extends fc.Arbitrary<infer S> ? S : never;

test.each(Object.entries(cases))("windows that fire %s", async (_, [trigger, reference]) => {
  await fc.assert(
    fc.asyncProperty(shapes, windowSteps, async (shape, steps) => {
      const { records } = await driveInEveryWay(
        (input: DataStream<Reading>) =>
          input
            .keyBy("key")
            .window(sliding(milliseconds(shape.sizeMs), milliseconds(shape.slideMs)), {
              allowedLateness: milliseconds(shape.latenessMs),
            })
            .trigger(trigger)
            .aggregate("values", values),
        steps,
        { keysInAnyOrder: true },
      );
      expect(records.map(text).sort()).toEqual(expected(steps, shape, reference).sort());
    }),
    { numRuns: 40 },
  );
});

function expected(steps: readonly Step<Reading>[], shape: Shape, reference: Reference): string[] {
  const { sizeMs, slideMs, latenessMs } = shape;
  const open = new Map<string, Held>();
  const results: string[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  const fire = (held: Held): void => {
    if (held.readings.length > 0)
      results.push(`${held.key} [${held.start}, ${held.end}) ${held.readings.toSorted((a, b) => a - b)}`);
    if (reference.purges === true) held.readings = [];
  };
  const take = ({ key, value }: Reading, timestamp: number): void => {
    for (let start = Math.floor(timestamp / slideMs) * slideMs; start > timestamp - sizeMs; start -= slideMs) {
      const end = start + sizeMs;
      if (end - 1 + latenessMs <= watermark) continue;
      const name = `${key} ${start}`;
      const held = open.get(name) ?? { key, start, end, readings: [], count: 0, next: Number.NaN, fired: false };
      open.set(name, held);
      held.readings.push(value);
      if (reference.onRecord(held, timestamp, watermark)) fire(held);
      if (end - 1 <= watermark) held.fired = true;
    }
  };
  for (const step of steps) {
    if (Array.isArray(step)) take(...(step as unknown as [Reading, number]));
    else if ("watermark" in step && step.watermark > watermark) {
      watermark = step.watermark;
      for (const [name, held] of open) {
        for (let firings = reference.firingsBy(held, watermark); firings > 0; firings--) fire(held);
        if (held.end - 1 + latenessMs <= watermark) open.delete(name);
      }
    }
  }
  return results;
}
