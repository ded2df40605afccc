// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * The second stage: a log-linear model over the logarithms of the features, one weight vector per basket length.
 * Its weights are learnt online by softmax regression over the candidates of one shard. The likelihood of an item
 * given its shard has the same weights as the likelihood over all items, so shards learn alone and stay comparable.
 */

import type { RecommenderConfig } from "./config.ts";

/** forward, near, broad, text, popularity, count, idle. */
export const FEATURES = 7;

/** By bucket of basket length (`bucketOf`): one cell a feature. */
export interface RankerState {
  weights: Float64Array[];
  /** AdaGrad: 1 plus the sum of the squared gradients so far. */
  squares: Float64Array[];
}

export function newRanker(config: RecommenderConfig): RankerState {
  return {
    weights: config.initialWeights.map((weights) => Float64Array.from(weights)),
    squares: config.initialWeights.map((weights) => new Float64Array(weights.length).fill(1)),
  };
}

/** Which weights serve a basket of so many items. */
export function bucketOf(inBasket: number, config: RecommenderConfig): number {
  let bucket = 0;
  while (bucket < config.buckets.length && inBasket >= config.buckets[bucket]!) bucket++;
  return bucket;
}

const LN2_PER_ULP = Math.LN2 / 2 ** 23;
const MINUS_LOG_ONE = 1_064_866_805;

/**
 * ln of the cells in [from, to) in place, by reading the float's bits as a fixed-point logarithm (Schraudolph 1999).
 * `bits` is the same memory. Off by at most 0.06, monotone, exact to replay: integer arithmetic only.
 */
export function logInPlace(values: Float32Array, bits: Int32Array, from: number, to: number): void {
  for (let at = from; at < to; at++) values[at] = (bits[at]! - MINUS_LOG_ONE) * LN2_PER_ULP;
}

/** Score of row `row` of a feature table. */
export function dot(weights: Float64Array, table: Float32Array, row: number): number {
  let sum = 0;
  for (let f = 0, at = row * FEATURES; f < FEATURES; f++, at++) sum += weights[f]! * table[at]!;
  return sum;
}

/**
 * One AdaGrad step on ln softmax of row `positive`. Row r stands for `mass[r]` candidates (1 for the shortlist,
 * more for random negatives); a mass of 0 takes the row out. `scores` is scratch.
 */
export function learnRanking(
  state: RankerState,
  bucket: number,
  table: Float32Array,
  rows: number,
  positive: number,
  mass: Float64Array,
  scores: Float64Array,
  gradient: Float64Array,
  config: RecommenderConfig,
): void {
  const weights = state.weights[bucket]!;
  const squares = state.squares[bucket]!;
  let top = -Infinity;
  for (let row = 0; row < rows; row++) {
    const score = dot(weights, table, row);
    scores[row] = score;
    top = Math.max(top, score);
  }
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const likelihood = mass[row]! * Math.exp(scores[row]! - top);
    scores[row] = likelihood;
    total += likelihood;
  }
  for (let f = 0; f < FEATURES; f++) gradient[f] = table[positive * FEATURES + f]!;
  for (let row = 0; row < rows; row++) {
    const share = scores[row]! / total;
    for (let f = 0, at = row * FEATURES; f < FEATURES; f++, at++) gradient[f]! -= share * table[at]!;
  }
  for (let f = 0; f < FEATURES; f++) {
    const slope = gradient[f]!;
    squares[f]! += slope * slope;
    weights[f]! += (config.learningRate * slope) / Math.sqrt(squares[f]!);
  }
}
