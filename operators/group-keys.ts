/**
 * A key for each key group: the least whole number whose group it is. By it an operator keeps one entry for all keys of a
 * group, which moves with the group when a job is rescaled.
 */

import { hashKey } from "../core/key.ts";
import { keyGroupOf } from "../core/key-group.ts";

export class GroupKeys {
  readonly #keyGroups: number;
  readonly #operator: string;
  readonly #keys: Int32Array;
  /** Numbers below have been looked at. */
  #next = 0;

  constructor(keyGroups: number, operator: string) {
    this.#keyGroups = keyGroups;
    this.#operator = operator;
    this.#keys = new Int32Array(keyGroups).fill(-1);
  }

  /** Looks at further numbers until the group's is found: about as many as there are groups. */
  of(group: number): number {
    while ((this.#keys[group] as number) < 0) {
      const found = keyGroupOf(hashKey(this.#next, this.#operator), this.#keyGroups);
      if ((this.#keys[found] as number) < 0) this.#keys[found] = this.#next;
      this.#next++;
    }
    return this.#keys[group] as number;
  }
}
