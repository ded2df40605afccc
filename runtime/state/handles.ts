/**
 * The handles of the backends here: what user functions read and change keyed state through. Each is one class with one
 * shape, bound to one column; the current key stands in the entries that all handles of an operator share.
 *
 * What a handle returns never changes afterwards: lists and entries are copies, and values are only replaced, not changed.
 */

import type { Key } from "../../core/key.ts";
import type { ListState, MapState, ReducingState, StateDescriptor, ValueState } from "../../core/state.ts";
import { checkerOf } from "./check-type.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { type ListCell, PlainListCell } from "./list-cells.ts";
import { MapCell } from "./map-cell.ts";
import { keptMapKey, keyOfMapKey, type MapKey, mapKeyOf } from "./map-key.ts";
import type { PackedLists } from "./packed-list.ts";
import type { PackedValues } from "./packed-values.ts";
import { type StateColumn, unmarked } from "./state-column.ts";

// biome-ignore lint/suspicious/noExplicitAny: values of the types that the user's descriptors infer; never looked into here
type Stored = any;

export type Handle = ValueState<Stored> | ListState<Stored> | MapState<Key, Stored> | ReducingState<Stored>;

export function handleOf(entries: KeyedEntries, column: StateColumn, descriptor: StateDescriptor): Handle {
  if (entries.freezeValues && descriptor.type !== undefined)
    column.check = checkerOf(descriptor.type, column.name, entries.operator);
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
    const cell = this.#entries.read(this.#column);
    if (cell === undefined) return this.#initial;
    const { packedValues } = this.#column;
    return packedValues === undefined ? this.#column.valueOf(cell) : this.#unpacked(packedValues, cell);
  }

  #unpacked(values: PackedValues, cell: unknown): Stored {
    const value = unmarked(values.read(cell));
    const isCaptured = this.#column.capture !== undefined;
    if (!isCaptured && values.becomesPlain(cell, value)) this.#entries.turn(this.#column, value);
    // Made anew, it is not yet frozen.
    return this.#entries.freezeValues ? this.#entries.keep(value) : value;
  }

  set(value: Stored): void {
    this.#entries.write(this.#column, this.#entries.keep(value, this.#column.check));
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
    return this.#column.valueOf(sum);
  }

  add(value: Stored): void {
    const sum = this.#entries.read(this.#column);
    const next = sum === undefined ? value : this.#reduce(this.#column.valueOf(sum), value);
    this.#entries.write(this.#column, this.#entries.keep(next, this.#column.check));
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }
}

const EMPTY_LIST: readonly never[] = Object.freeze([]);

/** An empty list has no cell. */
class ListHandle implements ListState<Stored> {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;

  constructor(entries: KeyedEntries, column: StateColumn) {
    this.#entries = entries;
    this.#column = column;
  }

  get(): readonly Stored[] {
    const cell = this.#entries.readWhole(this.#column);
    if (cell === undefined) return EMPTY_LIST;
    if (this.#column.packed !== undefined) return this.#unpacked(this.#column.packed, cell);
    const list = cell as ListCell;
    if (this.#column.ageing?.refreshOnRead === true) this.#refresh(list);
    const copy = list.values();
    return this.#entries.freezeValues ? Object.freeze(copy) : copy;
  }

  /** Its rows, which may be made anew each time. */
  #unpacked(lists: PackedLists, cell: unknown): readonly Stored[] {
    const values = lists.listOf(cell).values();
    this.#entries.turn(this.#column, lists.wasRead(cell));
    return this.#entries.freezeValues ? this.#entries.keep(values) : values;
  }

  add(value: Stored): void {
    const { current, confirmed } = this.#entries.epochs;
    const kept = this.#entries.keep(value, this.#column.check);
    const cell = this.#entries.change(this.#column);
    if (cell === undefined) this.#write([kept]);
    else {
      this.#column.packed?.added(1);
      const list = this.#column.collectionOf(cell) as ListCell;
      list.add(kept, this.#column.ageing?.now() ?? 0, current, confirmed);
    }
  }

  set(values: readonly Stored[]): void {
    if (values.length === 0) this.clear();
    else this.#write(values.map((value) => this.#entries.keep(value, this.#column.check)));
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }

  #write(values: Stored[]): void {
    const { current } = this.#entries.epochs;
    const { packed } = this.#column;
    this.#entries.write(
      this.#column,
      packed === undefined
        ? new PlainListCell(values, this.#stampsFor(values.length), current)
        : packed.cellOf(values, current),
    );
  }

  #refresh(list: ListCell): void {
    this.#entries.change(this.#column);
    if (list instanceof PlainListCell) list.stampAnew(this.#stampsFor(list.length), this.#entries.epochs.current);
  }

  #stampsFor(count: number): number[] | undefined {
    const { ageing } = this.#column;
    return ageing === undefined ? undefined : new Array(count).fill(ageing.now());
  }
}

