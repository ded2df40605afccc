/** The key groups that a backend or timer queue owns, and the check that only their keys reach it. */

import { assert } from "../../core/assert.ts";
import { hashKey, type Key } from "../../core/key.ts";
import { type KeyGroupRange, keyGroupOf } from "../../core/key-group.ts";

export class KeyGroups {
  readonly range: KeyGroupRange;
  readonly #count: number;
  readonly #operator: string;

  /** @param count of all key groups of the job. */
  constructor(range: KeyGroupRange, count: number, operator: string) {
    assert(
      0 <= range.first && range.last < count,
      `key groups ${range.first}–${range.last} of "${operator}" are not within ${count}`,
    );
    this.range = range;
    this.#count = count;
    this.#operator = operator;
  }

  /** The key group of a key that hashes to it. An assertion fails when a record was sent to the wrong subtask. */
  ownGroupOf(key: Key): number {
    return this.own(keyGroupOf(hashKey(key, this.#operator), this.#count), key);
  }

  /** The key group that the key itself is the number of. */
  ownGroupNamed(key: Key): number {
    assert(
      typeof key === "number" && Number.isInteger(key),
      `the key ${String(key)} of "${this.#operator}" is not a key group's number`,
    );
    return this.own(key + 0, key);
  }

  own(group: number, key: Key): number {
    if (group < this.range.first || group > this.range.last) this.#refuse(group, key);
    return group;
  }

  #refuse(group: number, key: Key): never {
    const { first, last } = this.range;
    assert(
      false,
      `the key ${String(key)} of key group ${group} came to "${this.#operator}", which owns ${first}–${last}`,
    );
  }
}
