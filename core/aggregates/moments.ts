/**
 * Variance and standard deviation, by Welford's update and the pairwise merge of Chan, Golub and LeVeque: the error stays
 * near that of two passes, where sums of squares would cancel.
 */

import { type NumberOf, numberOf, reader, type ValueAggregate } from "../aggregate.ts";

/** How many records, their mean, and the sum of their squared distances from it. */
export interface Moments {
  count: number;
  mean: number;
  squares: number;
}

/**
 * Of "population", the default, the mean squared distance from the mean; of "sample", divided by one less than the number
 * of records, to estimate the variance of what they were drawn from. NaN of too few records.
 */
export type Spread = "population" | "sample";

/** The variance of a field. */
export function variance<I>(of: NumberOf<I>, spread: Spread = "population"): ValueAggregate<I, Moments, number> {
  return moments(of, ({ count, squares }) => squares / (spread === "sample" ? count - 1 : count));
}

/** The standard deviation of a field: the root of its variance. */
export function standardDeviation<I>(
  of: NumberOf<I>,
  spread: Spread = "population",
): ValueAggregate<I, Moments, number> {
  return moments(of, ({ count, squares }) => Math.sqrt(squares / (spread === "sample" ? count - 1 : count)));
}

function moments<I>(of: NumberOf<I>, result: (moments: Moments) => number): ValueAggregate<I, Moments, number> {
  const { read, fields } = reader<I, number>(of as (value: I) => number);
  return {
    create: () => ({ count: 0, mean: 0, squares: 0 }),
    add: (sums, value) => {
      const x = numberOf(read(value), "variance");
      const distance = x - sums.mean;
      sums.count++;
      sums.mean += distance / sums.count;
      sums.squares += distance * (x - sums.mean);
      return sums;
    },
    merge: (into, from) => {
      if (from.count === 0) return into;
      const count = into.count + from.count;
      const distance = from.mean - into.mean;
      into.squares += from.squares + (distance * distance * into.count * from.count) / count;
      into.mean += (distance * from.count) / count;
      into.count = count;
      return into;
    },
    remove: (sums, value) => {
      const x = numberOf(read(value), "variance");
      const distance = x - sums.mean;
      sums.count--;
      sums.mean = sums.count === 0 ? 0 : sums.mean - distance / sums.count;
      sums.squares = sums.count === 0 ? 0 : Math.max(0, sums.squares - distance * (x - sums.mean));
      return sums;
    },
    result,
    partials: "plain",
    ...fields,
  };
}
