/**
 * The entries behind handles: one per key, holding all its named states, in columns that share one key index.
 *
 * `select` only notes the key; the first read or write of any state looks it up, the others find the slot again. An entry
 * exists exactly while at least one of its states has a value, so keys that come and go leave nothing behind.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import { flatten } from "./flatten.ts";
import type { KeyGroups } from "./key-groups.ts";
import { KeyIndex } from "./key-index.ts";

/** What a column holds for a key that has no value in it; undefined is a value. */
export const ABSENT = Symbol("absent");

export type StateKind = "value" | "list" | "map" | "reducing";

export interface StateColumn {
  readonly name: string;
  readonly kind: StateKind;
  /** By slot: ABSENT, a value, the array of a list, or the Map of a map. */
  readonly cells: unknown[];
}

const NO_KEY = -3;
const UNRESOLVED = -2;
const NO_ENTRY = -1;

export class KeyedEntries {
  readonly operator: string;
  readonly freezeValues: boolean;
  readonly index: KeyIndex;
  readonly #keyGroups: KeyGroups;
  readonly columns = new Map<string, StateColumn>();
  /** By slot: how many columns have a value. */
  readonly #present: number[] = [];
  /** By slot: the entry's key group. */
  readonly groups: number[] = [];
  #key: Key | undefined;
  #slot = NO_KEY;

  constructor(operator: string, keyGroups: KeyGroups, freezeValues: boolean) {
    this.operator = operator;
    this.freezeValues = freezeValues;
    this.index = new KeyIndex(operator);
    this.#keyGroups = keyGroups;
  }

  /** @throws BAD_KEY */
  select(key: Key): void {
    this.#key = key;
    // Strings and numbers other than NaN are valid keys as they stand; looking the others up refuses what is not.
    const plain = typeof key === "string" || (typeof key === "number" && key === key);
    this.#slot = plain ? UNRESOLVED : this.#lookUp(key);
  }

  #lookUp(key: Key): number {
    this.#slot = NO_KEY;
    return this.index.find(key);
  }

  /** No key is current any more. */
  deselect(): void {
    this.#key = undefined;
    this.#slot = NO_KEY;
  }

  get currentKey(): Key {
    if (this.#slot === NO_KEY) throw this.#noKey();
    return this.#key as Key;
  }

  /** The current key's value in a column, or ABSENT. */
  read(column: StateColumn): unknown {
    const slot = this.#find();
    return slot < 0 ? ABSENT : column.cells[slot];
  }

  write(column: StateColumn, value: unknown): void {
    let slot = this.#find();
    if (slot < 0) slot = this.#create();
    if (column.cells[slot] === ABSENT) this.#present[slot] = (this.#present[slot] as number) + 1;
    column.cells[slot] = value;
  }

  clear(column: StateColumn): void {
    const slot = this.#find();
    if (slot < 0 || column.cells[slot] === ABSENT) return;
    column.cells[slot] = ABSENT;
    const left = (this.#present[slot] as number) - 1;
    this.#present[slot] = left;
    if (left > 0) return;
    this.index.remove(slot);
    this.#slot = NO_ENTRY;
  }

  /** What state keeps of a value that it is given: strings flat, and frozen where that is asked for. */
  keep<T>(value: T): T {
    if (typeof value === "string") return flatten(value) as T;
    return this.freezeValues ? deepFreeze(value) : value;
  }

  addColumn(name: string, kind: StateKind): StateColumn {
    assert(!this.columns.has(name), `the state "${name}" exists already`);
    const cells: unknown[] = [];
    for (let slot = 0; slot < this.index.slots; slot++) cells.push(ABSENT);
    const column: StateColumn = { name, kind, cells };
    this.columns.set(name, column);
    return column;
  }

  #find(): number {
    return this.#slot >= NO_ENTRY ? this.#slot : this.#resolve();
  }

  #resolve(): number {
    if (this.#slot === NO_KEY) throw this.#noKey();
    this.#slot = this.index.find(this.#key as Key);
    return this.#slot;
  }

  #create(): number {
    const key = this.#key as Key;
    const group = this.#keyGroups.ownGroupOf(key);
    const slot = this.index.slotOf(key);
    if (slot === this.#present.length) {
      this.#present.push(0);
      this.groups.push(group);
      for (const column of this.columns.values()) column.cells.push(ABSENT);
    }
    this.groups[slot] = group;
    this.#slot = slot;
    return slot;
  }

  #noKey(): MillraceError {
    return new MillraceError(
      "STATE_MISUSE",
      `"${this.operator}" used keyed state while no key was current. Use state only while a record or a timer is processed, ` +
        "not in open or close",
      { operator: this.operator },
    );
  }
}

/** Freezes plain data to its depth. Typed arrays, and the contents of dates, maps and sets, cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
