/** Sketches against exact values, at the bounds that their documentation states. The data is made by a seeded generator. */

import { describe, expect, test } from "vitest";
import { hash52 } from "../../../core/aggregates/hyper-log-log.ts";
import { approximateDistinct, type Distinct, quantiles, standardDeviation, variance } from "../../../index.ts";
import { SeededRandom } from "../../../runtime/testing/index.ts";

describe("approximateDistinct", () => {
  const values: readonly (readonly [string, (i: number) => Distinct])[] = [
    ["numbers", (i) => i],
    ["fractions", (i) => i / 7],
    ["texts", (i) => `user-${i}`],
    ["bigints", (i) => BigInt(i) ** 3n],
  ];

  test.each(values)("of %s, each seen twice, is within three standard errors at any size", (_, valueAt) => {
    for (const precision of [8, 12, 14]) {
      const error = 1.04 / Math.sqrt(2 ** precision);
      const aggregate = approximateDistinct<Distinct>((value: Distinct) => value, { precision });
      let sketch = aggregate.create();
      let seen = 0;
      for (const size of [10, 100, 1000, 5000, 20_000, 100_000]) {
        for (; seen < size; seen++) {
          sketch = aggregate.add(sketch, valueAt(seen));
          sketch = aggregate.add(sketch, valueAt(seen));
        }
        expect(Math.abs(aggregate.result(sketch) / size - 1), `${size} at precision ${precision}`).toBeLessThan(
          3 * error,
        );
      }
    }
  });

  test("is exact while few values are kept as they are", () => {
    const aggregate = approximateDistinct<number>((value: number) => value);
    let sketch = aggregate.create();
    for (let i = 0; i < 256; i++) sketch = aggregate.add(sketch, i * 17);
    expect(aggregate.result(sketch)).toBe(256);
    expect(sketch.registers).toBeUndefined();
  });

  test("keeps a fixed size", () => {
    const aggregate = approximateDistinct<number>((value: number) => value, { precision: 10 });
    let sketch = aggregate.create();
    for (let i = 0; i < 10_000; i++) sketch = aggregate.add(sketch, i);
    expect(sketch).toMatchObject({ sparse: undefined, registers: { length: 1024 } });
  });

  test("merged in any way is what one sketch of all is", () => {
    const aggregate = approximateDistinct<number>((value: number) => value, { precision: 8 });
    const sketchOf = (from: number, to: number) => {
      let sketch = aggregate.create();
      for (let i = from; i < to; i++) sketch = aggregate.add(sketch, i);
      return sketch;
    };
    for (const [a, b] of [
      [5, 12],
      [5, 4000],
      [3000, 3005],
      [2000, 6000],
    ] as const) {
      expect(aggregate.merge(sketchOf(0, a), sketchOf(a, b))).toEqual(
        a < 16 && b < 16 ? aggregate.merge(aggregate.create(), sketchOf(0, b)) : sketchOf(0, b),
      );
    }
  });

  test("hashes spread over all of their bits", () => {
    const ones = new Array<number>(52).fill(0);
    for (let i = 0; i < 4000; i++) {
      const hash = hash52(i);
      for (let bit = 0; bit < 52; bit++) ones[bit] = (ones[bit] as number) + (Math.floor(hash / 2 ** bit) % 2);
    }
    for (const count of ones) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

describe("quantiles", () => {
  const asked = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99] as const;
  const random = new SeededRandom(7);
  const shapes: readonly (readonly [string, readonly number[]])[] = [
    ["uniform", Array.from({ length: 50_000 }, () => random.next())],
    ["heavy-tailed", Array.from({ length: 50_000 }, () => 1 / (1 - random.next()) ** 2)],
    ["rising", Array.from({ length: 50_000 }, (_, i) => i)],
    ["falling", Array.from({ length: 50_000 }, (_, i) => -i)],
    ["of few values", Array.from({ length: 50_000 }, () => Math.floor(random.next() * 20))],
  ];

  /** By how much the share of values below differs from what was asked, as near as equal values allow. */
  function rankError(sorted: readonly number[], value: number, q: number): number {
    const below = sorted.findIndex((each) => each >= value) / sorted.length;
    const upTo = (sorted.findLastIndex((each) => each <= value) + 1) / sorted.length;
    return Math.max(0, below - q, q - upTo);
  }

  test.each(shapes)("of %s values are within the bound, alone and merged from 50 parts", (_, values) => {
    const sorted = values.toSorted((a, b) => a - b);
    for (const k of [100, 200, 400]) {
      const aggregate = quantiles<number>((value: number) => value, asked, { k });
      const sketchOf = (some: readonly number[]) =>
        some.reduce((sketch, value) => aggregate.add(sketch, value), aggregate.create());
      const alone = sketchOf(values);
      const parts = Array.from({ length: 50 }, (__, i) => sketchOf(values.slice(i * 1000, (i + 1) * 1000)));
      const merged = parts.reduce((into, from) => aggregate.merge(into, from), aggregate.create());
      for (const sketch of [alone, merged]) {
        aggregate.result(sketch).forEach((value, i) => {
          const q = asked[i] as number;
          expect(rankError(sorted, value, q), `quantile ${q} at k ${k}`).toBeLessThan(2.3 / k ** 0.97);
        });
        expect(sketch.levels.flat().length).toBeLessThan(3 * k + 20);
        expect(sketch.levels.reduce((sum, level, h) => sum + level.length * 2 ** h, 0)).toBe(values.length);
      }
    }
  });

  test("of a sketch that is not full are exact", () => {
    const aggregate = quantiles<number>((value: number) => value, [0, 0.5, 1]);
    const sketch = Array.from({ length: 99 }, (_, i) => i).reduce(
      (into, i) => aggregate.add(into, i),
      aggregate.create(),
    );
    expect(aggregate.result(sketch)).toEqual([0, 49, 98]);
  });

  test.each([[[]], [[-0.1]], [[0.5, Number.NaN]]])("%j cannot be asked for", (wrong) => {
    expect(() => quantiles<number>((value: number) => value, wrong)).toThrow(/from 0 to 1/);
  });
});

test("the variance of values far from zero does not cancel", () => {
  const aggregate = variance<number>((value: number) => value);
  const values = Array.from({ length: 1000 }, (_, i) => 1e9 + (i % 3));
  const whole = values.reduce((sums, value) => aggregate.add(sums, value), aggregate.create());
  const mean = values.reduce((sum, value) => sum + (value - 1e9), 0) / 1000;
  const exact = values.reduce((sum, value) => sum + (value - 1e9 - mean) ** 2, 0) / 1000;
  expect(Math.abs(aggregate.result(whole) / exact - 1)).toBeLessThan(1e-6);
});

test("the standard deviation of one value is 0 of the population and NaN of the sample", () => {
  const of = (spread: "population" | "sample"): number => {
    const aggregate = standardDeviation<number>((value: number) => value, spread);
    return aggregate.result(aggregate.add(aggregate.create(), 5));
  };
  expect([of("population"), of("sample")]).toEqual([0, Number.NaN]);
});
