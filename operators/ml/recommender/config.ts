/**
 * Every hyper-parameter of the recommender, with the one default configuration.
 * Shapes of time: seconds for events, days for half-lives.
 */
export const DEFAULTS = Object.freeze({
  /** Logical shards (key groups). Fixed for the life of the state: item -> shard must never change. */
  shards: 8,
  /** Length of the returned list. */
  listLength: 20,
  /** Newest distinct items of a user that travel with an event. */
  contextLength: 50,
  /** A basket ends when its user is silent for longer than this. */
  basketGapSec: 1800,

  /** Half-life of co-occurrence weights and of the row normaliser. */
  pairHalfLifeDays: 90,
  /** Pairs are learnt within a basket only, up to this distance (1 = neighbours). */
  pairDistanceMax: 50,
  /** A pair at distance q adds q^-exponent to its row: broad weight, and the sharp directed weights. */
  broadLearnExponent: 0.6,
  sharpLearnExponent: 2,
  /** Directed weights are learnt up to this distance. */
  sharpDistanceMax: 6,
  /** Row entries per (shard, source item); the lightest quarter goes when it is full. */
  rowLengthMax: 64,
  /** A row counts as w / (uses + 1)^exponent. */
  rowNormExponent: 0.8,

  /** Context items read per feature, their weight distance^-exponent, and its factor outside the basket. */
  sharpReadMax: 4,
  sharpReadExponent: 2,
  nearReadMax: 10,
  nearReadExponent: 1.25,
  nearOldFactor: 0.5,
  broadReadMax: 24,
  broadReadExponent: 0.4,
  broadOldFactor: 0.3,
  textReadMax: 12,
  textNearExponent: 1.25,
  textBroadExponent: 0.4,
  textOldFactor: 0.5,

  /** Text neighbours kept per (shard, source item), and the least cosine worth keeping. */
  textRowMax: 20,
  textCosineMin: 0.12,
  /** idf is frozen between rebuilds, which come when the catalogue has grown by this factor. */
  textFirstRebuild: 32,
  textRebuildGrowth: 1.5,

  /** Half-life of the popularity prior. */
  popularityHalfLifeDays: 20,
  /** Popular candidates of the shard that are ranked at every event; renewed every so many local purchases. */
  trendingLength: 12,
  trendingRefresh: 64,
  /** Candidates per shard that reach the ranker. */
  shortlist: 28,
  /** Weights of [forward, backward, near, broad, textNear, textBroad] in the shortlist score, and its tot exponent. */
  shortlistMix: Object.freeze([1, 0.6, 1, 1, 0.15, 0.1]),
  shortlistCountExponent: 0.35,
  shortlistFloor: 1e-4,

  /** Added inside the logarithm of pair features, text features and popularity. */
  pairFloor: 3e-3,
  textFloor: 0.05,
  popularityFloor: 0.3,
  idleFloorDays: 0.05,

  /** AdaGrad step of the ranking weights; random negatives beside the shortlist. */
  learningRate: 0.1,
  randomNegatives: 12,
  seed: 1,
  /** Upper bounds (items already in the basket) of the weight buckets; the last bucket is open. */
  buckets: Object.freeze([1, 3, 8]),
  /** Starting weights by bucket: forward, backward, near, broad, textNear, textBroad, popularity, count, idle. */
  initialWeights: Object.freeze([
    Object.freeze([0.03, 0, 0.1, 0.47, 0.4, 0.6, 0.5, -0.4, -0.09]),
    Object.freeze([0.35, 0.36, 0.3, 0.32, 0.7, 0.2, 0.44, -0.46, -0.1]),
    Object.freeze([0.35, 0.22, 0.39, 0.46, 0.86, 0.25, 0.42, -0.5, -0.05]),
    Object.freeze([0.32, 0.19, 0.49, 0.65, 0.9, 0.1, 0.41, -0.6, -0.04]),
  ]),
});

export type RecommenderConfig = { readonly [K in keyof typeof DEFAULTS]: (typeof DEFAULTS)[K] extends number ? number : (typeof DEFAULTS)[K] };

export const DAY_SEC = 86_400;

/** Stateless mixing of up to three integers; the only source of randomness, so a replay draws the same. */
export function hash32(a: number, b: number, c: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b ^ 0xc2b2ae35, 0x27d4eb2f) ^ Math.imul(c + 0x165667b1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

export const shardOf = (item: number, shards: number): number => hash32(item, 0, 0) % shards;
