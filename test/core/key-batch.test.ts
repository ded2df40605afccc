import fc from "fast-check";
import { expect, test } from "vitest";
import type { Key } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";

const key = fc.oneof(
  { weight: 8, arbitrary: fc.integer() as fc.Arbitrary<Key> },
  { weight: 1, arbitrary: fc.constantFrom<Key>("a", 0.5, 2 ** 31, -(2 ** 31) - 1, 1n, true, [1, "a"], Number.NaN) },
);

test("a batch gives back the keys that were added, whatever they are", () => {
  fc.assert(
    fc.property(fc.array(fc.array(key, { maxLength: 20 }), { maxLength: 3 }), (batches) => {
      const batch = new KeyBatch(20);
      for (const keys of batches) {
        for (const each of keys) batch.add(each);
        expect(batch.count).toBe(keys.length);
        expect(keys.map((_, at) => batch.keyAt(at))).toEqual(keys);
        const allInts = keys.every((each) => typeof each === "number" && (each | 0) === each);
        expect(batch.allInts).toBe(allInts);
        if (allInts) expect([...batch.ints.subarray(0, keys.length)]).toEqual(keys);
        batch.clear();
      }
    }),
  );
});

test("of the keys those are left that are to be kept", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.boolean()), { maxLength: 20 }),
      fc.array(key, { maxLength: 5 }),
      (drawn, more) => {
        const batch = new KeyBatch(25);
        for (const [each] of drawn) batch.add(each);
        const places = drawn.flatMap(([, isKept], at) => (isKept ? [at] : []));
        batch.keepOnly(Int32Array.from(places));
        for (const each of more) batch.add(each);
        const left = [...places.map((at) => (drawn[at] as (typeof drawn)[number])[0]), ...more];
        expect(left.map((_, at) => batch.keyAt(at))).toEqual(left);
        expect(batch.count).toBe(left.length);
      },
    ),
  );
});

test("-0 is the integer 0", () => {
  const batch = new KeyBatch(1);
  batch.add(-0);
  expect([batch.allInts, batch.keyAt(0)]).toEqual([true, 0]);
});
