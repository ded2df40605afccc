/**
 * Pairs of a text and a whole number → slots, without writing them down as one text: tuples such as a channel and a day. The
 * pairs themselves stay with the caller. Used by `key-index.ts` only.
 */

import type { Key } from "../../core/key.ts";
import type { KeyBatch } from "../../core/key-batch.ts";
import { batchHashes, HashCells, hashOfText } from "./hash-cells.ts";
import { scatter } from "./scatter.ts";

/** The number is one of 32 bits. */
export type TextPair = readonly [text: string, number: number];

export class TextPairTable extends HashCells {
  readonly #keys: readonly (Key | undefined)[];

  /** @param keys the key of each slot in use, of those in this table a pair; kept by the caller. */
  constructor(keys: readonly (Key | undefined)[]) {
    super();
    this.#keys = keys;
  }

  /** The pair's slot, or -1. */
  find(pair: TextPair): number {
    return this.#findHashed(pair, hashOf(pair));
  }

  /** The slots of many pairs, -1 for those that are absent. REQUIRES: the keys are pairs, at most 1024. */
  findAll(pairs: KeyBatch, slots: Int32Array): void {
    const { count } = pairs;
    for (let i = 0; i < count; i++) batchHashes[i] = hashOf(pairs.keyAt(i) as TextPair);
    this.touchCells(count);
    for (let i = 0; i < count; i++) slots[i] = this.#findHashed(pairs.keyAt(i) as TextPair, batchHashes[i] as number);
  }

  #findHashed(pair: TextPair, hash: number): number {
    const text = pair[0];
    const number = pair[1];
    const { cells, mask } = this;
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] !== hash) continue;
      const kept = this.#keys[found - 1] as TextPair;
      if (kept[1] === number && kept[0] === text) return found - 1;
    }
  }

  /** REQUIRES: the pair is absent. */
  insert(pair: TextPair, slot: number): void {
    this.insertHash(hashOf(pair), slot);
  }

  /** REQUIRES: the pair is present in that slot. */
  remove(pair: TextPair, slot: number): void {
    this.removeHash(hashOf(pair), slot);
  }
}

/** By places: what takes an array apart goes by its iterator. */
function hashOf(pair: TextPair): number {
  return hashOfText(pair[0]) ^ scatter(pair[1]);
}

/** Whether a key is such a pair. */
export function isTextPair(key: Key): key is TextPair {
  if (!Array.isArray(key) || key.length !== 2) return false;
  const text: unknown = key[0];
  const number: unknown = key[1];
  return typeof text === "string" && typeof number === "number" && (number | 0) === number;
}
