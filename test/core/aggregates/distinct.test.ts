import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Comparable,
  countSeen,
  type Distinct,
  eachSeen,
  MARKS_MAX,
  mark,
  mergeSeen,
  nothingSeen,
  type SeenValues,
  seenPacking,
  touchSeen,
} from "../../../core/aggregates/distinct.ts";
import { type Aggregate, aggregates, countingDistinct, filtered } from "../../../index.ts";
import { runs, type ValueRun, valuesOf, withoutPages } from "./value-runs.ts";

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

const seenOf = (all: readonly ValueRun[]) => {
  const seen = nothingSeen();
  const model = new Map<Comparable, number>();
  for (const run of all)
    for (const [value, its] of valuesOf(run)) {
      const before = model.get(value) ?? 0;
      touchSeen(seen, value);
      if (mark(seen, value, its) !== (its & ~before)) expect.fail(`marks of ${value}`);
      model.set(value, before | its);
    }
  return { seen, model };
};

const found = (seen: SeenValues): Map<Comparable, number> => {
  const all = new Map<Comparable, number>();
  eachSeen(seen, (value, its) => {
    expect(all.has(value)).toBe(false);
    all.set(value, its);
  });
  expect(countSeen(seen)).toBe(all.size);
  return all;
};

test.each([8, MARKS_MAX])("with %d marks, runs of values are what a Map holds, saved, packed and merged", (bits) => {
  const some = fc.array(runs(bits), { maxLength: 5, size: "max" });
  const form = fc.constantFrom<(seen: SeenValues) => SeenValues>(
    (seen) => structuredClone(seen),
    withoutPages,
    (seen) => seenPacking.unpack(structuredClone(seenPacking.pack(seen))),
  );
  fc.assert(
    fc.property(some, some, form, form, (left, right, ofLeft, ofRight) => {
      const [into, from] = [seenOf(left), seenOf(right)];
      expect(found(into.seen)).toEqual(into.model);
      const merged = ofLeft(into.seen);
      mergeSeen(merged, ofRight(from.seen), () => {});
      for (const [value, its] of from.model) into.model.set(value, (into.model.get(value) ?? 0) | its);
      expect(found(merged)).toEqual(into.model);
      for (const [value, its] of into.model) if (mark(merged, value, its) !== 0) expect.fail(`${value} is new`);
    }),
    { numRuns: 60 },
  );
});

const bytesOf = ({ cells, pages }: SeenValues): number =>
  cells.byteLength + (pages === undefined ? 0 : pages.marks.byteLength + pages.directory.byteLength);

/** A number that looks random, and is another one for each. */
const scattered = (i: number): number => Math.imul(i, 0x9e3779b1) | 0;

test.each([
  { kind: "ids in their order", valueAt: (i: number) => 10_000 + i, most: 2 },
  { kind: "half of all ids", valueAt: (i: number) => -(2 * i), most: 4 },
  { kind: "ids in any order", valueAt: (i: number) => (i * 61_487) % 100_000, most: 2 },
  { kind: "clusters", valueAt: (i: number) => scattered(i >> 8) + (i & 127), most: 5 },
  { kind: "one far value of ten", valueAt: (i: number) => (i % 10 === 0 ? scattered(i) : i), most: 5 },
  { kind: "far values", valueAt: scattered, most: 24 },
  { kind: "wide marks", valueAt: (i: number) => i, marks: 1 << 31, most: 7 },
])("$kind take at most $most bytes each", ({ valueAt, marks = 1, most }) => {
  const seen = nothingSeen();
  for (let i = 0; i < 100_000; i++) mark(seen, valueAt(i), marks);
  expect(bytesOf(seen) / countSeen(seen)).toBeLessThan(most);
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