/** Elements go by `mapKeyOf`; an empty map has no cell. */
class MapHandle implements MapState<Key, Stored> {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;

  constructor(entries: KeyedEntries, column: StateColumn) {
    this.#entries = entries;
    this.#column = column;
  }

  get(key: Key): Stored {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    const cell = this.#cell();
    if (cell === undefined || !this.#isThere(cell, mapKey)) return undefined;
    const value = cell.map.get(mapKey);
    if (this.#column.ageing?.refreshOnRead === true) this.#put(mapKey, value);
    return value;
  }

  has(key: Key): boolean {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    const cell = this.#cell();
    return cell !== undefined && this.#isThere(cell, mapKey);
  }

  put(key: Key, value: Stored): void {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    const cell = this.#cell();
    // What is over is removed first, so that the element goes to the end as any new one.
    if (cell?.map.has(mapKey) === true && !this.#isThere(cell, mapKey)) this.#remove(mapKey);
    this.#put(mapKey, this.#entries.keep(value, this.#column.check));
  }

  remove(key: Key): void {
    const mapKey = mapKeyOf(key, this.#entries.operator);
    if (this.#cell()?.map.has(mapKey) === true) this.#remove(mapKey);
  }

  entries(): Iterable<readonly [Key, Stored]> {
    const copy: (readonly [Key, Stored])[] = [];
    for (const [key, value] of this.#wholeCell()?.map ?? []) copy.push([keyOfMapKey(key), value]);
    if (this.#column.ageing?.refreshOnRead === true) for (const [key, value] of copy) this.put(key, value);
    return copy;
  }

  get size(): number {
    return this.#wholeCell()?.map.size ?? 0;
  }

  clear(): void {
    this.#entries.clear(this.#column);
  }

  #put(mapKey: MapKey, value: Stored): void {
    const { current, confirmed } = this.#entries.epochs;
    const { ageing } = this.#column;
    const cell = this.#entries.change(this.#column) as MapCell | undefined;
    const now = ageing?.now() ?? 0;
    if (cell === undefined) {
      const key = keptMapKey(mapKey);
      const stamps = ageing === undefined ? undefined : new Map([[key, now]]);
      this.#entries.write(this.#column, new MapCell(new Map([[key, value]]), stamps, current));
    } else cell.put(cell.map.has(mapKey) ? mapKey : keptMapKey(mapKey), value, now, current, confirmed);
  }

  #remove(mapKey: MapKey): void {
    const { current, confirmed } = this.#entries.epochs;
    const cell = this.#entries.change(this.#column) as MapCell | undefined;
    if (cell === undefined) return;
    cell.remove(mapKey, current, confirmed);
    if (cell.map.size === 0) this.clear();
  }

  #isThere(cell: MapCell, mapKey: MapKey): boolean {
    const { ageing } = this.#column;
    if (!cell.map.has(mapKey)) return false;
    return ageing === undefined || !ageing.isOver(cell.stamps?.get(mapKey) as number, ageing.now());
  }

  #cell(): MapCell | undefined {
    return this.#entries.read(this.#column) as MapCell | undefined;
  }

  #wholeCell(): MapCell | undefined {
    return this.#entries.readWhole(this.#column) as MapCell | undefined;
  }
}
