import fc from "fast-check";
import { expect, test } from "vitest";
import {
  countSeen,
  type Distinct,
  eachSeen,
  MARKS_MAX,
  mark,
  mergeSeen,
  nothingSeen,
  seenPacking,
} from "../../../core/aggregates/distinct.ts";
import { type Aggregate, aggregates, countingDistinct, filtered } from "../../../index.ts";

const values: fc.Arbitrary<Distinct> = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom<Distinct>(-0, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5, Number.NaN, "", "a", "\0", "0", 0n, true, null),
  fc.integer({ min: 0, max: 3 }).map((time) => new Date(time)),
);
const marks = fc.integer({ min: 0, max: MARKS_MAX - 1 }).map((bit) => 1 << bit);

/** Equal exactly for values that count as one. */
const nameOf = (value: Distinct): string =>
  value instanceof Date ? `date ${value.getTime()}` : `${typeof value} ${Object.is(value, -0) ? 0 : String(value)}`;

const addAll = (steps: readonly (readonly [Distinct, number])[]) => {
  const seen = nothingSeen();
  for (const [value, its] of steps) mark(seen, value, its);
  return seen;
};

test("a mark is new once for each value, as a Map tells", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(values, marks), { maxLength: 400, size: "max" }), (steps) => {
      const seen = nothingSeen();
      const model = new Map<string, number>();
      for (const [value, its] of steps) {
        const before = model.get(nameOf(value)) ?? 0;
        expect(mark(seen, value, its)).toBe(its & ~before);
        model.set(nameOf(value), before | its);
      }
      expect(countSeen(seen)).toBe(model.size);
      const found: number[] = [];
      eachSeen(seen, (_, its) => found.push(its));
      expect(found.toSorted()).toEqual([...model.values()].toSorted());
    }),
  );
});

test("merged or packed and unpacked, values keep their marks", () => {
  const steps = fc.array(fc.tuple(values, marks), { maxLength: 60 });
  fc.assert(
    fc.property(steps, steps, (left, right) => {
      const into = seenPacking.unpack(structuredClone(seenPacking.pack(addAll(left))));
      let added = 0;
      mergeSeen(into, addAll(right), () => added++);
      const all = addAll([...left, ...right]);
      expect(countSeen(into)).toBe(countSeen(all));
      for (const [value, its] of [...left, ...right]) expect(mark(into, value, its)).toBe(0);
      expect(added).toBeLessThanOrEqual(new Set(right.map(([value]) => nameOf(value))).size);
    }),
  );
});

test("more counts of one field than a value has marks are all right", () => {
  const counts = MARKS_MAX + 8;
  const below = (bound: number) => (record: { readonly n: number }) => record.n < bound;
  const aggregate = aggregates(
    Object.fromEntries(
      Array.from({ length: counts }, (_, i) => [`below${i}`, filtered(below(i), countingDistinct<{ n: number }>("n"))]),
    ),
  ) as Aggregate<{ n: number }, unknown, unknown>;
  if (aggregate.columns !== undefined) throw new Error("distinct counts are no columns");
  const { create, add, result } = aggregate;
  const sums = [...Array(60).keys(), ...Array(60).keys()].reduce((sums, n) => add(sums, { n }), create());
  expect(result(sums)).toEqual(Object.fromEntries(Array.from({ length: counts }, (_, i) => [`below${i}`, i])));
});
