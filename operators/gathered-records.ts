/** Records by key that are gathered until their batch ends, and then looked up together in a table of state. */

import type { Key, KeySelector } from "../core/key.ts";
import { KeyBatch } from "../core/key-batch.ts";
import type { OperatorContext } from "../core/operator.ts";
import type { StatePane } from "../core/state-backend.ts";

/** As windows gather. It is also how many results may come when there is no room for them any more. */
const GATHERED_MAX = 128;

export class GatheredRecords {
  readonly #key: KeySelector;
  readonly #context: OperatorContext;
  readonly #keys = new KeyBatch(GATHERED_MAX);
  /** A new array for each lot: one that is old by now would tell the garbage collector of every young record that it takes. */
  values: unknown[] = [];
  readonly timestamps = new Float64Array(GATHERED_MAX);
  /** Where each record's key is, once they have been looked up. */
  readonly slots = new Int32Array(GATHERED_MAX);

  constructor(key: KeySelector, context: OperatorContext) {
    this.#key = key;
    this.#context = context;
  }

  get count(): number {
    return this.#keys.count;
  }

  /** True when no further one has room. @throws what the key function throws, with the record */
  add(value: unknown, timestamp: number): boolean {
    const at = this.#keys.count;
    this.#keys.add(this.#keyOf(value));
    if (at === 0) this.values = new Array(GATHERED_MAX);
    this.values[at] = value;
    this.timestamps[at] = timestamp;
    return at + 1 === GATHERED_MAX;
  }

  keyAt(i: number): Key {
    return this.#keys.keyAt(i);
  }

  /** Finds the slots of all, or makes them, in order. @throws BAD_KEY with the record whose key is refused */
  lookUp(pane: StatePane): void {
    try {
      pane.slotsOf(this.#keys, this.slots);
    } catch (error) {
      throw this.#context.failure(error, this.#valueOfRefusedKey(pane));
    }
  }

  clear(): void {
    this.#keys.clear();
  }

  #keyOf(value: unknown): Key {
    try {
      return this.#key.select(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #valueOfRefusedKey(pane: StatePane): unknown {
    for (let i = 0; i < this.#keys.count; i++) {
      try {
        pane.slotOf(this.#keys.keyAt(i));
      } catch {
        return this.values[i];
      }
    }
    return undefined;
  }
}
