// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

/**
 * What a user's items say of every candidate of one shard, carried from event to event: four decayed sums
 * [forward, near, broad, text] per candidate. An event adds one pair row and one text row, however long the
 * basket is. Ageing is an inflation again: instead of multiplying all cells by decay, later rows are divided by it.
 * Made anew from the context when a basket opens; only open baskets are kept.
 */

import { grown } from "./columns.ts";
import type { RecommenderConfig } from "./config.ts";
import type { ShardState } from "./shard-state.ts";
import type { Context } from "./user-context.ts";

/** forward, near, broad, text. */
export const SUMS = 4;

export interface BasketSums {
  /** Ordinals of the basket's newest distinct items, newest last: the context's, interned once. */
  items: number[];
  /** Slots in use. */
  length: number;
  /** Slot -> candidate that some row has touched; slot 0 stands for all that none has. */
  candidates: Uint16Array;
  /** Candidate -> slot, 0 while untouched. */
  slots: Uint16Array;
  /** Cell slot * SUMS + s, to be multiplied by scale[s]. */
  cells: Float32Array;
  /** Slots worth a look between two scans of all: close to the shortlist at the last scan, or touched since. */
  pool: Uint16Array;
  poolLength: number;
  /** By slot: 1 in the pool. */
  pooled: Uint8Array;
  /** Events since the last scan of all slots; 0 when one is due. */
  sinceScan: number;
  /** Score of the last candidate that reached the shortlist last time. */
  floor: number;
  /** By sum: what its cells are to be multiplied by; shrinks with each item until they are rescaled. */
  scale: Float64Array;
  /** Total weight behind each sum, already scaled. */
  totals: Float64Array;
}

/** Below this the cells, which grow as the scale shrinks, would soon leave the range of a Float32. */
const SCALE_MIN = 1e-24;
/** Cells below this are dropped when rescaled: far below any floor, and they would become denormal one day. */
const CELL_MIN = 1e-12;

/** Slots of a new basket; the columns grow from there. */
const SLOTS_MIN = 256;

export function newBasketSums(candidates: number): BasketSums {
  return {
    items: [],
    length: 1,
    candidates: new Uint16Array(SLOTS_MIN),
    slots: new Uint16Array(candidates),
    cells: new Float32Array(SLOTS_MIN * SUMS),
    pool: new Uint16Array(SLOTS_MIN),
    poolLength: 0,
    pooled: new Uint8Array(SLOTS_MIN),
    sinceScan: 0,
    floor: 0,
    scale: new Float64Array(SUMS).fill(1),
    totals: new Float64Array(SUMS),
  };
}

/** As new, with the columns it has. */
function cleared(basket: BasketSums): BasketSums {
  basket.items.length = 0;
  for (let slot = 1; slot < basket.length; slot++) basket.slots[basket.candidates[slot]!] = 0;
  basket.cells.fill(0, 0, basket.length * SUMS);
  basket.length = 1;
  basket.pooled.fill(0);
  basket.poolLength = 0;
  basket.sinceScan = 0;
  basket.floor = 0;
  basket.scale.fill(1);
  basket.totals.fill(0);
  return basket;
}

/** The sums of the user's context; opened or, once evicted, reopened as needed. */
export function basketFor(
  state: ShardState,
  user: number,
  context: Context,
  pairInflation: number,
  config: RecommenderConfig,
): BasketSums {
  const basket = state.baskets.get(user);
  return basket === undefined || context.opensBasket ? open(state, user, context, pairInflation, config) : basket;
}

function open(
  state: ShardState,
  user: number,
  context: Context,
  pairInflation: number,
  config: RecommenderConfig,
): BasketSums {
  let last = user;
  if (!state.baskets.has(user) && state.baskets.size >= config.openBasketsMax)
    last = state.baskets.keys().next().value!;
  // The columns of the basket that makes room serve again: opening allocates nothing once all are open.
  const basket = cleared(state.baskets.get(last) ?? newBasketSums(state.candidates.length));
  state.baskets.delete(last);
  state.baskets.set(user, basket);
  const { ordinals } = state.catalogue;
  for (let q = context.inBasket - 1; q >= 0; q--) basket.items.push(ordinals.get(context.itemAt(q))!);
  for (let q = Math.min(context.length, Math.max(context.inBasket, config.reopenReadMax)) - 1; q >= 0; q--) {
    addItem(
      state,
      basket,
      ordinals.get(context.itemAt(q))!,
      q < context.inBasket ? 1 : config.oldFactor,
      pairInflation,
      config,
    );
  }
  return basket;
}

