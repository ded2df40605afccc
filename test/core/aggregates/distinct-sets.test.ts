import fc from "fast-check";
import { expect, test } from "vitest";
import { type Comparable, countSeen } from "../../../core/aggregates/distinct.ts";
import { DistinctSets } from "../../../core/aggregates/distinct-sets.ts";
import { runs, valuesOf, withoutPages } from "./value-runs.ts";

const found = (sets: DistinctSets, set: number): Map<Comparable, number> => {
  const all = new Map<Comparable, number>();
  sets.each(set, (value, marks) => {
    expect(all.has(value)).toBe(false);
    all.set(value, marks);
  });
  return all;
};

const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -200, max: 200 }) },
  fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5, "1", "a", null),
);

test.each([1, 4, 32])("with %d marks, sets hold what Maps hold", (marks) => {
  const operation = fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({ set: fc.nat(9), value, marks: fc.nat(marks - 1).map((bit) => 1 << bit) }),
    },
    { weight: 1, arbitrary: fc.record({ set: fc.nat(9), reserved: fc.nat(300) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 900, size: "max" }), (operations) => {
      const sets = new DistinctSets();
      const model = Array.from({ length: 10 }, () => new Map<Comparable, number>());
      for (const each of operations) {
        const of = model[each.set] as Map<Comparable, number>;
        if ("reserved" in each) {
          sets.clear(each.set);
          sets.reserve(each.set, each.reserved);
          of.clear();
          continue;
        }
        const before = of.get(each.value) ?? 0;
        sets.touch(each.set, each.value);
        expect(sets.mark(each.set, each.value, each.marks)).toBe(each.marks & ~before);
        of.set(each.value, before | each.marks);
      }
      for (const [set, of] of model.entries()) {
        expect(found(sets, set)).toEqual(of);
        expect(sets.count(set)).toBe(of.size);
      }
    }),
    { numRuns: 40 },
  );
});

test.each([8, 32])("with %d marks, runs of values, saved and restored at times, are what Maps hold", (marks) => {
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.record({ set: fc.nat(2), run: runs(marks) }) },
    {
      weight: 1,
      arbitrary: fc.record({ set: fc.nat(2), saved: fc.constantFrom("as it is", "before there were pages") }),
    },
    { weight: 1, arbitrary: fc.record({ set: fc.nat(2), cleared: fc.constant(true) }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12, size: "max" }), (operations) => {
      const sets = new DistinctSets();
      const model = [0, 1, 2].map(() => new Map<Comparable, number>());
      for (const each of operations) {
        const of = model[each.set] as Map<Comparable, number>;
        if ("run" in each)
          for (const [value, its] of valuesOf(each.run)) {
            const before = of.get(value) ?? 0;
            sets.touch(each.set, value);
            if (sets.mark(each.set, value, its) !== (its & ~before)) expect.fail(`marks of ${value}`);
            of.set(value, before | its);
          }
        else if ("cleared" in each) {
          sets.clear(each.set);
          of.clear();
        } else {
          const seen = structuredClone(sets.seenIn(each.set));
          expect(countSeen(seen)).toBe(of.size);
          sets.clear(each.set);
          sets.put(each.set, each.saved === "as it is" ? seen : withoutPages(seen));
        }
        expect(sets.count(each.set)).toBe(of.size);
      }
      for (const [set, of] of model.entries()) expect(found(sets, set)).toEqual(of);
    }),
    { numRuns: 60 },
  );
});

test("what was taken of a set stays as it is while the set goes on", () => {
  const sets = new DistinctSets();
  for (let i = 0; i < 5000; i++) sets.mark(0, i, 1);
  const seen = sets.seenIn(0);
  const saved = structuredClone(seen);
  for (let i = 0; i < 9000; i++) sets.mark(0, i, 2);
  expect(seen).toEqual(saved);
  const other = new DistinctSets();
  other.put(7, seen);
  for (let i = 0; i < 9000; i++) other.mark(7, i, 0x100);
  expect(seen).toEqual(saved);
});

test("what was saved before there were pages has them when it is put back", () => {
  const sets = new DistinctSets();
  for (let i = 0; i < 5000; i++) sets.mark(0, i, 1);
  const before = withoutPages(sets.seenIn(0));
  expect(before.cells.byteLength).toBeGreaterThan(5000 * 8);
  const other = new DistinctSets();
  other.put(0, before);
  const after = other.seenIn(0);
  expect(after.cells.byteLength + (after.pages?.marks.byteLength ?? 0)).toBeLessThan(5000 * 3);
  expect(countSeen(after)).toBe(5000);
});

test("sets that grow in turns, some beyond a chunk, keep their values", () => {
  const sets = new DistinctSets();
  const small = 400;
  const sizeOf = (set: number): number => (set === 0 ? 150_000 : set === 1 ? 9_000 : 20 + (set % 90));
  for (let i = 0; i < 150_000; i++)
    for (let set = 0; set < (i < 110 ? small : 2); set++)
      if (i < sizeOf(set) && sets.mark(set, i * 64 - set, 1 + (i % 3)) !== 1 + (i % 3)) expect.fail("it was there");
  for (let set = 2; set < small; set += 3) sets.clear(set);
  for (let set = 2; set < small; set += 3) for (let i = 0; i < 500; i++) sets.mark(set, -i, 8);
  for (let set = 0; set < small; set++) {
    const isNew = set % 3 === 2;
    expect(sets.count(set)).toBe(isNew ? 500 : sizeOf(set));
    for (let i = 0; i < sets.count(set); i++) {
      const [value, marks] = isNew ? [-i, 8] : [i * 64 - set, 1 + (i % 3)];
      if (sets.mark(set, value, marks) !== 0) expect.fail(`set ${set} has lost ${value}`);
    }
  }
});

test("values that lie regularly do not fall onto few cells", () => {
  // A search that goes through all that is there for each value would take hours.
  for (const step of [1, 2, 64, 1000, 65_536, 2 ** 20 + 1]) {
    const sets = new DistinctSets();
    for (let i = 0; i < 100_000; i++) sets.mark(0, (i * step) | 0, 1);
    expect(sets.count(0)).toBe(new Set(Array.from({ length: 100_000 }, (_, i) => (i * step) | 0)).size);
  }
});
