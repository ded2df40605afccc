/**
 * The order of records in runs: by the hash of the key, then the key, then time. All that matters of it is that records of
 * a key stand together; hashes are compared as numbers, and keys themselves only where two have the same hash.
 */

import { encodeKey, hashKey, type Key, type KeySelector } from "../../../core/key.ts";

/** How the key of a record is found, and who is named in errors. */
export class KeyOrder {
  readonly operator: string;
  readonly #select: KeySelector["select"];

  constructor(key: KeySelector, operator: string) {
    this.operator = operator;
    this.#select = key.select;
  }

  keyOf(value: unknown): Key {
    return this.#select(value);
  }

  /** @throws BAD_KEY */
  hashOf(key: Key): number {
    return hashKey(key, this.operator);
  }
}

/** Of keys with the same hash: below, at or above zero. */
export function compareKeys(a: Key, b: Key, operator: string): number {
  if (a === b) return 0;
  const one = encodeKey(a, operator);
  const other = encodeKey(b, operator);
  return one < other ? -1 : one > other ? 1 : 0;
}
