/**
 * String keys → slots: open addressing over hashes; the strings themselves stay with the caller. Used by `key-index.ts`.
 *
 * A string is compared only where its whole hash agrees. On strings fresh from a batch it takes 0.7 of a Map's CPU time at a
 * million keys, 0.7 to 1 at 20,000 (`bench/state.ts`); a prototype with the characters in an arena of its own was slower at
 * 20,000 and equal at a million.
 */

import type { KeyBatch } from "../../core/key-batch.ts";
import { batchHashes, HashCells, hashOfText } from "./hash-cells.ts";

export class StringTable extends HashCells {
  readonly #texts: readonly unknown[];

  /** @param texts the string of each slot in use, kept by the caller. */
  constructor(texts: readonly unknown[]) {
    super();
    this.#texts = texts;
  }

  /** The string's slot, or -1. */
  find(text: string): number {
    return this.#findHashed(text, hashOfText(text));
  }

  /** The slots of many strings, -1 for those that are absent. REQUIRES: the keys are strings, at most 1024. */
  findAll(texts: KeyBatch, slots: Int32Array): void {
    const { count } = texts;
    for (let i = 0; i < count; i++) batchHashes[i] = hashOfText(texts.keyAt(i) as string);
    this.touchCells(count);
    for (let i = 0; i < count; i++) slots[i] = this.#findHashed(texts.keyAt(i) as string, batchHashes[i] as number);
  }

  #findHashed(text: string, hash: number): number {
    const { cells, mask } = this;
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] === hash && this.#texts[found - 1] === text) return found - 1;
    }
  }

  /** REQUIRES: the string is absent. */
  insert(text: string, slot: number): void {
    this.insertHash(hashOfText(text), slot);
  }

  /** REQUIRES: the string is present in that slot. */
  remove(text: string, slot: number): void {
    this.removeHash(hashOfText(text), slot);
  }
}
