// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * One logical shard: scores and learns its own candidates and nothing else. Law: what it returns depends on the
 * events and their contexts alone, never on which other shards live in the same thread.
 *
 * score: 1. exclude what the user has had   2. sum what the context's rows say of each candidate
 *        3. shortlist by a cheap mix        4. rank the shortlist by the log-linear model
 * learn: 1. ranking weights (from the sums of the score just made)  2. new item  3. pairs  4. counters
 */

import { addItem, type BasketSums, basketFor, newBasketSums, pushItem, SUMS } from "./basket-sums.ts";
import { grown } from "./columns.ts";
import { DAY_SEC, hash32, type RecommenderConfig, shardOf } from "./config.ts";
import { addPair, relinkRows, reserveRows } from "./pair-rows.ts";
import { bucketOf, dot, FEATURES, learnRanking, logInPlace } from "./ranker.ts";
import { INFLATION_LOG2_MAX, moveEpoch, type ShardState } from "./shard-state.ts";
import { Shortlist } from "./shortlist.ts";
import { addText } from "./text-rows.ts";
import type { TopList } from "./top-list.ts";
import type { Context, Purchase } from "./user-context.ts";

/** Scratch of one thread: which candidates the user of the event has had. Shards take turns with it. */
export class Exclusion {
  #at = new Int32Array(0);
  #stamp = 0;

  /** Forgets the last event; room for `candidates`. */
  begin(candidates: number): void {
    this.#stamp = (this.#stamp + 1) | 0;
    if (candidates <= this.#at.length) return;
    this.#at = new Int32Array(candidates * 2);
    this.#stamp = 1;
  }

  addAll(candidates: readonly number[]): void {
    const at = this.#at;
    const stamp = this.#stamp;
    for (let i = 0; i < candidates.length; i++) at[candidates[i]!] = stamp;
  }

  has(candidate: number): boolean {
    return this.#at[candidate] === this.#stamp;
  }
}

export class Shard {
  readonly state: ShardState;
  readonly #config: RecommenderConfig;
  /** By distance in the basket, beginning with the neighbour: what a pair adds to its two weights. */
  readonly #learnAt: { broad: Float64Array; sharp: Float64Array };

  // Scratch: meaningless between events.
  readonly #exclusion: Exclusion;
  readonly #shortlist: Shortlist;
  /** The feature table, a row a candidate, and the same memory as integers. */
  readonly #features: Float32Array;
  readonly #featureBits: Int32Array;
  /** By row of the table: how many candidates it stands for, and its score. */
  readonly #mass: Float64Array;
  readonly #scores: Float64Array;
  readonly #gradient = new Float64Array(FEATURES);
  /** By sum: its weight in the shortlist score of the basket at hand. */
  readonly #mix = new Float64Array(SUMS);
  /** Position of the event scored last. */
  #scored = -1;
  /** Items of the catalogue that the shard has columns for: all, but for the one being learnt. */
  #sources: number;
  /** The user whose event came last, with the basket and the candidates had: most events are of the same one. */
  #user = NaN;
  #basket: BasketSums = newBasketSums(0);
  #owned: number[] = [];
  /** The time that both factors are for. */
  #inflatedSec = NaN;
  #pairInflation = 1;
  #popularityInflation = 1;

  /** `exclusion` is shared by the shards of a thread: scratch that stays in the L1 cache. */
  constructor(state: ShardState, exclusion: Exclusion, config: RecommenderConfig) {
    this.state = state;
    this.#sources = state.catalogue.words.length;
    relinkRows(state.pairs);
    this.#config = config;
    this.#exclusion = exclusion;
    const powers = (exponent: number) =>
      Float64Array.from({ length: config.contextLength }, (_, q) => (q + 1) ** -exponent);
    this.#learnAt = {
      broad: powers(config.broadLearnExponent),
      sharp: powers(config.sharpLearnExponent).fill(0, config.sharpDistanceMax),
    };
    const rows = config.shortlist + config.randomNegatives + 1;
    this.#shortlist = new Shortlist(config.shortlist);
    this.#features = new Float32Array(rows * FEATURES);
    this.#featureBits = new Int32Array(this.#features.buffer);
    this.#mass = new Float64Array(rows);
    this.#scores = new Float64Array(rows);
  }

