/**
 * One logical shard: scores and learns its own candidates and nothing else. Law: what it returns depends on the
 * events and their contexts alone, never on which other shards live in the same thread.
 *
 * score: 1. exclude what the user has had   2. sum what the context's rows say of each candidate
 *        3. shortlist by a cheap mix        4. rank the shortlist by the log-linear model
 * learn: 1. ranking weights (from the sums of the score just made)  2. new item  3. pairs  4. counters
 */
import { DAY_SEC, hash32, shardOf, type RecommenderConfig } from "./config.ts";
import { Evidence, type ReadWeights } from "./evidence.ts";
import { grown } from "./columns.ts";
import { addPair, reserveRows } from "./pair-rows.ts";
import { ACCUMULATED, bucketOf, dot, FEATURES, learnRanking, logInPlace } from "./ranker.ts";
import { INFLATION_LOG2_MAX, moveEpoch, type ShardState } from "./shard-state.ts";
import { addText } from "./text-rows.ts";
import { Shortlist } from "./shortlist.ts";
import { TopList } from "./top-list.ts";
import type { Context, Purchase } from "./user-context.ts";

export class Shard {
  readonly state: ShardState;
  readonly #config: RecommenderConfig;
  readonly #read: ReadWeights;
  readonly #learnAt: { broad: Float64Array; sharp: Float64Array };

  // Scratch: meaningless between events.
  readonly #evidence = new Evidence();
  readonly #shortlist: Shortlist;
  readonly #features: Float32Array;
  readonly #featureBits: Int32Array;
  readonly #mass: Float64Array;
  readonly #scores: Float64Array;
  readonly #gradient = new Float64Array(FEATURES);
  #scored = -1;
  #pairInflation = 1;
  #popularityInflation = 1;

  constructor(state: ShardState, read: ReadWeights, config: RecommenderConfig) {
    this.state = state;
    this.#config = config;
    this.#read = read;
    const powers = (exponent: number) => Float64Array.from({ length: config.contextLength }, (_, q) => (q + 1) ** -exponent);
    this.#learnAt = { broad: powers(config.broadLearnExponent), sharp: powers(config.sharpLearnExponent) };
    const rows = config.shortlist + config.randomNegatives + 1;
    this.#shortlist = new Shortlist(config.shortlist);
    this.#features = new Float32Array(rows * FEATURES);
    this.#featureBits = new Int32Array(this.#features.buffer);
    this.#mass = new Float64Array(rows);
    this.#scores = new Float64Array(rows);
  }

