/** Bloom filters against sets, and their rate of false positives at the bound that the documentation states. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { approximateSet, type BloomFilter, mayHold } from "../../../index.ts";

const values = fc.array(fc.oneof(fc.integer(), fc.string(), fc.bigInt(), fc.boolean(), fc.constant(null)), {
  maxLength: 60,
});

const small = approximateSet((value: string | number | bigint | boolean | null) => value, {
  capacity: 40,
  falsePositiveRate: 0.02,
});

const setOf = (all: readonly (string | number | bigint | boolean | null)[]): BloomFilter =>
  all.reduce<BloomFilter>((filter, value) => small.add(filter, value), small.create());

test("a value that was added is always there", () => {
  fc.assert(fc.property(values, (all) => all.every((value) => mayHold(setOf(all), value))));
});

test("merging is that of sets: associative, commutative, with the empty one and with itself, and the filter of both", () => {
  fc.assert(
    fc.property(values, values, values, (a, b, c) => {
      const merged = (...all: readonly BloomFilter[]): BloomFilter =>
        all.reduce((into, from) => small.merge(into, from), small.create());
      expect(merged(merged(setOf(a), setOf(b)), setOf(c))).toEqual(merged(setOf(a), merged(setOf(b), setOf(c))));
      expect(merged(setOf(a), setOf(b))).toEqual(merged(setOf(b), setOf(a)));
      expect(merged(setOf(a), setOf(a))).toEqual(setOf(a));
      expect(merged(setOf(a), setOf(b))).toEqual(setOf([...a, ...b]));
    }),
  );
});

describe("the rate of false positives", () => {
  const PROBES = 20_000;

  test.each([
    [100, 0.01],
    [1000, 0.05],
    [20_000, 0.001],
    [20_000, 0.1],
  ])("with %i values is about %f", (capacity, falsePositiveRate) => {
    for (const valueAt of [(i: number) => i, (i: number) => `user-${i}`, (i: number) => i / 3]) {
      const aggregate = approximateSet<number>(valueAt, { capacity, falsePositiveRate });
      let filter = aggregate.create();
      for (let i = 0; i < capacity; i++) filter = aggregate.add(filter, i);
      let wrong = 0;
      for (let i = 0; i < PROBES; i++) if (mayHold(filter, valueAt(1_000_000 + i))) wrong++;
      const deviation = Math.sqrt((falsePositiveRate * (1 - falsePositiveRate)) / PROBES);
      expect(wrong / PROBES).toBeLessThan(1.1 * falsePositiveRate + 4 * deviation);
      if (falsePositiveRate > 0.005) expect(wrong / PROBES).toBeGreaterThan(0.8 * falsePositiveRate - 4 * deviation);
    }
  });
});

test.each([
  [{ capacity: 0 }, /approximateSet expects capacity to be a number of values, got 0/],
  [{ capacity: 10, falsePositiveRate: 0 }, /falsePositiveRate to be above 0 and at most 0.5, got 0/],
  [{ capacity: 10, falsePositiveRate: 0.9 }, /got 0.9/],
])("%o is refused", (options, message) => {
  expect(() => approximateSet<number>((value: number) => value, options)).toThrow(message);
});
