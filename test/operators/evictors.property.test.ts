/** Evictors against a few plain lines, with disorder, and with lateness, by which a window fires again with what is left. */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  countEvictor,
  type DataStream,
  deltaEvictor,
  type Evictor,
  sliding,
  timeEvictor,
  type WindowFunction,
} from "../../index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { milliseconds } from "./general-window-cases.ts";
import type { Reading } from "./window-reference.ts";
import { windowSteps } from "./window-steps.ts";

interface Kept {
  readonly value: number;
  readonly timestamp: number;
}

/** How much it keeps, of what kind, and when. Each keeps the last record at least. */
interface Case {
  readonly kind: "count" | "time" | "delta";
  readonly amount: number;
  readonly when: "before" | "after";
}

const cases: fc.Arbitrary<Case> = fc.record({
  kind: fc.constantFrom("count", "time", "delta"),
  amount: fc.integer({ min: 1, max: 6 }),
  when: fc.constantFrom("before", "after"),
});

const shapes = fc
  .record({
    slideMs: fc.integer({ min: 2, max: 12 }),
    times: fc.constantFrom(1, 2),
    latenessMs: fc.constantFrom(0, 6, 25),
  })
  .map(({ slideMs, times, latenessMs }) => ({ sizeMs: slideMs * times, slideMs, latenessMs }));
type Shape = typeof shapes extends fc.Arbitrary<infer S> ? S : never;

/** The values of a window in the order in which they came. */
const inOrder: WindowFunction<readonly Reading[], string, never, never, string> = {
  process: (key, { start, end }, records) => [`${key} [${start}, ${end}) ${records.map(({ value }) => value).join()}`],
};

test("windows give what their evictor leaves, and have it when they fire again", async () => {
  await fc.assert(
    fc.asyncProperty(cases, shapes, windowSteps, async (evicting, shape, steps) => {
      const { records } = await driveInEveryWay(
        (input: DataStream<Reading>) =>
          input
            .keyBy("key")
            .window(sliding(milliseconds(shape.sizeMs), milliseconds(shape.slideMs)), {
              allowedLateness: milliseconds(shape.latenessMs),
            })
            .evictor(evictorOf(evicting))
            .process("in order", inOrder),
        steps,
        { keysInAnyOrder: true },
      );
      expect(records.toSorted()).toEqual(expected(steps, shape, evicting).sort());
    }),
    { numRuns: 100 },
  );
});

function evictorOf({ kind, amount, when }: Case): Evictor<Reading> {
  switch (kind) {
    case "count":
      return countEvictor(amount, { when });
    case "time":
      return timeEvictor(milliseconds(amount), { when });
    case "delta":
      return deltaEvictor(amount, (record, last) => Math.abs(record.value - last.value), { when });
  }
}

function left({ kind, amount }: Case, all: readonly Kept[]): Kept[] {
  const latest = Math.max(...all.map(({ timestamp }) => timestamp));
  return all.filter(({ value, timestamp }, i) => {
    if (kind === "count") return i >= all.length - amount;
    return kind === "time" ? latest - timestamp <= amount : Math.abs(value - (all.at(-1) as Kept).value) < amount;
  });
}

function expected(steps: readonly Step<Reading>[], { sizeMs, slideMs, latenessMs }: Shape, evicting: Case): string[] {
  const windows = new Map<string, { readonly key: string; readonly start: number; all: Kept[] }>();
  const results: string[] = [];
  let watermark = Number.NEGATIVE_INFINITY;
  const fire = (name: string): void => {
    const window = windows.get(name);
    if (window === undefined) return;
    const shown = evicting.when === "before" ? left(evicting, window.all) : window.all;
    results.push(`${window.key} [${window.start}, ${window.start + sizeMs}) ${shown.map(({ value }) => value).join()}`);
    window.all = left(evicting, window.all);
  };
  for (const step of steps) {
    if ("watermark" in step) {
      const before = watermark;
      watermark = step.watermark;
      for (const [name, { start }] of windows) {
        const last = start + sizeMs - 1;
        if (last > before && last <= watermark) fire(name);
        if (last + latenessMs <= watermark) windows.delete(name);
      }
      continue;
    }
    const [{ key, value }, timestamp = 0] = step as readonly [Reading, number];
    for (let start = Math.floor(timestamp / slideMs) * slideMs; start > timestamp - sizeMs; start -= slideMs) {
      const last = start + sizeMs - 1;
      if (last + latenessMs <= watermark) continue;
      const name = `${key} ${start}`;
      const window = windows.get(name) ?? { key, start, all: [] };
      windows.set(name, window);
      window.all.push({ value, timestamp });
      if (last <= watermark) fire(name);
    }
  }
  return results;
}
