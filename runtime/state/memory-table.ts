/**
 * The tables of the memory backend: panes by namespace, each with a key index, float64 columns and a values array of its own.
 * The engine's accumulators live here; `pane.slotOf(key)` and `pane.numbers[0][slot] += 1` are the hottest lines there are.
 */

import { assert } from "../../core/assert.ts";
import type { Key } from "../../core/key.ts";
import type { StatePane, StateTable, TableDescriptor } from "../../core/state-backend.ts";
import type { KeyGroups } from "./key-groups.ts";
import { KeyIndex } from "./key-index.ts";

/** 64 bytes a column, the most that V8 keeps on its own heap: a session's pane has one entry. */
const ENTRIES_MIN = 8;

export class MemoryTable implements StateTable {
  readonly name: string;
  readonly descriptor: TableDescriptor;
  readonly #operator: string;
  readonly #keyGroups: KeyGroups;
  readonly #panes = new Map<number, MemoryPane>();
  #namespaces: readonly number[] | undefined;
  /** Consecutive records mostly fall into the same pane, and a Map lookup by timestamp costs as much as one by key. */
  #recent: MemoryPane | undefined;
  #recentNamespace = 0;

  constructor(name: string, descriptor: TableDescriptor, operator: string, keyGroups: KeyGroups) {
    this.name = name;
    this.descriptor = descriptor;
    this.#operator = operator;
    this.#keyGroups = keyGroups;
  }

  pane(namespace: number): MemoryPane {
    if (this.#recent !== undefined && namespace === this.#recentNamespace) return this.#recent;
    const pane = this.#panes.get(namespace) ?? this.#create(namespace);
    this.#recent = pane;
    this.#recentNamespace = namespace;
    return pane;
  }

  find(namespace: number): MemoryPane | undefined {
    return this.#panes.get(namespace);
  }

  /** A caller may drop panes while it walks over the result, which stays as it is. */
  namespaces(): readonly number[] {
    this.#namespaces ??= [...this.#panes.keys()].sort((a, b) => a - b);
    return this.#namespaces;
  }

  drop(namespace: number): void {
    if (!this.#panes.delete(namespace)) return;
    this.#namespaces = undefined;
    this.#recent = undefined;
  }

  #create(namespace: number): MemoryPane {
    assert(namespace === namespace, `NaN is no namespace of the table "${this.name}" of "${this.#operator}"`);
    const pane = new MemoryPane(this.descriptor, this.#operator, this.#keyGroups);
    this.#panes.set(namespace, pane);
    this.#namespaces = undefined;
    return pane;
  }
}

export class MemoryPane implements StatePane {
  size = 0;
  readonly numbers: Float64Array[];
  readonly values: unknown[] = [];
  /** By slot: the entry's key group. */
  readonly groups: number[] = [];
  readonly #index: KeyIndex;
  readonly #keyGroups: KeyGroups;
  readonly #named: boolean;
  readonly #hasValues: boolean;
  #capacity = ENTRIES_MIN;

  constructor(descriptor: TableDescriptor, operator: string, keyGroups: KeyGroups) {
    this.numbers = Array.from({ length: descriptor.numbers }, () => new Float64Array(ENTRIES_MIN));
    this.#index = new KeyIndex(operator);
    this.#keyGroups = keyGroups;
    this.#named = descriptor.keyGroup === "key";
    this.#hasValues = descriptor.values;
  }

  slotOf(key: Key): number {
    const slot = this.#index.find(key);
    return slot >= 0 ? slot : this.#append(key);
  }

  find(key: Key): number {
    return this.#index.find(key);
  }

  keyAt(slot: number): Key {
    assert(slot >= 0 && slot < this.size, `slot ${slot} of a pane of ${this.size} entries`);
    return this.#index.keyAt(slot);
  }

  #append(key: Key): number {
    const group = this.#named ? this.#keyGroups.ownGroupNamed(key) : this.#keyGroups.ownGroupOf(key); // refuses before anything is kept
    this.groups.push(group);
    if (this.#hasValues) this.values.push(undefined);
    if (this.size === this.#capacity) this.#grow();
    this.size++;
    return this.#index.slotOf(key);
  }

  #grow(): void {
    this.#capacity *= 2;
    for (let column = 0; column < this.numbers.length; column++) {
      const longer = new Float64Array(this.#capacity);
      longer.set(this.numbers[column] as Float64Array);
      this.numbers[column] = longer;
    }
  }
}
