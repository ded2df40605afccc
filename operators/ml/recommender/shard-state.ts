// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * All that one logical shard remembers: plain columns. What an event touches is one owned list, the columns of one
 * source, up to pairDistanceMax pair rows (its own item) and one more (the reverse), one candidate, and the weights.
 */

import type { BasketSums } from "./basket-sums.ts";
import { type Catalogue, newCatalogue } from "./catalogue.ts";
import type { RecommenderConfig } from "./config.ts";
import { deflate, newPairRows, type PairRows } from "./pair-rows.ts";
import { newRanker, type RankerState } from "./ranker.ts";
import { newTextState, type TextState } from "./text-rows.ts";

/** Items that belong to this shard and may be recommended by it, in order of first occurrence. */
export interface Candidates {
  length: number;
  /** Item ids as they came in. */
  items: Float64Array;
  /** First purchases (one per user). */
  counts: Int32Array;
  /** Purchases, inflated like pair weights. */
  popularity: Float64Array;
  /** Time of the last first purchase. */
  lastSec: Float64Array;
  /** Derived from counts: the power of it in the shortlist score. */
  shortlistFactor: Float32Array;
}

/** Every item of the catalogue as a source of pairs, by ordinal. */
export interface Sources {
  /** Purchases, inflated like pair weights. */
  uses: Float64Array;
  /** Index in the shard's candidates plus 1, or 0 when the item belongs to another shard. */
  local: Int32Array;
}

export interface ShardState {
  readonly shard: number;
  /** The same in all shards of a thread. */
  catalogue: Catalogue;
  /** Inflation counts from here. */
  epochSec: number;
  candidates: Candidates;
  sources: Sources;
  pairs: PairRows;
  /** User -> own candidates the user has had. */
  owned: Map<number, number[]>;
  ranker: RankerState;
  /** User -> running sums, in order of opening. */
  baskets: Map<number, BasketSums>;
  text: TextState;
}

export function newShardState(shard: number, config: RecommenderConfig): ShardState {
  const doubles = () => new Float64Array(0);
  return {
    shard,
    catalogue: newCatalogue(),
    epochSec: NaN,
    candidates: {
      length: 0,
      items: doubles(),
      counts: new Int32Array(0),
      popularity: doubles(),
      lastSec: doubles(),
      shortlistFactor: new Float32Array(0),
    },
    sources: { uses: doubles(), local: new Int32Array(0) },
    pairs: newPairRows(config),
    owned: new Map(),
    ranker: newRanker(config),
    baskets: new Map(),
    text: newTextState(),
  };
}

/** The epoch moves when the faster of the two inflation factors passes 2 to this power: far inside Float32. */
export const INFLATION_LOG2_MAX = 40;

/** Moves the epoch to `timeSec`; every inflated number is divided by what its factor had become. */
export function moveEpoch(state: ShardState, timeSec: number, pairFactor: number, popularityFactor: number): void {
  deflate(state.pairs, pairFactor);
  const { uses } = state.sources;
  for (let at = 0; at < uses.length; at++) uses[at]! /= pairFactor;
  const { popularity } = state.candidates;
  for (let at = 0; at < popularity.length; at++) popularity[at]! /= popularityFactor;
  state.epochSec = timeSec;
}
