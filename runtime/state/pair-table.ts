/**
 * Pairs of small whole numbers → slots, a pair as one number (`pairOf`). By slot the table has the pair itself, so a cell is but
 * four bytes, and a lookup costs two cache lines, where a hash table with its keys in it would have cells of 16. Used by
 * `key-index.ts` only.
 *
 * A cell: 0, it is empty; else slot + 1 in the bits that tell which cell is a pair's first one, and the others of the pair's hash,
 * so that hardly ever another pair is looked at. So there are more cells than slots. Open addressing with linear probing, at most
 * three of four cells in use: 16 of them are one cache line. Removing shifts those behind back. Growth makes all cells anew from
 * the pairs.
 */

import type { Key } from "../../core/key.ts";
import { touch, touchInts } from "../../operators/touch.ts";
import { giveBack, lengthened } from "./longer.ts";
import { scatter } from "./scatter.ts";

/** Both halves of a pair below this fit into one double. */
const PAIR_BOUND = 2 ** 26;

/** So few that V8 keeps them on its own heap. */
const CELLS_MIN = 16;
const PAIRS_MIN = 8;

/** No pair is that number. */
export const NO_PAIR = 0;

/** Of the pairs that are looked up together: their hashes, first cells, and slots that these say. */
const hashes = new Int32Array(1024);
const homes = new Int32Array(1024);
const likely = new Int32Array(1024);

const float = new Float64Array(1);
const words = new Int32Array(float.buffer);

export class PairTable {
  #cells = new Int32Array(CELLS_MIN);
  #mask = CELLS_MIN - 1;
  /** By slot: the pair, or `NO_PAIR`. */
  #pairs = new Float64Array(PAIRS_MIN);
  #size = 0;

  /** The pair's slot, or -1. */
  find(pair: number): number {
    return this.#findHashed(pair, hashOf(pair));
  }

  /** The slots of many pairs, -1 for those that are absent. REQUIRES: at most 1024. */
  findAll(pairs: Float64Array, count: number, slots: Int32Array): void {
    const cells = this.#cells;
    const mask = this.#mask;
    for (let i = 0; i < count; i++) {
      const hash = hashOf(pairs[i] as number);
      hashes[i] = hash;
      homes[i] = hash & mask;
    }
    touchInts(cells, homes, count);
    for (let i = 0; i < count; i++) likely[i] = Math.max(0, ((cells[homes[i] as number] as number) & mask) - 1);
    touch(this.#pairs, likely, count, 1);
    for (let i = 0; i < count; i++) slots[i] = this.#findHashed(pairs[i] as number, hashes[i] as number);
  }

  #findHashed(pair: number, hash: number): number {
    const cells = this.#cells;
    const mask = this.#mask;
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const found = cells[cell] as number;
      if (found === 0) return -1;
      const slot = (found & mask) - 1;
      if (((found ^ hash) & ~mask) === 0 && this.#pairs[slot] === pair) return slot;
    }
  }

  /** REQUIRES: a slot that has a pair. */
  pairAt(slot: number): number {
    return this.#pairs[slot] as number;
  }

  /** REQUIRES: the pair is absent. */
  insert(pair: number, slot: number): void {
    if (slot >= this.#pairs.length) this.#pairs = lengthened(this.#pairs, 2 * slot);
    this.#pairs[slot] = pair;
    this.#size++;
    if (this.#hasRoom(this.#mask + 1, slot)) this.#place(hashOf(pair), slot);
    else this.#grow(slot);
  }

  #hasRoom(cells: number, slotMax: number): boolean {
    return 4 * this.#size <= 3 * cells && slotMax + 1 < cells;
  }

  /** REQUIRES: it is present, in that slot. */
  remove(pair: number, slot: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = hashOf(pair) & mask;
    while (((cells[hole] as number) & mask) !== slot + 1) hole = (hole + 1) & mask;
    // Every cell up to the next empty one moves into the hole, unless that would put it before its home.
    for (let cell = (hole + 1) & mask; cells[cell] !== 0; cell = (cell + 1) & mask) {
      const home = hashOf(this.#pairs[((cells[cell] as number) & mask) - 1] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole] = cells[cell] as number;
      hole = cell;
    }
    cells[hole] = 0;
    this.#pairs[slot] = NO_PAIR;
    this.#size--;
  }

  /** Nobody uses it any more. */
  giveBack(): void {
    giveBack(this.#cells);
    giveBack(this.#pairs);
  }

  #grow(slotMax: number): void {
    let count = 2 * (this.#mask + 1);
    while (!this.#hasRoom(count, slotMax)) count *= 2;
    giveBack(this.#cells);
    this.#cells = new Int32Array(count);
    this.#mask = count - 1;
    const pairs = this.#pairs;
    for (let slot = 0; slot < pairs.length; slot++) {
      const pair = pairs[slot] as number;
      if (pair !== NO_PAIR) this.#place(hashOf(pair), slot);
    }
  }

  #place(hash: number, slot: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let cell = hash & mask;
    while (cells[cell] !== 0) cell = (cell + 1) & mask;
    cells[cell] = (hash & ~mask) | (slot + 1);
  }
}

/** One number for a pair of small whole numbers, the first as its upper half; `NO_PAIR` for any other key. -0 counts as 0. */
export function pairOf(key: Key): number {
  if (!Array.isArray(key) || key.length !== 2) return NO_PAIR;
  const first: unknown = key[0];
  const second: unknown = key[1];
  return isHalf(first) && isHalf(second) ? first * PAIR_BOUND + second + 1 : NO_PAIR;
}

export function keyOfPair(pair: number): Key {
  const first = Math.floor((pair - 1) / PAIR_BOUND);
  return [first, pair - 1 - first * PAIR_BOUND];
}

function isHalf(part: unknown): part is number {
  return typeof part === "number" && (part | 0) === part && part >= 0 && part < PAIR_BOUND;
}

function hashOf(pair: number): number {
  float[0] = pair;
  return scatter(scatter(words[0] as number) ^ (words[1] as number));
}
