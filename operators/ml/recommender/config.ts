/**
 * Every hyper-parameter of the recommender, with the one default configuration.
 * Units of time: seconds for events, days for half-lives.
 */

export const DEFAULTS = Object.freeze({
  /** Logical shards (key groups). Fixed for the life of the state: item -> shard must never change. */
  shards: 4,
  /** Length of the returned list. */
  listLength: 20,
  /** Newest distinct items of a user that travel with an event. */
  contextLength: 50,
  /** A basket ends when its user is silent for longer than this. */
  basketGapSec: 1800,

  /** Half-life of co-occurrence weights and of the row normaliser. */
  pairHalfLifeDays: 90,
  /** Pairs are learnt within a basket only, up to this distance (1 = neighbours). */
  pairDistanceMax: 16,
  /** A pair at distance q adds q^-exponent to its row: broad weight, and the sharp directed weights. */
  broadLearnExponent: 0.6,
  sharpLearnExponent: 2,
  /** Directed weights are learnt up to this distance. */
  sharpDistanceMax: 6,
  /** Row entries per (shard, source item), an even number; the lightest quarter goes when the row is full. */
  rowLengthMax: 28,
  /** Decay per item of the running sums: forward, near, broad, text. */
  sumDecays: Object.freeze([0.17, 0.42, 0.965, 0.72]),
  /** Items of the context from which the sums of a basket are opened, and what those of older baskets count. */
  reopenReadMax: 8,
  oldFactor: 0.4,
  /** Baskets kept open per shard; the longest open goes first and is reopened from the context. */
  openBasketsMax: 64,

  /** Text neighbours kept per (shard, source item), and the least cosine worth keeping. */
  textRowMax: 24,
  textCosineMin: 0.12,
  /** idf is frozen between rebuilds, which come when the catalogue has grown by this factor. */
  textFirstRebuild: 32,
  textRebuildGrowth: 1.5,

  /** Half-life of the popularity prior. */
  popularityHalfLifeDays: 20,
  /** Candidates per shard that reach the ranker. */
  shortlist: 10,
  /** Weights of [forward, near, broad, text] in the shortlist score, and its count exponent. */
  shortlistMix: Object.freeze([0.5, 0.4, 2, 0.2]),
  shortlistCountExponent: 0.35,
  /** Added to every mix: what a candidate without any sum has. */
  shortlistFloor: 1e-4,
  /**
   * All touched candidates are weighed at each `scanEvery`-th score of a basket; in between, only those that had
   * `poolShare` of the shortlist's last score, and those touched since.
   */
  scanEvery: 4,
  poolShare: 0.75,

  /** Added inside the logarithms of pair features, text features, popularity and days since the last purchase. */
  pairFloor: 3e-3,
  textFloor: 0.05,
  popularityFloor: 0.3,
  idleFloorDays: 0.05,

  /** AdaGrad step of the ranking weights. */
  learningRate: 0.05,
  /** Candidates drawn at random for a step, beside the shortlist, and the seed of the draws. */
  randomNegatives: 10,
  seed: 1,
  /** Upper bounds (items already in the basket) of the weight buckets; the last bucket is open. */
  buckets: Object.freeze([1, 3, 8]),
  /** Starting weights by bucket: forward, near, broad, text, popularity, count, idle. */
  initialWeights: Object.freeze([
    Object.freeze([0.03, 0.1, 0.47, 1, 0.5, -0.4, -0.09]),
    Object.freeze([0.35, 0.5, 0.35, 0.9, 0.44, -0.46, -0.1]),
    Object.freeze([0.35, 0.5, 0.47, 1, 0.42, -0.5, -0.05]),
    Object.freeze([0.32, 0.55, 0.65, 1, 0.41, -0.6, -0.04]),
  ]),
});

/** The same fields with other numbers. Lists keep their lengths: one number a sum, a bucket or a feature. */
export type RecommenderConfig = {
  readonly [K in keyof typeof DEFAULTS]: (typeof DEFAULTS)[K] extends number ? number : (typeof DEFAULTS)[K];
};

/** Seconds of a day. */
export const DAY_SEC = 86_400;

/** Stateless mixing of up to three integers; the only source of randomness, so a replay draws the same. */
export function hash32(a: number, b: number, c: number): number {
  let h =
    Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^
    Math.imul(b ^ 0xc2b2ae35, 0x27d4eb2f) ^
    Math.imul(c + 0x165667b1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The shard that recommends an item, whatever the parallelism. */
export const shardOf = (item: number, shards: number): number => hash32(item, 0, 0) % shards;
