/**
 * Aggregates by their law: however records are dealt out to accumulators, and whatever travels between them, merging gives
 * what adding all of them to one gives.
 */

import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asValueAggregate } from "../../../core/aggregate.ts";
import * as millrace from "../../../index.ts";
import {
  type Aggregate,
  type AnyAggregate,
  aggregates,
  approximateDistinct,
  averaging,
  collectingList,
  collectingSet,
  counting,
  countingDistinct,
  filtered,
  firstValue,
  lastValue,
  maxBy,
  maximum,
  median,
  minBy,
  minimum,
  quantile,
  quantiles,
  standardDeviation,
  summing,
  topN,
  variance,
} from "../../../index.ts";
import { assertTransferable } from "../../../runtime/exchange/codec/transferable.ts";

interface Reading {
  readonly id: number;
  readonly x: number;
  readonly name: string | null;
}

const x = ({ x: value }: Reading): number => value;
const isEven = (reading: Reading): boolean => reading.x % 2 === 0;
const isBig = (reading: Reading): boolean => reading.x > 7;
const sum = (all: readonly Reading[]): number => all.reduce((total, each) => total + each.x, 0);
const mean = (all: readonly Reading[]): number => sum(all) / all.length;
const squares = (all: readonly Reading[]): number => all.reduce((total, each) => total + (each.x - mean(all)) ** 2, 0);
const sorted = (all: readonly Reading[]): number[] => all.map(x).toSorted((a, b) => a - b);

interface Case {
  readonly name: string;
  readonly aggregate: AnyAggregate<Reading>;
  readonly expected: (all: readonly Reading[]) => unknown;
  /** Results are only near: floating sums in another order. */
  readonly near?: boolean;
}

const cases: readonly Case[] = [
  { name: "counting", aggregate: counting<Reading>(), expected: (all) => all.length },
  { name: "summing", aggregate: summing<Reading>("x"), expected: sum },
  { name: "minimum", aggregate: minimum<Reading>("x"), expected: (all) => Math.min(...all.map(x)) },
  { name: "maximum", aggregate: maximum<Reading>(x), expected: (all) => Math.max(...all.map(x)) },
  { name: "averaging", aggregate: averaging<Reading>("x"), expected: mean },
  {
    name: "variance",
    aggregate: variance<Reading>("x"),
    expected: (all) => squares(all) / all.length,
    near: true,
  },
  {
    name: "standardDeviation of a sample",
    aggregate: standardDeviation<Reading>("x", "sample"),
    expected: (all) => Math.sqrt(squares(all) / (all.length - 1)),
    near: true,
  },
  {
    name: "minBy",
    aggregate: minBy<Reading>("x"),
    expected: (all) => all.find((each) => each.x === Math.min(...all.map(x))),
  },
  {
    name: "maxBy",
    aggregate: maxBy<Reading>(x),
    expected: (all) => all.find((each) => each.x === Math.max(...all.map(x))),
  },
  { name: "firstValue", aggregate: firstValue<Reading, number>("id"), expected: (all) => all[0]?.id },
  { name: "lastValue", aggregate: lastValue<Reading, number>("id"), expected: (all) => all.at(-1)?.id },
  { name: "collectingList", aggregate: collectingList<Reading>(), expected: (all) => all },
  { name: "collectingList of a field", aggregate: collectingList<Reading, number>("x"), expected: (all) => all.map(x) },
  {
    name: "collectingSet",
    aggregate: collectingSet<Reading, number>("x"),
    expected: (all) => [...new Set(all.map(x))],
  },
  {
    name: "countingDistinct",
    aggregate: countingDistinct<Reading>("name"),
    expected: (all) => new Set(all.map(({ name }) => name)).size,
  },
  {
    name: "approximateDistinct of few",
    aggregate: approximateDistinct<Reading>("x", { precision: 8 }),
    expected: (all) => new Set(all.map(x)).size,
  },
  {
    name: "topN",
    aggregate: topN<Reading>({ n: 3, by: "x" }),
    expected: (all) => all.toSorted((a, b) => b.x - a.x).slice(0, 3),
  },
  {
    name: "topN ascending",
    aggregate: topN<Reading>({ n: 2, by: "x", order: "ascending" }),
    expected: (all) => all.toSorted((a, b) => a.x - b.x).slice(0, 2),
  },
  {
    name: "quantiles of few",
    aggregate: quantiles<Reading>("x", [0, 0.5, 1]),
    expected: (all) => {
      const values = sorted(all);
      return all.length === 0
        ? [Number.NaN, Number.NaN, Number.NaN]
        : [values[0], values[Math.ceil(values.length / 2) - 1], values.at(-1)];
    },
  },
  {
    name: "quantile of few",
    aggregate: quantile<Reading>("x", 1),
    expected: (all) => (all.length === 0 ? Number.NaN : sorted(all).at(-1)),
  },
  {
    name: "median of few",
    aggregate: median<Reading>("x"),
    expected: (all) => (all.length === 0 ? Number.NaN : sorted(all)[Math.ceil(all.length / 2) - 1]),
  },
  {
    name: "filtered columns",
    aggregate: filtered(isEven, averaging<Reading>("x")),
    expected: (all) => mean(all.filter(isEven)),
  },
  {
    name: "filtered values",
    aggregate: filtered(isEven, minimum<Reading>("x")),
    expected: (all) => Math.min(...all.filter(isEven).map(x)),
  },
  {
    name: "several columns",
    aggregate: aggregates<Reading, { n: number; mean: number }>({ n: counting(), mean: averaging("x") }),
    expected: (all) => ({ n: all.length, mean: mean(all) }),
  },
  {
    name: "several of all kinds",
    aggregate: aggregates<Reading, { n: number; names: number; top: readonly Reading[] }>({
      n: counting(),
      names: countingDistinct("name"),
      top: topN({ n: 1, by: "x" }),
    }),
    expected: (all) => ({
      n: all.length,
      names: new Set(all.map(({ name }) => name)).size,
      top: all.toSorted((a, b) => b.x - a.x).slice(0, 1),
    }),
  },
  {
    name: "several distinct counts of fields, each of some records",
    aggregate: aggregates<Reading, Record<"n" | "all" | "even" | "evenBig" | "names" | "evenNames" | "low", number>>({
      n: counting(),
      all: countingDistinct("x"),
      even: filtered(isEven, countingDistinct("x")),
      evenBig: filtered(isBig, filtered(isEven, countingDistinct("x"))),
      names: countingDistinct("name"),
      evenNames: filtered(isEven, countingDistinct("name")),
      low: filtered(isEven, minimum("x")),
    }),
    expected: (all) => ({
      n: all.length,
      all: new Set(all.map(x)).size,
      even: new Set(all.filter(isEven).map(x)).size,
      evenBig: new Set(all.filter((each) => isEven(each) && isBig(each)).map(x)).size,
      names: new Set(all.map(({ name }) => name)).size,
      evenNames: new Set(all.filter(isEven).map(({ name }) => name)).size,
      low: Math.min(...all.filter(isEven).map(x)),
    }),
  },
];