  /**
   * Offers the shard's best candidates to `into`. Changes no state but the opening of a basket and, once in years, the
   * epoch.
   */
  score(event: Purchase, context: Context, into: TopList): void {
    const { state } = this;
    const shortlist = this.#shortlist;
    this.#moveTo(event.timeSec);
    this.#exclusion.begin(state.candidates.length);
    this.#turnTo(event.user, context);
    this.#exclusion.addAll(this.#owned);
    this.#select(this.#basket);
    const { length } = shortlist;
    for (let row = 0; row < length; row++)
      this.#fillFeatures(shortlist.candidates[row]!, row, event.timeSec, this.#basket);
    logInPlace(this.#features, this.#featureBits, 0, length * FEATURES);
    const weights = state.ranker.weights[bucketOf(context.inBasket, this.#config)]!;
    for (let row = 0; row < length; row++) {
      into.offer(state.candidates.items[shortlist.candidates[row]!]!, dot(weights, this.#features, row));
    }
    this.#scored = event.position;
  }

  /**
   * `ordinal`: the item's in the catalogue, which has taken it in.
   * REQUIRES that no other shard of the thread has scored since this one did: they share the exclusion.
   */
  learn(event: Purchase, context: Context, ordinal: number): void {
    const { state } = this;
    const own = shardOf(event.item, this.#config.shards) === state.shard;
    this.#moveTo(event.timeSec);
    const scored = this.#scored === event.position;
    if (!scored) this.#turnTo(event.user, context);
    const basket = this.#basket;
    if (ordinal === this.#sources) this.#addItem(event.item, own);
    else if (own && scored) this.#learnRanking(event, context, state.sources.local[ordinal]! - 1);
    if (!context.repeat) this.#learnPairs(basket, ordinal);
    state.sources.uses[ordinal]! += this.#pairInflation;
    addItem(state, basket, ordinal, 1, this.#pairInflation, this.#config);
    pushItem(basket, ordinal, context.repeat, this.#config.pairDistanceMax);
    if (own) this.#countPurchase(event, context, state.sources.local[ordinal]! - 1);
  }

  #turnTo(user: number, context: Context): void {
    if (user === this.#user && !context.opensBasket) return;
    const { state } = this;
    if (user !== this.#user) this.#owned = state.owned.get(user) ?? [];
    this.#user = user;
    this.#basket = basketFor(state, user, context, this.#pairInflation, this.#config);
  }

  /** Inflation factors at this time; moves the epoch before they leave the range of a Float32. */
  #moveTo(timeSec: number): void {
    if (timeSec === this.#inflatedSec) return;
    const { state } = this;
    const { pairHalfLifeDays, popularityHalfLifeDays } = this.#config;
    if (Number.isNaN(state.epochSec)) state.epochSec = timeSec;
    const ageDays = (timeSec - state.epochSec) / DAY_SEC;
    this.#inflatedSec = timeSec;
    this.#pairInflation = 2 ** (ageDays / pairHalfLifeDays);
    this.#popularityInflation = 2 ** (ageDays / popularityHalfLifeDays);
    if (ageDays < INFLATION_LOG2_MAX * Math.min(pairHalfLifeDays, popularityHalfLifeDays)) return;
    moveEpoch(state, timeSec, this.#pairInflation, this.#popularityInflation);
    this.#pairInflation = this.#popularityInflation = 1;
  }

  /** The best of the touched candidates that the user has not had, by a cheap mix of the running sums. */
  #select(basket: BasketSums): void {
    const shortlist = this.#shortlist;
    const { shortlist: capacity, scanEvery, poolShare } = this.#config;
    if (basket.sinceScan > 0) this.#offerPool(basket);
    if (basket.sinceScan === 0 || shortlist.length < capacity) {
      const guess = basket.floor * poolShare;
      this.#offerAll(basket, guess);
      // The guess was too high: what it kept out has to be seen.
      if (guess > 0 && shortlist.length < capacity) this.#offerAll(basket, 0);
      basket.sinceScan = 0;
    }
    // Without a floor everything is in the pool, so that the next scan is of all again.
    basket.sinceScan = basket.floor === 0 || basket.sinceScan + 1 >= scanEvery ? 0 : basket.sinceScan + 1;
    basket.floor = shortlist.length === capacity ? shortlist.scores[0]! : 0;
    if (shortlist.length < capacity) this.#fillUp(basket);
  }

  /** The shortlist's mix for the scale that the basket's sums have now. */
  #weigh({ scale, totals }: BasketSums): void {
    const { shortlistMix } = this.#config;
    for (let s = 0; s < SUMS; s++) this.#mix[s] = (shortlistMix[s]! * scale[s]!) / (totals[s]! + 1e-9);
  }

  /** Scans all touched candidates; the pool is then what reaches `guess`. */
  #offerAll(basket: BasketSums, guess: number): void {
    const { length, candidates, cells, pool, pooled } = basket;
    const { shortlistFactor } = this.state.candidates;
    const exclusion = this.#exclusion;
    const shortlist = this.#shortlist;
    const { shortlistFloor } = this.#config;
    this.#weigh(basket);
    const forward = this.#mix[0]!;
    const near = this.#mix[1]!;
    const broad = this.#mix[2]!;
    const text = this.#mix[3]!;
    shortlist.clear();
    pooled.fill(0);
    let pools = 0;
    let floor = guess;
    for (let slot = 1, at = SUMS; slot < length; slot++, at += SUMS) {
      const candidate = candidates[slot]!;
      const sum = forward * cells[at]! + near * cells[at + 1]! + broad * cells[at + 2]! + text * cells[at + 3]!;
      const score = (sum + shortlistFloor) * shortlistFactor[candidate]!;
      if (score < guess || exclusion.has(candidate)) continue;
      pooled[slot] = 1;
      pool[pools++] = slot;
      if (score < floor) continue;
      const worst = shortlist.offer(candidate, score);
      if (worst > floor) floor = worst;
    }
    basket.poolLength = pools;
  }

  /** Between two scans: the pool alone. */
  #offerPool(basket: BasketSums): void {
    const { poolLength, candidates, cells, pool } = basket;
    const { shortlistFactor } = this.state.candidates;
    const exclusion = this.#exclusion;
    const shortlist = this.#shortlist;
    const { shortlistFloor } = this.#config;
    this.#weigh(basket);
    const forward = this.#mix[0]!;
    const near = this.#mix[1]!;
    const broad = this.#mix[2]!;
    const text = this.#mix[3]!;
    shortlist.clear();
    let floor = 0;
    for (let p = 0; p < poolLength; p++) {
      const slot = pool[p]!;
      const candidate = candidates[slot]!;
      const at = slot * SUMS;
      const sum = forward * cells[at]! + near * cells[at + 1]! + broad * cells[at + 2]! + text * cells[at + 3]!;
      const score = (sum + shortlistFloor) * shortlistFactor[candidate]!;
      if (score < floor || exclusion.has(candidate)) continue;
      const worst = shortlist.offer(candidate, score);
      if (worst > floor) floor = worst;
    }
  }

  /** Too little is touched: the oldest others. */
  #fillUp({ slots }: BasketSums): void {
    const { length } = this.state.candidates;
    const shortlist = this.#shortlist;
    for (let candidate = 0; candidate < length && shortlist.length < this.#config.shortlist; candidate++) {
      if (candidate < slots.length && slots[candidate] !== 0) continue;
      if (!this.#exclusion.has(candidate))
        shortlist.offer(candidate, this.#config.shortlistFloor * this.state.candidates.shortlistFactor[candidate]!);
    }
  }

  /** Writes one row of the feature table, before the logarithm. */
  #fillFeatures(candidate: number, row: number, timeSec: number, { slots, cells, scale, totals }: BasketSums): void {
    const { pairFloor, textFloor, popularityFloor, idleFloorDays } = this.#config;
    const { counts, popularity, lastSec } = this.state.candidates;
    const table = this.#features;
    const from = candidate < slots.length ? slots[candidate]! * SUMS : 0;
    const to = row * FEATURES;
    table[to] = (cells[from]! * scale[0]!) / (totals[0]! + 1e-9) + pairFloor;
    table[to + 1] = (cells[from + 1]! * scale[1]!) / (totals[1]! + 1e-9) + pairFloor;
    table[to + 2] = (cells[from + 2]! * scale[2]!) / (totals[2]! + 1e-9) + pairFloor;
    table[to + 3] = (cells[from + 3]! * scale[3]!) / (totals[3]! + 1e-9) + textFloor;
    table[to + 4] = popularity[candidate]! / this.#popularityInflation + popularityFloor;
    table[to + 5] = counts[candidate]! + 1;
    table[to + 6] = Math.max(0, timeSec - lastSec[candidate]!) / DAY_SEC + idleFloorDays;
  }

  /** The bought item against the shortlist and a few random candidates that stand for the rest. */
  #learnRanking(event: Purchase, context: Context, bought: number): void {
    const { state } = this;
    const config = this.#config;
    const shortlist = this.#shortlist;
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
      this.#fillFeatures(bought, rows++, event.timeSec, this.#basket);
    }
    for (let draw = 0; draw < drawn; draw++) {
      const candidate = hash32(config.seed, event.position, draw) % state.candidates.length;
      if (candidate === bought || this.#exclusion.has(candidate) || this.#isShortlisted(candidate)) continue;
      this.#mass[rows] = rest / drawn;
      this.#fillFeatures(candidate, rows++, event.timeSec, this.#basket);
    }
    logInPlace(this.#features, this.#featureBits, shortlist.length * FEATURES, rows * FEATURES);
    const bucket = bucketOf(context.inBasket, config);
    learnRanking(
      state.ranker,
      bucket,
      this.#features,
      rows,
      positive,
      this.#mass,
      this.#scores,
      this.#gradient,
      config,
    );
  }

  #isShortlisted(candidate: number): boolean {
    const { candidates, length } = this.#shortlist;
    for (let row = 0; row < length; row++) if (candidates[row] === candidate) return true;
    return false;
  }

  /** First occurrence of an item: columns for it as a source and, if it is the shard's own, as a candidate. */
  #addItem(item: number, own: boolean): void {
    const { state } = this;
    const { candidates, sources } = state;
    const ordinal = this.#sources++;
    sources.uses = grown(sources.uses, ordinal + 1);
    sources.local = grown(sources.local, ordinal + 1);
    reserveRows(state.pairs, ordinal + 1);
    if (own) {
      const local = candidates.length++;
      candidates.items = grown(candidates.items, candidates.length);
      candidates.counts = grown(candidates.counts, candidates.length);
      candidates.popularity = grown(candidates.popularity, candidates.length);
      candidates.lastSec = grown(candidates.lastSec, candidates.length);
      candidates.shortlistFactor = grown(candidates.shortlistFactor, candidates.length);
      candidates.items[local] = item;
      sources.local[ordinal] = local + 1;
    }
    addText(state.text, state.catalogue, sources.local, this.#config);
  }

  /** Own item: it followed the basket's items. Any item: own candidates in the basket came before it. */
  #learnPairs({ items }: BasketSums, bought: number): void {
    const { pairs, sources } = this.state;
    const { broad, sharp } = this.#learnAt;
    const inflation = this.#pairInflation;
    const { local } = sources;
    const own = local[bought]! - 1;
    const length = Math.min(items.length, this.#config.pairDistanceMax);
    for (let q = 0, at = items.length - 1; q < length; q++, at--) {
      const before = items[at]!;
      const candidate = local[before]! - 1;
      if (own >= 0) addPair(pairs, before, own, broad[q]! * inflation, sharp[q]! * inflation);
      if (candidate >= 0) addPair(pairs, bought, candidate, broad[q]! * inflation, 0);
    }
  }

  /** The counters of a bought candidate; a repeat counts for its popularity only. */
  #countPurchase({ user, timeSec }: Purchase, context: Context, local: number): void {
    const { state } = this;
    const { counts, popularity, lastSec, shortlistFactor } = state.candidates;
    popularity[local]! += this.#popularityInflation;
    if (context.repeat) return;
    counts[local]!++;
    lastSec[local] = timeSec;
    shortlistFactor[local] = (counts[local]! + 1) ** -this.#config.shortlistCountExponent;
    if (this.#owned.push(local) === 1) state.owned.set(user, this.#owned);
  }
}
