/** The wheel of sessions' ends, against a plain list of them. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { SessionEnds, sessionNumber } from "../../operators/window/session/session-ends.ts";

const SLOTS = 2;
const LAYERS = 2;

/** Thousandths of a gap, and milliseconds. */
const lengths = fc.tuple(fc.oneof(fc.constant(0), fc.nat(700)), fc.nat(3));

/** What happens to the session in a place: it comes or grows by some of its gap, or goes elsewhere; or time goes on. */
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ slot: fc.nat(SLOTS - 1), layer: fc.nat(LAYERS - 1), by: lengths }) },
    {
      weight: 2,
      arbitrary: fc.record({ slot: fc.nat(SLOTS - 1), layer: fc.nat(LAYERS - 1), leaves: fc.constant(true) }),
    },
    { weight: 3, arbitrary: fc.record({ passes: lengths }) },
  ),
  { maxLength: 60, size: "max" },
);

/** A pane of eight gaps that begins at `start`. */
class PlainEnds {
  readonly columns = Array.from({ length: LAYERS }, () => new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY));
  readonly ends: SessionEnds;
  readonly gapMs: number;
  readonly start: number;
  watermark: number;

  /** @param past how far ends had passed before, as the pane was restored; what ends there may come all the same. */
  constructor(start: number, gapMs: number, past: readonly [number, number]) {
    this.gapMs = gapMs;
    this.start = start;
    this.watermark = start - 1;
    this.ends = new SessionEnds(start, 8 * gapMs, start + this.lengthOf(past));
  }

  lengthOf([thousandths, ms]: readonly [number, number]): number {
    return Math.floor((thousandths * this.gapMs) / 1000) + ms;
  }

  grow(layer: number, slot: number, by: readonly [number, number]): void {
    const column = this.columns[layer] as Float64Array;
    const before = column[slot] as number;
    const isLeft = before - 1 <= this.watermark;
    const end = (isLeft ? this.watermark + 2 : before) + this.lengthOf(by);
    if (end >= this.start + 8 * this.gapMs) return;
    column[slot] = end;
    if (isLeft) this.ends.add(sessionNumber(layer, slot), end);
    else if (end > before) this.ends.grown(sessionNumber(layer, slot), before, end);
  }

  leave(layer: number, slot: number): void {
    (this.columns[layer] as Float64Array)[slot] = Number.NEGATIVE_INFINITY;
    this.ends.left();
  }

  /** What ends by then, as the wheel and as the list says it. */
  pass(by: readonly [number, number]): { readonly seen: readonly number[]; readonly expected: readonly number[] } {
    const before = this.watermark;
    this.watermark += this.lengthOf(by);
    const upTo = this.watermark + 1;
    const seen: number[] = [];
    const columns = { columns: this.columns, sizes: this.columns.map(() => SLOTS), stride: 1 };
    for (let due = this.ends.take(upTo, columns); due.length > 0; due = this.ends.take(upTo, columns))
      seen.push(...due);
    const expected = this.columns
      .flatMap((column, layer) => [...column].map((end, slot) => ({ end, session: sessionNumber(layer, slot) })))
      .filter(({ end }) => end - 1 > before && end <= upTo)
      .sort((a, b) => a.end - b.end || a.session - b.session)
      .map(({ session }) => session);
    return { seen, expected };
  }
}

test.each([1, 10, 999, 1800_000])(
  "gives each session once, in order of ends and numbers, with a gap of %i ms",
  (gapMs) => {
    fc.assert(
      fc.property(steps, fc.integer({ min: -3, max: 220_000_000 }), lengths, (happens, pane, past) => {
        const plain = new PlainEnds(pane * 8 * gapMs, gapMs, past);
        for (const step of happens) {
          if ("by" in step) plain.grow(step.layer, step.slot, step.by);
          else if ("leaves" in step) plain.leave(step.layer, step.slot);
          else {
            const { seen, expected } = plain.pass(step.passes);
            expect(seen).toEqual(expected);
          }
        }
      }),
      { numRuns: 200 },
    );
  },
);

test("a session that has fired before its end comes out again only if it is woken", () => {
  const ends = new SessionEnds(0, 80, 0);
  const columns = { columns: [new Float64Array([15, 15])], sizes: [2], stride: 1 };
  ends.silence(0);
  ends.silence(1);
  ends.wake(1, 15);
  ends.wake(1, 15);
  expect([...ends.take(40, columns)]).toEqual([1]);
  expect([...ends.take(40, columns)]).toEqual([]);
});

test("what is in the pane when it is restored comes out, but what had ended before", () => {
  const ends = new SessionEnds(0, 80, 20);
  const columns = { columns: [new Float64Array([15, 20, 21, 79, 30])], sizes: [4], stride: 1 };
  ends.silence(3);
  expect([...ends.take(25, columns)]).toEqual([2]);
  expect([...ends.take(80, columns)]).toEqual([]);
});

test("a silent session that grows comes out once", () => {
  const ends = new SessionEnds(0, 80, 0);
  const column = new Float64Array([13]);
  const columns = { columns: [column], sizes: [1], stride: 1 };
  ends.silence(0);
  expect([...ends.take(12, columns)]).toEqual([]);
  column[0] = 14;
  ends.grown(0, 13, 14);
  ends.wake(0, 14);
  expect([...ends.take(40, columns)]).toEqual([0]);
  expect([...ends.take(40, columns)]).toEqual([]);
});

test("a session that had ended before and was restored comes out when it has grown, also within a tick", () => {
  const ends = new SessionEnds(0, 8 * 1800_000, 10_000);
  const column = new Float64Array([100]);
  const columns = { columns: [column], sizes: [1], stride: 1 };
  column[0] = 200;
  ends.grown(0, 100, 200);
  expect([...ends.take(300, columns)]).toEqual([0]);
  expect([...ends.take(900, columns)]).toEqual([]);
});
