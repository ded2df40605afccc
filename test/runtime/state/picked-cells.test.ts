/** What captures pick of cells comes back as it was, whatever their values are and in whatever order they are gathered. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteSink, ByteSource } from "../../../runtime/state/byte-sink.ts";
import { readColumn, writeColumn } from "../../../runtime/state/column-codec.ts";
import { PickedCells } from "../../../runtime/state/picked-cells.ts";

const numbers = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, Number.NaN, 2 ** 31, -(2 ** 31)));
const nearlyNumbers = fc.oneof({ weight: 9, arbitrary: numbers }, { weight: 1, arbitrary: fc.constantFrom(null, "x") });
/** Short ones of latin1, of which only characters are kept, long ones, and ones that need more than a byte each. */
const texts = fc.oneof(
  { weight: 30, arbitrary: fc.string({ maxLength: 9 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 60, maxLength: 70 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 9 }) },
);
const records = fc.record({ count: numbers, sum: nearlyNumbers, name: texts, of: fc.tuple(numbers) });
const others = fc.oneof(
  fc.record({ sum: numbers, count: numbers }),
  fc.record({ count: numbers }),
  numbers,
  fc.string(),
  fc.constantFrom(null, true, Object.create(null) as object),
  fc.array(numbers),
  fc.date({ noInvalidDate: true }),
);
const wide = fc.constant(Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`f${at}`, at])));

/** Mostly of one kind, as states are. */
const cellLists = fc
  .tuple(fc.constantFrom(records, numbers, wide, texts, fc.constant("same")), fc.constantFrom(0, 1, 20))
  .chain(([usual, weight]) =>
    fc.array(
      fc.oneof(
        { weight: 20, arbitrary: usual as fc.Arbitrary<unknown> },
        { weight: 2, arbitrary: fc.constant(undefined) },
        { weight, arbitrary: others as fc.Arbitrary<unknown> },
      ),
      { maxLength: 80 },
    ),
  );

function written(values: Parameters<typeof writeColumn>[1]): ArrayLike<unknown> {
  const out = new ByteSink();
  writeColumn(out, values);
  return readColumn(new ByteSource(out.finish()), values.length);
}

interface Picked {
  readonly cells: PickedCells;
  /** What it should have, by place. */
  readonly expected: readonly unknown[];
}

/** As a capture does: what one does not take goes to the next. */
function pick(cells: readonly unknown[], capacity: number, together: number): readonly Picked[] {
  const learnt = { areMixed: false };
  const all: Picked[] = [];
  let open = { cells: new PickedCells(capacity, learnt), expected: [] as unknown[] };
  all.push(open);
  for (let from = 0; from < cells.length; ) {
    const end = Math.min(cells.length, from + together, from + capacity - open.expected.length);
    const taken = open.cells.take(cells, from, end, open.expected.length);
    open.expected.push(...cells.slice(from, taken));
    if (taken < end || open.expected.length === capacity) {
      open = { cells: new PickedCells(capacity, learnt), expected: [] };
      all.push(open);
    }
    from = taken;
  }
  return all;
}

describe("picked cells", () => {
  test("are what was picked, in any order and any number of pieces", () => {
    const orders = fc.infiniteStream(fc.nat());
    fc.assert(
      fc.property(
        cellLists,
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 30 }),
        orders,
        (list, capacity, together, random) => {
          const all = pick(list, capacity, together);
          expect(all.flatMap(({ expected }) => expected)).toEqual(list);
          for (const { cells, expected } of all) {
            const places = Int32Array.from(expected.keys()).sort(() => ((random.next().value as number) % 3) - 1);
            const [present, values] = cells.gathered(places);
            const wanted = Array.from(places, (place) => expected[place]);
            expect(Array.from(written(present))).toStrictEqual(wanted.map((cell) => cell !== undefined));
            const there = wanted.filter((cell) => cell !== undefined);
            expect(Array.from(written(values))).toEqual(there);
            cells.release();
          }
        },
      ),
    );
  });

  test("records hold numbers as such until one of them does not, and no other field is lost", () => {
    const cells = new PickedCells(8, { areMixed: false });
    const all = [{ a: 1, b: 2 }, { a: 1.5, b: 3 }, { a: "x", b: -0 }, undefined, { a: 4, b: 5 }];
    expect(cells.take(all, 0, 5, 0)).toBe(5);
    const [present, values, at] = cells.gathered(Int32Array.of(4, 3, 2, 1, 0));
    expect(Array.from(written(present))).toEqual([true, false, true, true, true]);
    expect([...at]).toEqual([4, 2, 1, 0]);
    expect(Array.from(written(values))).toStrictEqual([
      { a: 4, b: 5 },
      { a: "x", b: -0 },
      { a: 1.5, b: 3 },
      { a: 1, b: 2 },
    ]);
  });

  test("short texts are kept by their characters until a long one, or one of wide characters, comes", () => {
    for (const other of ["x".repeat(65), "\u{1f600}", "\ud800", 7]) {
      const cells = new PickedCells(8, { areMixed: false });
      const all = ["", "a", "\xff".repeat(64), undefined, "bcd"];
      expect(cells.take(all, 0, 5, 0)).toBe(5);
      expect(cells.take([other, "e"], 0, 2, 5)).toBe(2);
      const [, values] = cells.gathered(Int32Array.of(6, 5, 4, 2, 1, 0));
      expect(Array.from(written(values))).toStrictEqual(["e", other, "bcd", "\xff".repeat(64), "a", ""]);
    }
  });

  test("a record with other fields needs rows of its own, and whatever comes behind it is taken as it is", () => {
    const learnt = { areMixed: false };
    const cells = new PickedCells(8, learnt);
    const all = [{ a: 1 }, { b: 2 }, { a: 3 }];
    expect(cells.take(all, 0, 3, 0)).toBe(1);
    expect(learnt.areMixed).toBe(true);
    const next = new PickedCells(8, learnt);
    expect(next.take(all, 1, 3, 0)).toBe(3);
    expect(Array.from(written(next.gathered(Int32Array.of(0, 1))[1]))).toStrictEqual([{ b: 2 }, { a: 3 }]);
  });
});
