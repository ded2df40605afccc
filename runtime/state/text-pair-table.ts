/**
 * Pairs of a text and a whole number → slots, without writing them down as one text: tuples such as a channel and a day. The
 * pairs themselves stay with the caller. Used by `key-index.ts` only.
 */

import type { Key } from "../../core/key.ts";
import { HashCells, hashOfText } from "./hash-cells.ts";
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
  find([text, number]: TextPair): number {
    const hash = hashOfText(text) ^ scatter(number);
    const { cells, mask } = this;
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] !== hash) continue;
      const pair = this.#keys[found - 1] as TextPair;
      if (pair[1] === number && pair[0] === text) return found - 1;
    }
  }

  /** REQUIRES: the pair is absent. */
  insert([text, number]: TextPair, slot: number): void {
    this.insertHash(hashOfText(text) ^ scatter(number), slot);
  }

  /** REQUIRES: the pair is present in that slot. */
  remove([text, number]: TextPair, slot: number): void {
    this.removeHash(hashOfText(text) ^ scatter(number), slot);
  }
}

/** Whether a key is such a pair. */
export function isTextPair(key: Key): key is TextPair {
  if (!Array.isArray(key) || key.length !== 2) return false;
  const [text, number] = key as readonly unknown[];
  return typeof text === "string" && typeof number === "number" && (number | 0) === number;
}
