/**
 * Keys that are gathered to be looked up together, so that their cache misses overlap.
 *
 * The law: `keyAt(i)` is the i-th key that was added. While all of them are 32-bit integers, which nearly all numeric keys
 * are, they are in `ints` and nowhere else: a typed array takes them without allocating, whatever form V8 has given to the
 * number, and tells the garbage collector nothing. The first other key moves them to an ordinary array. Used by operators,
 * and read by the state backend.
 */

import type { Key } from "./key.ts";

export class KeyBatch {
  count = 0;
  /** The keys, as long as `allInts`. */
  readonly ints: Int32Array;
  /** Made anew for each batch that has such keys: an old array would tell the garbage collector of each young key. */
  #others: Key[] = [];
  allInts = true;

  constructor(capacity: number) {
    this.ints = new Int32Array(capacity);
  }

  /** REQUIRES: there is room. The key may be anything that a user's function has returned. */
  add(key: Key): void {
    const at = this.count;
    this.count = at + 1;
    if (this.allInts && typeof key === "number" && (key | 0) === key) this.ints[at] = key;
    else this.#addOther(key, at);
  }

  keyAt(at: number): Key {
    return this.allInts ? (this.ints[at] as number) : (this.#others[at] as Key);
  }

  clear(): void {
    this.count = 0;
    this.allInts = true;
  }

  /** Keeps the keys at those places, which rise, in their order, and no others. */
  keepOnly(places: Int32Array): void {
    for (let at = 0; at < places.length; at++) {
      const from = places[at] as number;
      if (this.allInts) this.ints[at] = this.ints[from] as number;
      else this.#others[at] = this.#others[from] as Key;
    }
    this.count = places.length;
  }

  #addOther(key: Key, at: number): void {
    if (this.allInts) {
      this.#others = new Array<Key>(this.ints.length);
      for (let i = 0; i < at; i++) this.#others[i] = this.ints[i] as number;
    }
    this.allInts = false;
    this.#others[at] = key;
  }
}
