/**
 * The handles of the memory backend: what user functions read and change keyed state through. Each is one class with one
 * shape, bound to one column; the current key stands in the entries that all handles of an operator share.
 *
 * What a handle returns never changes afterwards: lists and entries are copies, and values are only replaced, not changed.
 */

import type { Key } from "../../core/key.ts";
import type { ListState, MapState, ReducingState, StateDescriptor, ValueState } from "../../core/state.ts";
import { ABSENT, type KeyedEntries, type StateColumn } from "./keyed-entries.ts";
import { keptMapKey, keyOfMapKey, type MapKey, mapKeyOf } from "./map-key.ts";

// biome-ignore lint/suspicious/noExplicitAny: values of the types that the user's descriptors infer; never looked into here
type Stored = any;

export type Handle = ValueState<Stored> | ListState<Stored> | MapState<Key, Stored> | ReducingState<Stored>;

export function handleOf(entries: KeyedEntries, column: StateColumn, descriptor: StateDescriptor): Handle {
  switch (descriptor.kind) {
    case "value":
      return new ValueHandle(entries, column, descriptor.initial);
    case "list":
      return new ListHandle(entries, column);
    case "map":
      return new MapHandle(entries, column);
    case "reducing":
      return new ReducingHandle(entries, column, descriptor.reduce);
  }
}

class ValueHandle implements ValueState<Stored> {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;
  readonly #initial: Stored;

  constructor(entries: KeyedEntries, column: StateColumn, initial: Stored) {
    this.#entries = entries;
    this.#column = column;
    this.#initial = entries.keep(initial);
  }

  get(): Stored {
    const value = this.#entries.read(this.#column);
    return value === ABSENT ? this.#initial : value;
  }

  set(value: Stored): void {
    this.#entries.write(this.#column, this.#entries.keep(value));
  }

  update(change: (current: Stored) => Stored): void {
    this.set(change(this.get()));
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }
}

class ReducingHandle implements ReducingState<Stored> {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;
  readonly #reduce: (sum: Stored, value: Stored) => Stored;

  constructor(entries: KeyedEntries, column: StateColumn, reduce: (sum: Stored, value: Stored) => Stored) {
    this.#entries = entries;
    this.#column = column;
    this.#reduce = reduce;
  }

  get(): Stored {
    const sum = this.#entries.read(this.#column);
    return sum === ABSENT ? undefined : sum;
  }

  add(value: Stored): void {
    const sum = this.#entries.read(this.#column);
    this.#entries.write(this.#column, this.#entries.keep(sum === ABSENT ? value : this.#reduce(sum, value)));
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }
}

const EMPTY_LIST: readonly never[] = Object.freeze([]);

/** Cells are arrays that only this handle sees; an empty list has no cell. */
class ListHandle implements ListState<Stored> {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;

  constructor(entries: KeyedEntries, column: StateColumn) {
    this.#entries = entries;
    this.#column = column;
  }

  get(): readonly Stored[] {
    const list = this.#entries.read(this.#column);
    if (list === ABSENT) return EMPTY_LIST;
    const copy = (list as Stored[]).slice();
    return this.#entries.freezeValues ? Object.freeze(copy) : copy;
  }

  add(value: Stored): void {
    const list = this.#entries.read(this.#column);
    const kept = this.#entries.keep(value);
    if (list === ABSENT) this.#entries.write(this.#column, [kept]);
    else (list as Stored[]).push(kept);
  }

  set(values: readonly Stored[]): void {
    if (values.length === 0) this.clear();
    else
      this.#entries.write(
        this.#column,
        values.map((value) => this.#entries.keep(value)),
      );
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }
}

/** Cells are Maps by `mapKeyOf` that only this handle sees; an empty map has no cell. */
class MapHandle implements MapState<Key, Stored> {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;

  constructor(entries: KeyedEntries, column: StateColumn) {
    this.#entries = entries;
    this.#column = column;
  }

  get(key: Key): Stored {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    return this.#map()?.get(mapKey);
  }

  has(key: Key): boolean {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    return this.#map()?.has(mapKey) ?? false;
  }

  put(key: Key, value: Stored): void {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    const kept = this.#entries.keep(value);
    const map = this.#map();
    if (map === undefined) this.#entries.write(this.#column, new Map([[keptMapKey(mapKey), kept]]));
    else map.set(map.has(mapKey) ? mapKey : keptMapKey(mapKey), kept);
  }

  remove(key: Key): void {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    const map = this.#map();
    if (map === undefined) return;
    map.delete(mapKey);
    if (map.size === 0) this.clear();
  }

  entries(): Iterable<readonly [Key, Stored]> {
    const copy: (readonly [Key, Stored])[] = [];
    for (const [key, value] of this.#map() ?? []) copy.push([keyOfMapKey(key), value]);
    return copy;
  }

  get size(): number {
    return this.#map()?.size ?? 0;
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }

  #map(): Map<MapKey, Stored> | undefined {
    const map = this.#entries.read(this.#column);
    return map === ABSENT ? undefined : (map as Map<MapKey, Stored>);
  }
}
