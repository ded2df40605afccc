/**
 * Approximate quantiles by KLL (Karnin, Lang and Liberty, Optimal quantile approximation in streams, 2016).
 *
 * Values stand on levels; one of level h stands for 2^h. A full level is compacted: it is sorted, every other value moves
 * up a level, and the rest is dropped; a coin says whether those at even or at odd places go. The level on top holds up to
 * k values, each below it two thirds of that. Merging puts levels together and compacts.
 *
 * For the result of quantile q, the share of values below it differs from q by at most about 2.3 / k^0.97 in 99 of 100
 * sketches (1.3 % for k = 200), whatever the values and however sketches were merged. The least and greatest are exact,
 * and up to k values everything is. The coin is a generator whose state is in the sketch: the same values in the same
 * order give the same result.
 */

import { type NumberOf, numberOf, reader, type ValueAggregate } from "../aggregate.ts";
import { MillraceError } from "../errors.ts";

export interface QuantileSketch {
  count: number;
  min: number;
  max: number;
  /** Values by level. */
  levels: number[][];
  /** The state of the coin. */
  coin: number;
}

const K_MIN = 8;
const K_MAX = 65_535;
const CAPACITY_MIN = 2;

export interface QuantilesOptions {
  /** Of what is kept, about 3 k numbers; the error falls as it rises. Default 200: 1.3 %. */
  readonly k?: number;
}

/**
 * About the quantiles of a field, in the order in which they are asked for: `quantiles("latency", [0.5, 0.99])`. NaN of no
 * records. @throws BAD_OPTION
 */
export function quantiles<I>(
  of: NumberOf<I>,
  asked: readonly number[],
  { k = 200 }: QuantilesOptions = {},
): ValueAggregate<I, QuantileSketch, readonly number[]> {
  if (!Number.isInteger(k) || k < K_MIN || k > K_MAX)
    throw new MillraceError("BAD_OPTION", `quantiles expects k from ${K_MIN} to ${K_MAX}, got ${k}`);
  const wrong = asked.find((q) => !(q >= 0 && q <= 1));
  if (wrong !== undefined || asked.length === 0)
    throw new MillraceError("BAD_OPTION", `quantiles expects numbers from 0 to 1, got ${wrong ?? "none"}`);
  const wanted = Object.freeze([...asked]);
  const { read, fields } = reader<I, number>(of as (value: I) => number);
  return {
    create: () => ({ count: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, levels: [[]], coin: 1 }),
    add: (sketch, value) => {
      const x = numberOf(read(value), "quantiles");
      if (x === x) addValue(sketch, x, k);
      return sketch;
    },
    merge: (into, from) => {
      mergeSketches(into, from, k);
      return into;
    },
    result: (sketch) => quantilesOf(sketch, wanted),
    partials: "plain",
    ...fields,
  };
}

/** As `quantiles`, of one. */
export function quantile<I>(
  of: NumberOf<I>,
  asked: number,
  options: QuantilesOptions = {},
): ValueAggregate<I, QuantileSketch, number> {
  const all = quantiles<I>(of, [asked], options);
  return { ...all, result: (sketch) => all.result(sketch)[0] as number };
}

/** The middle of a field's values: its quantile of a half. */
export function median<I>(of: NumberOf<I>, options: QuantilesOptions = {}): ValueAggregate<I, QuantileSketch, number> {
  return quantile(of, 0.5, options);
}

function addValue(sketch: QuantileSketch, value: number, k: number): void {
  sketch.count++;
  if (value < sketch.min) sketch.min = value;
  if (value > sketch.max) sketch.max = value;
  const [lowest] = sketch.levels;
  if ((lowest as number[]).push(value) >= capacity(sketch.levels.length, 0, k)) compress(sketch, k);
}

function mergeSketches(into: QuantileSketch, from: QuantileSketch, k: number): void {
  into.count += from.count;
  into.min = Math.min(into.min, from.min);
  into.max = Math.max(into.max, from.max);
  // Sketches that began alike would toss alike, and their errors add up.
  into.coin = into.coin ^ Math.imul(from.coin, 0x9e3779b1) || 1;
  from.levels.forEach((values, h) => {
    into.levels[h] ??= [];
    for (const value of values) into.levels[h].push(value);
  });
  compress(into, k);
}

/** How many values a level of so many may hold. */
function capacity(levels: number, level: number, k: number): number {
  return Math.max(CAPACITY_MIN, Math.ceil(k * (2 / 3) ** (levels - level - 1)));
}

/** Compacts the lowest level that is full until none is. */
function compress(sketch: QuantileSketch, k: number): void {
  const { levels } = sketch;
  for (let h = 0; h < levels.length; h++) {
    const values = levels[h] as number[];
    if (values.length < capacity(levels.length, h, k)) continue;
    levels[h + 1] ??= [];
    compact(sketch, values, levels[h + 1] as number[]);
    h = -1; // a new level lowers the capacity of those below
  }
}

function compact(sketch: QuantileSketch, values: number[], above: number[]): void {
  values.sort((a, b) => a - b);
  // Of an odd number one stays behind, so that the weights of all add up to the count.
  const stays = values.length % 2 === 1 ? values.pop() : undefined;
  for (let i = nextCoin(sketch); i < values.length; i += 2) above.push(values[i] as number);
  values.length = 0;
  if (stays !== undefined) values.push(stays);
}

/** A xorshift generator (Marsaglia 2003) of 32 bits, of which one is taken. */
function nextCoin(sketch: QuantileSketch): 0 | 1 {
  let x = sketch.coin;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  sketch.coin = x;
  return ((x >>> 16) & 1) as 0 | 1;
}

function quantilesOf({ count, min, max, levels }: QuantileSketch, asked: readonly number[]): number[] {
  if (count === 0) return asked.map(() => Number.NaN);
  const weighted = levels.flatMap((values, h) => values.map((value) => ({ value, weight: 2 ** h })));
  weighted.sort((a, b) => a.value - b.value);
  return asked.map((q) => {
    if (q === 0) return min;
    if (q === 1) return max;
    let below = 0;
    for (const { value, weight } of weighted) {
      below += weight;
      if (below >= q * count) return value;
    }
    return max;
  });
}
