/** Runs of values for the tests of distinct counts: dense, sparse, clustered, negative, huge, and such that are no whole numbers. */

import fc from "fast-check";
import { type Comparable, eachSeen, mark, nothingSeen, type SeenValues } from "../../../core/aggregates/distinct.ts";

export interface ValueRun {
  readonly first: number;
  readonly step: number;
  readonly count: number;
  /** Values lie around the places of the run, not on them. */
  readonly spread: number;
  readonly marks: number;
}

const starts = [0, -700, 255, 2 ** 31 - 900, -(2 ** 31), 123_456_789, 2 ** 31, 2 ** 40];

/** @param marks how many there are. */
export function runs(marks: number): fc.Arbitrary<ValueRun> {
  return fc.record({
    first: fc.oneof(fc.constantFrom(...starts), fc.integer({ min: -3000, max: 3000 })),
    step: fc.constantFrom(1, 1, 2, 7, -1, 13, 256, 65_536, 999_983, 0.5),
    count: fc.nat(1500),
    spread: fc.constantFrom(0, 0, 40),
    marks: fc.nat(marks - 1).map((bit) => 1 << bit),
  });
}

/** The values in an order of their own, with marks, of which some have one more. */
export function* valuesOf({ first, step, count, spread, marks }: ValueRun): Generator<[number, number]> {
  for (let i = 0; i < count; i++) {
    const place = (i * 617) % count;
    const value = first + place * step + (spread === 0 ? 0 : (place * 31) % spread);
    yield [value, place % 5 === 0 ? marks | 1 : marks];
  }
}

/** The same as it was saved before there were pages: all whole numbers are in cells. */
export function withoutPages(seen: SeenValues): SeenValues {
  const all: [Comparable, number][] = [];
  eachSeen(seen, (value, marks) => all.push([value, marks]));
  const before = nothingSeen(all.length + 1);
  for (const [value, marks] of all) mark(before, value, marks);
  if (before.pages !== undefined) throw new Error("there was not room for all");
  delete before.pages;
  return before;
}