  /** ENSURES `into` holds the shard's best candidates, best first. Changes no state but, once in years, the epoch. */
  score(event: Purchase, context: Context, into: TopList): void {
    const { state } = this;
    const evidence = this.#evidence;
    const shortlist = this.#shortlist;
    into.clear();
    this.#moveTo(event.timeSec);
    evidence.begin(state.candidates.length);
    const owned = state.owned.get(event.user);
    if (owned !== undefined) for (let at = 0; at < owned.length; at++) evidence.exclude(owned[at]!);
    for (const candidate of state.trending) evidence.touch(candidate);
    evidence.addTexts(context, state.text.rows, this.#read, this.#config.textRowMax);
    evidence.addPairs(context, state.pairs, state.sources, this.#read, this.#config.rowLengthMax);
    this.#fillShortlist();
    for (let row = 0; row < shortlist.length; row++) this.#fillFeatures(shortlist.candidates[row]!, row, event.timeSec);
    logInPlace(this.#features, this.#featureBits, 0, shortlist.length * FEATURES);
    const weights = state.ranker.weights[bucketOf(context.inBasket, this.#config)]!;
    for (let row = 0; row < shortlist.length; row++) {
      into.offer(state.candidates.items[shortlist.candidates[row]!]!, dot(weights, this.#features, row));
    }
    this.#scored = event.position;
  }

  learn(event: Purchase, context: Context): void {
    const { state } = this;
    const own = shardOf(event.item, this.#config.shards) === state.shard;
    this.#moveTo(event.timeSec);
    const known = event.item < state.sources.uses.length && state.sources.uses[event.item]! > 0;
    if (own && known && !context.repeat && this.#scored === event.position) this.#learnRanking(event, context);
    if (!known) this.#addItem(event, own);
    if (!context.repeat) this.#learnPairs(event, context, own);
    this.#countUse(event);
    if (own) this.#countPurchase(event, context);
  }

  /** Inflation factors at this time; moves the epoch before they leave the range of a Float32. */
  #moveTo(timeSec: number): void {
    const { state } = this;
    const { pairHalfLifeDays, popularityHalfLifeDays } = this.#config;
    if (Number.isNaN(state.epochSec)) state.epochSec = timeSec;
    const ageDays = (timeSec - state.epochSec) / DAY_SEC;
    this.#pairInflation = 2 ** (ageDays / pairHalfLifeDays);
    this.#popularityInflation = 2 ** (ageDays / popularityHalfLifeDays);
    if (ageDays < INFLATION_LOG2_MAX * Math.min(pairHalfLifeDays, popularityHalfLifeDays)) return;
    moveEpoch(state, timeSec, this.#pairInflation, this.#popularityInflation);
    this.#pairInflation = this.#popularityInflation = 1;
  }

  /** Everything a row of the context reached, and what is popular, thinned to the best. */
  #fillShortlist(): void {
    const factors = this.state.candidates.shortlistFactor;
    const evidence = this.#evidence;
    const { sums, touched } = evidence;
    const shortlist = this.#shortlist;
    const { shortlistMix: mix, shortlistFloor } = this.#config;
    const [sharp, near, broad, textNear, textBroad] = evidence.totals;
    const pair = 1 / this.#pairInflation;
    const m0 = (mix[0]! * pair) / (sharp! + 1e-9), m1 = (mix[1]! * pair) / (sharp! + 1e-9);
    const m2 = (mix[2]! * pair) / (near! + 1e-9), m3 = (mix[3]! * pair) / (broad! + 1e-9);
    const m4 = mix[4]! / (textNear! + 1e-9), m5 = mix[5]! / (textBroad! + 1e-9);
    shortlist.clear();
    for (let t = 0; t < evidence.touchedLength; t++) {
      const candidate = touched[t]!;
      const at = candidate * ACCUMULATED;
      const sum = m0 * sums[at]! + m1 * sums[at + 1]! + m2 * sums[at + 2]! + m3 * sums[at + 3]!
        + m4 * sums[at + 4]! + m5 * sums[at + 5]! + shortlistFloor;
      const score = sum * factors[candidate]!;
      if (score >= shortlist.floor && !evidence.isExcluded(candidate)) shortlist.offer(candidate, score);
    }
  }

  /** Writes one row of the feature table, before the logarithm. */
  #fillFeatures(candidate: number, row: number, timeSec: number): void {
    const { sums, totals } = this.#evidence;
    const { pairFloor, textFloor, popularityFloor, idleFloorDays } = this.#config;
    const { counts, popularity, lastSec } = this.state.candidates;
    const table = this.#features;
    const pair = 1 / this.#pairInflation;
    const from = candidate * ACCUMULATED;
    const to = row * FEATURES;
    table[to] = (sums[from]! * pair) / (totals[0]! + 1e-9) + pairFloor;
    table[to + 1] = (sums[from + 1]! * pair) / (totals[0]! + 1e-9) + pairFloor;
    table[to + 2] = (sums[from + 2]! * pair) / (totals[1]! + 1e-9) + pairFloor;
    table[to + 3] = (sums[from + 3]! * pair) / (totals[2]! + 1e-9) + pairFloor;
    table[to + 4] = sums[from + 4]! / (totals[3]! + 1e-9) + textFloor;
    table[to + 5] = sums[from + 5]! / (totals[4]! + 1e-9) + textFloor;
    table[to + 6] = popularity[candidate]! / this.#popularityInflation + popularityFloor;
    table[to + 7] = counts[candidate]! + 1;
    table[to + 8] = Math.max(0, timeSec - lastSec[candidate]!) / DAY_SEC + idleFloorDays;
  }

  /** The bought item against the shortlist and a few random candidates that stand for the rest. */
  #learnRanking(event: Purchase, context: Context): void {
    const { state } = this;
    const config = this.#config;
    const shortlist = this.#shortlist;
    const bought = state.sources.local[event.item]! - 1;
    const rest = state.candidates.length - shortlist.length;
    const drawn = rest > 0 ? config.randomNegatives : 0;
    let rows = shortlist.length;
    let positive = -1;
    for (let row = 0; row < rows; row++) {
      this.#mass[row] = 1;
      if (shortlist.candidates[row] === bought) positive = row;
    }
    if (positive < 0) {
      positive = rows;
      this.#mass[rows] = 1;
      this.#evidence.touch(bought);
      this.#fillFeatures(bought, rows++, event.timeSec);
    }
    for (let draw = 0; draw < drawn; draw++) {
      const candidate = hash32(config.seed, event.position, draw) % state.candidates.length;
      if (candidate === bought || this.#evidence.isExcluded(candidate) || this.#isShortlisted(candidate)) continue;
      this.#mass[rows] = rest / drawn;
      this.#evidence.touch(candidate);
      this.#fillFeatures(candidate, rows++, event.timeSec);
    }
    logInPlace(this.#features, this.#featureBits, shortlist.length * FEATURES, rows * FEATURES);
    const bucket = bucketOf(context.inBasket, config);
    learnRanking(state.ranker, bucket, this.#features, rows, positive, this.#mass, this.#scores, this.#gradient, config);
  }

  #isShortlisted(candidate: number): boolean {
    const { candidates, length } = this.#shortlist;
    for (let row = 0; row < length; row++) if (candidates[row] === candidate) return true;
    return false;
  }

  #addItem(event: Purchase, own: boolean): void {
    const { state } = this;
    const { candidates, sources } = state;
    const length = event.item + 1;
    sources.uses = grown(sources.uses, length);
    sources.lastSec = grown(sources.lastSec, length);
    sources.norm = grown(sources.norm, length);
    sources.local = grown(sources.local, length);
    reserveRows(state.pairs, length, this.#config);
    if (own) {
      const local = candidates.length++;
      candidates.items = grown(candidates.items, candidates.length);
      candidates.counts = grown(candidates.counts, candidates.length);
      candidates.popularity = grown(candidates.popularity, candidates.length);
      candidates.lastSec = grown(candidates.lastSec, candidates.length);
      candidates.shortlistFactor = grown(candidates.shortlistFactor, candidates.length);
      candidates.items[local] = event.item;
      sources.local[event.item] = local + 1;
    }
    sources.lastSec[event.item] = event.timeSec;
    addText(state.text, event.item, event.description, (item) => sources.local[item]! - 1, this.#config);
  }

  /** Own item: it followed the basket's items. Any item: own candidates in the basket came before it. */
  #learnPairs({ item: bought }: Purchase, context: Context, own: boolean): void {
    const { pairs, sources } = this.state;
    const config = this.#config;
    const length = Math.min(context.inBasket, config.pairDistanceMax);
    for (let q = 0; q < length; q++) {
      const before = context.items[q]!;
      const candidate = sources.local[before]! - 1;
      if (!own && candidate < 0) continue;
      const broad = this.#learnAt.broad[q]! * this.#pairInflation;
      const sharp = q < config.sharpDistanceMax ? this.#learnAt.sharp[q]! * this.#pairInflation : 0;
      if (own) addPair(pairs, before, sources.local[bought]! - 1, broad, sharp, pairs.forward, config);
      if (candidate >= 0) addPair(pairs, bought, candidate, broad, sharp, pairs.backward, config);
    }
  }

  #countUse({ item, timeSec }: Purchase): void {
    const { uses, lastSec, norm } = this.state.sources;
    const { pairHalfLifeDays, rowNormExponent } = this.#config;
    uses[item] = uses[item]! * 2 ** ((lastSec[item]! - timeSec) / DAY_SEC / pairHalfLifeDays) + 1;
    lastSec[item] = timeSec;
    norm[item] = (uses[item]! + 1) ** -rowNormExponent;
  }

  #countPurchase({ user, item, timeSec }: Purchase, context: Context): void {
    const { state } = this;
    const { counts, popularity, lastSec, shortlistFactor } = state.candidates;
    const local = state.sources.local[item]! - 1;
    popularity[local]! += this.#popularityInflation;
    if (context.repeat) return;
    counts[local]!++;
    lastSec[local] = timeSec;
    shortlistFactor[local] = (counts[local]! + 1) ** -this.#config.shortlistCountExponent;
    const owned = state.owned.get(user);
    if (owned === undefined) state.owned.set(user, [local]);
    else owned.push(local);
    if (++state.purchasesSinceTrending >= this.#config.trendingRefresh) this.#renewTrending();
  }

  #renewTrending(): void {
    const { state } = this;
    const top = new TopList(this.#config.trendingLength);
    for (let local = 0; local < state.candidates.length; local++) top.offer(local, state.candidates.popularity[local]!);
    state.trending = [...top.items.subarray(0, top.length)];
    state.purchasesSinceTrending = 0;
  }
}