const readings = fc
  .array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.constantFrom("a", "b", "", "\0", null)), { maxLength: 16 })
  .map((all) => all.map(([value, name], id): Reading => ({ id, x: value, name })));

describe.each(cases)("$name", ({ aggregate, expected, near }) => {
  const parts = asValueAggregate(aggregate as Aggregate<Reading, unknown, unknown>);
  const addAll = (all: readonly Reading[]): unknown =>
    all.reduce((sums, each) => parts.add(sums, each), parts.create());

  test("of all records at once", () => {
    fc.assert(
      fc.property(readings, (all) => {
        expectEqual(parts.result(addAll(all)), expected(all), near);
      }),
    );
  });

  test("merged from parts, which stay as they were", () => {
    fc.assert(
      fc.property(readings, fc.array(fc.nat(16), { maxLength: 4 }), (all, cuts) => {
        const bounds = [0, ...cuts.filter((cut) => cut <= all.length).toSorted((a, b) => a - b), all.length];
        const accumulators = bounds.slice(1).map((end, i) => addAll(all.slice(bounds[i], end)));
        const before = structuredClone(accumulators);
        const merged = accumulators.reduce((into, from) => parts.merge(into, from), parts.create());
        expect(accumulators).toEqual(before);
        expectEqual(parts.result(merged), expected(all), near);
      }),
    );
  });

  test("from accumulators that have travelled", () => {
    const { partials } = parts;
    if (partials === undefined) {
      expect(["firstValue", "lastValue", "collectingList", "collectingList of a field", "collectingSet"]).toContain(
        cases.find((each) => each.aggregate === aggregate)?.name,
      );
      return;
    }
    fc.assert(
      fc.property(readings, (all) => {
        const sums = addAll(all);
        const packed = partials === "plain" ? sums : partials.pack(sums);
        assertTransferable(packed, "accumulator");
        const travelled = structuredClone(packed);
        const arrived = partials === "plain" ? travelled : partials.unpack(travelled);
        expectEqual(parts.result(parts.merge(parts.create(), arrived)), expected(all), near);
      }),
    );
  });

  test("does not give its accumulator away", () => {
    const sums = addAll([{ id: 0, x: 2, name: "a" }]);
    const result = structuredClone(parts.result(sums));
    const given = parts.result(sums);
    parts.add(sums, { id: 1, x: 4, name: "b" });
    expect(given).toEqual(result);
  });
});

function expectEqual(came: unknown, expected: unknown, near = false): void {
  if (!near) expect(came).toEqual(expected);
  else if (Number.isFinite(expected)) expect(came).toBeCloseTo(expected as number, 9);
  else expect(Number.isFinite(came as number)).toBe(false);
}

/** Aggregates whose cases have other names, or whose law stands elsewhere. */
const elsewhere: Readonly<Record<string, string>> = {
  aggregates: "the cases of several",
  approximateSet: "bloom-filter.test.ts",
};

test("every aggregate of the API is among the cases", () => {
  const folder = new URL("../../../core/", import.meta.url);
  const files = ["aggregate.ts", ...readdirSync(new URL("aggregates/", folder)).map((name) => `aggregates/${name}`)];
  const makers = files.flatMap((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const functions = text.split("export function ").slice(1);
    return functions.flatMap((each) => {
      const name = /^\w+/.exec(each)?.[0] ?? "";
      const head = each.split(" {\n", 1)[0] as string;
      return /\): (Column|Value)?(Aggregate|Whole)<[^;]*$/.test(head) && name in millrace ? [name] : [];
    });
  });
  expect(makers).toEqual(expect.arrayContaining(["counting", "topN", "median", "filtered", "approximateSet"]));
  const missing = makers.filter((maker) => {
    return elsewhere[maker] === undefined && !cases.some(({ name }) => name.split(" ")[0] === maker);
  });
  expect(missing).toEqual([]);
});
