/**
 * Scratch of one shard while it handles one event: per candidate six sums of what the user's context says,
 * [forward, backward, near, broad, textNear, textBroad]. Nothing here outlives the event.
 */
import type { RecommenderConfig } from "./config.ts";
import type { PairRows } from "./pair-rows.ts";
import { ACCUMULATED } from "./ranker.ts";
import type { Sources } from "./shard-state.ts";
import type { TextRows } from "./text-rows.ts";
import type { Context } from "./user-context.ts";

/** What a context item counts, by distance and by whether it is of the current basket. Shared by all shards. */
export class ReadWeights {
  readonly pairReadMax: number;
  readonly textReadMax: number;
  readonly sharpReadMax: number;
  readonly sharp: Float64Array;
  readonly near: readonly [Float64Array, Float64Array];
  readonly broad: readonly [Float64Array, Float64Array];
  readonly textNear: readonly [Float64Array, Float64Array];
  readonly textBroad: readonly [Float64Array, Float64Array];

  constructor(config: RecommenderConfig) {
    this.pairReadMax = Math.max(config.sharpReadMax, config.nearReadMax, config.broadReadMax);
    this.textReadMax = config.textReadMax;
    this.sharpReadMax = config.sharpReadMax;
    this.sharp = powers(this.pairReadMax, config.sharpReadMax, config.sharpReadExponent, 1);
    const both = (length: number, read: number, exponent: number, oldFactor: number) =>
      [powers(length, read, exponent, oldFactor), powers(length, read, exponent, 1)] as const;
    this.near = both(this.pairReadMax, config.nearReadMax, config.nearReadExponent, config.nearOldFactor);
    this.broad = both(this.pairReadMax, config.broadReadMax, config.broadReadExponent, config.broadOldFactor);
    this.textNear = both(this.textReadMax, this.textReadMax, config.textNearExponent, config.textOldFactor);
    this.textBroad = both(this.textReadMax, this.textReadMax, config.textBroadExponent, config.textOldFactor);
  }
}

function powers(length: number, read: number, exponent: number, factor: number): Float64Array {
  return Float64Array.from({ length }, (_, q) => (q < read ? factor * (q + 1) ** -exponent : 0));
}

export class Evidence {
  sums = new Float64Array(0);
  /** Total read weight behind: sharp, near, broad, textNear, textBroad. */
  readonly totals = new Float64Array(5);
  touched = new Int32Array(0);
  touchedLength = 0;
  #touchedAt = new Int32Array(0);
  #excludedAt = new Int32Array(0);
  #stamp = 0;

  /** Forgets the last event. REQUIRES `candidates` never to shrink. */
  begin(candidates: number): void {
    this.touchedLength = 0;
    this.totals.fill(0);
    this.#stamp = (this.#stamp + 1) | 0;
    if (candidates > this.touched.length) this.#grow(candidates * 2);
  }

  #grow(capacity: number): void {
    this.sums = new Float64Array(capacity * ACCUMULATED);
    this.touched = new Int32Array(capacity);
    this.#touchedAt = new Int32Array(capacity);
    this.#excludedAt = new Int32Array(capacity);
    this.#stamp = 1;
  }

  exclude(candidate: number): void {
    this.#excludedAt[candidate] = this.#stamp;
  }

  isExcluded(candidate: number): boolean {
    return this.#excludedAt[candidate] === this.#stamp;
  }

  /** Makes the candidate eligible, with sums of zero. */
  touch(candidate: number): void {
    if (this.#touchedAt[candidate] === this.#stamp) return;
    this.#touchedAt[candidate] = this.#stamp;
    this.touched[this.touchedLength++] = candidate;
    const { sums } = this;
    for (let at = candidate * ACCUMULATED, end = at + ACCUMULATED; at < end; at++) sums[at] = 0;
  }

  addPairs(context: Context, rows: PairRows, sources: Sources, read: ReadWeights, rowLengthMax: number): void {
    const { totals } = this;
    const length = Math.min(context.length, read.pairReadMax);
    for (let q = 0; q < length; q++) {
      // Directed neighbours count only inside the basket.
      const current = q < context.inBasket ? 1 : 0;
      const sharp = current * read.sharp[q]!;
      const near = read.near[current][q]!;
      const broad = read.broad[current][q]!;
      totals[0]! += sharp;
      totals[1]! += near;
      totals[2]! += broad;
      const item = context.items[q]!;
      if (item >= rows.lengths.length) continue;
      const norm = sources.norm[item]!;
      const from = item * rowLengthMax;
      const end = from + rows.lengths[item]!;
      if (near > 0) this.#addNear(rows, from, end, norm * near, norm * broad);
      else this.#addBroad(rows, from, end, norm * broad);
      if (sharp > 0) this.#addSharp(rows, from, end, norm * sharp);
    }
  }

  #addSharp({ candidates, forward, backward }: PairRows, from: number, end: number, sharp: number): void {
    const { sums } = this;
    for (let at = from; at < end; at++) {
      const after = forward[at]!;
      const before = backward[at]!;
      if (after + before === 0) continue;
      const to = candidates[at]! * ACCUMULATED;
      sums[to]! += sharp * after;
      sums[to + 1]! += sharp * before;
    }
  }

  #addNear({ candidates, broad: weights }: PairRows, from: number, end: number, near: number, broad: number): void {
    const { sums } = this;
    const touchedAt = this.#touchedAt;
    const stamp = this.#stamp;
    for (let at = from; at < end; at++) {
      const candidate = candidates[at]!;
      const to = candidate * ACCUMULATED;
      if (touchedAt[candidate] !== stamp) this.touch(candidate);
      sums[to + 2]! += near * weights[at]!;
      sums[to + 3]! += broad * weights[at]!;
    }
  }

  /** Farther items only add to what nearer ones have reached. */
  #addBroad({ candidates, broad: weights }: PairRows, from: number, end: number, broad: number): void {
    const { sums } = this;
    const touchedAt = this.#touchedAt;
    const stamp = this.#stamp;
    for (let at = from; at < end; at++) {
      const candidate = candidates[at]!;
      if (touchedAt[candidate] === stamp) sums[candidate * ACCUMULATED + 3]! += broad * weights[at]!;
    }
  }

  addTexts(context: Context, { lengths, candidates, cosines }: TextRows, read: ReadWeights, textRowMax: number): void {
    const { sums, totals } = this;
    const length = Math.min(context.length, read.textReadMax);
    for (let q = 0; q < length; q++) {
      const current = q < context.inBasket ? 1 : 0;
      const near = read.textNear[current][q]!;
      const broad = read.textBroad[current][q]!;
      totals[3]! += near;
      totals[4]! += broad;
      const item = context.items[q]!;
      if (item >= lengths.length) continue;
      const from = item * textRowMax;
      for (let at = from, end = from + lengths[item]!; at < end; at++) {
        const candidate = candidates[at]!;
        const to = candidate * ACCUMULATED;
        this.touch(candidate);
        sums[to + 4]! += near * cosines[at]!;
        sums[to + 5]! += broad * cosines[at]!;
      }
    }
  }
}