/** The basket's list after a purchase: a repeat moves to the end. At most twice `lengthMax` are kept. */
export function pushItem({ items }: BasketSums, ordinal: number, repeat: boolean, lengthMax: number): void {
  if (repeat) {
    const at = items.lastIndexOf(ordinal);
    if (at >= 0) items.splice(at, 1);
  }
  items.push(ordinal);
  if (items.length >= 2 * lengthMax) items.splice(0, items.length - lengthMax);
}

/** Ages the sums by one item and adds the rows of the newest. */
export function addItem(
  state: ShardState,
  basket: BasketSums,
  source: number,
  factor: number,
  pairInflation: number,
  config: RecommenderConfig,
): void {
  const { scale, totals } = basket;
  const { sumDecays } = config;
  for (let s = 0; s < SUMS; s++) {
    const decay = sumDecays[s]!;
    scale[s]! *= decay;
    totals[s] = totals[s]! * decay + factor;
    if (scale[s]! < SCALE_MIN) rescale(basket, s);
  }
  const { pairs, sources, text } = state;
  reserveSlots(basket, state.candidates.length, pairs.lengths[source]! + text.rows.lengths[source]!);
  const { cells, slots, candidates: touched, pool, pooled } = basket;
  const uses = sources.uses[source]! / pairInflation + 1;
  const root = Math.sqrt(uses);
  const pairFactor = factor / (root * Math.sqrt(root) * pairInflation);
  const forward = pairFactor / scale[0]!;
  const near = pairFactor / scale[1]!;
  const broad = pairFactor / scale[2]!;
  const { weights, candidates, rowLength } = pairs;
  const block = (source * 5 * rowLength) >> 1;
  const first = source * 5 * rowLength + 4 * rowLength;
  for (let at = 0, length = pairs.lengths[source]!; at < length; at++) {
    const candidate = candidates[first + at]!;
    let slot = slots[candidate]!;
    if (slot === 0) {
      slot = basket.length++;
      slots[candidate] = slot;
      touched[slot] = candidate;
    }
    if (pooled[slot] === 0) {
      pooled[slot] = 1;
      pool[basket.poolLength++] = slot;
    }
    const to = slot * SUMS;
    const weight = weights[block + at]!;
    cells[to]! += forward * weights[block + rowLength + at]!;
    cells[to + 1]! += near * weight;
    cells[to + 2]! += broad * weight;
  }
  const textFactor = factor / scale[3]!;
  const from = source * config.textRowMax;
  const { cosines, candidates: alike, lengths } = text.rows;
  for (let at = from, end = from + lengths[source]!; at < end; at++) {
    const candidate = alike[at]!;
    let slot = slots[candidate]!;
    if (slot === 0) {
      slot = basket.length++;
      slots[candidate] = slot;
      touched[slot] = candidate;
    }
    cells[slot * SUMS + 3]! += textFactor * cosines[at]!;
  }
}

/** Room for all candidates of the shard and for so many new slots. */
function reserveSlots(basket: BasketSums, candidates: number, slots: number): void {
  if (candidates > basket.slots.length) basket.slots = grown(basket.slots, candidates);
  if (basket.length + slots <= basket.candidates.length) return;
  basket.candidates = grown(basket.candidates, basket.length + slots);
  basket.pool = grown(basket.pool, basket.candidates.length);
  basket.pooled = grown(basket.pooled, basket.candidates.length);
  basket.cells = grown(basket.cells, basket.candidates.length * SUMS);
}

/** Multiplies the scale of sum `s` into its cells. */
function rescale({ cells, scale, length }: BasketSums, s: number): void {
  const factor = scale[s]!;
  for (let at = s, end = length * SUMS; at < end; at += SUMS) {
    const cell = cells[at]! * factor;
    cells[at] = cell < CELL_MIN ? 0 : cell;
  }
  scale[s] = 1;
}
