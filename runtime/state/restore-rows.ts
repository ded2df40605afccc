/**
 * Applies blocks to the entries and tables of a backend: those of a snapshot, or of a base and then of each delta to it,
 * in the order in which they were written. Only rows of own key groups are taken.
 */

import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Column } from "./column-codec.ts";
import { RESTORED } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { type ListCell, PlainListCell } from "./list-cells.ts";
import { MapCell, mapOps } from "./map-cell.ts";
import type { MapKey } from "./map-key.ts";
import type { MemoryTable } from "./memory-table.ts";
import { corrupt, type OpenBlock, rowsWithin } from "./state-block.ts";
import type { StateColumn } from "./state-column.ts";

/** Whether a block may say something new of what is there: a delta's may, a snapshot's may not. */
export type Repeats = "refused" | "allowed";

export function restoreStates(
  block: OpenBlock,
  column: StateColumn,
  entries: KeyedEntries,
  range: KeyGroupRange,
  repeats: Repeats,
): void {
  const [from, to] = rowsWithin(block, range);
  const rows = { value: ValueReader, reducing: ValueReader, list: ListReader, map: MapReader }[column.kind];
  const reader = new rows(block, column, entries);
  for (let row = 0; row < from; row++) reader.pass(row);
  for (let row = from; row < to; row++) {
    const key = block.keys[row] as Key;
    entries.select(key);
    if (repeats === "refused" && reader.isFirst(row) && entries.read(column) !== undefined)
      throw corrupt(entries.operator, `the state "${column.name}" has two values for the key ${String(key)}`);
    if (reader.isPresent(row)) reader.apply(row);
    else entries.clear(column);
  }
}

/** Reads rows one behind the other: each is passed over or applied. */
abstract class RowReader {
  protected readonly columns: readonly Column[];
  protected readonly column: StateColumn;
  protected readonly entries: KeyedEntries;

  constructor({ columns }: OpenBlock, column: StateColumn, entries: KeyedEntries) {
    this.columns = columns;
    this.column = column;
    this.entries = entries;
  }

  isPresent(row: number): boolean {
    return this.columns[0]?.[row] === true;
  }

  protected at(column: number, row: number): unknown {
    return this.columns[column]?.[row];
  }

  /** Whether a row begins what it says of its key. */
  abstract isFirst(row: number): boolean;
  abstract pass(row: number): void;
  /** REQUIRES: the row is present. */
  abstract apply(row: number): void;
}

class ValueReader extends RowReader {
  #next = 0;

  isFirst(): boolean {
    return true;
  }

  pass(row: number): void {
    if (this.isPresent(row)) this.#next++;
  }

  apply(): void {
    const value = this.entries.keep(this.at(1, this.#next));
    this.entries.writeRestored(this.column, value, (this.at(2, this.#next) ?? 0) as number);
    this.#next++;
  }
}

class ListReader extends RowReader {
  #next = 0;

  isFirst(row: number): boolean {
    return this.at(1, row) === 0;
  }

  pass(row: number): void {
    this.#next += this.at(2, row) as number;
  }

  apply(row: number): void {
    const from = this.at(1, row) as number;
    const count = this.at(2, row) as number;
    const values: unknown[] = [];
    const stamps: number[] = [];
    for (let i = 0; i < count; i++, this.#next++) {
      values.push(this.entries.keep(this.at(3, this.#next)));
      stamps.push((this.at(4, this.#next) ?? 0) as number);
    }
    this.#put(from, values, this.columns.length > 4 ? stamps : undefined);
  }

  #put(from: number, values: unknown[], stamps: number[] | undefined): void {
    const was = from === 0 ? undefined : this.entries.read(this.column);
    if (was === undefined) {
      if (from > 0) throw corrupt(this.entries.operator, `the list "${this.column.name}" goes on where there is none`);
      this.entries.writeRestored(this.column, new PlainListCell(values, stamps, RESTORED), 0);
      return;
    }
    const list = this.column.collectionOf(was) as ListCell;
    if (list.length < from)
      throw corrupt(this.entries.operator, `the list "${this.column.name}" goes on behind its end`);
    list.goOn(from, values, stamps);
    this.entries.writeRestored(this.column, was, 0);
  }
}

class MapReader extends RowReader {
  #element = 0;
  #value = 0;

  isFirst(row: number): boolean {
    return this.at(1, row) === true;
  }

  pass(row: number): void {
    for (let i = this.at(2, row) as number; i > 0; i--)
      if (this.at(4, this.#element++) !== mapOps.remove) this.#value++;
  }

  apply(row: number): void {
    const cell = this.#cell(this.at(1, row) === true);
    for (let i = this.at(2, row) as number; i > 0; i--) this.#applyElement(cell);
    this.entries.writeRestored(this.column, cell, 0);
  }

  #applyElement({ map, stamps }: MapCell): void {
    const key = this.at(3, this.#element) as MapKey;
    const op = this.at(4, this.#element);
    const stamp = this.at(6, this.#element++) as number | undefined;
    if (op !== mapOps.change) {
      map.delete(key);
      stamps?.delete(key);
    }
    if (op === mapOps.remove) return;
    map.set(key, this.entries.keep(this.at(5, this.#value++)));
    if (stamps === undefined) return;
    stamps.delete(key);
    stamps.set(key, stamp ?? 0);
  }

  #cell(whole: boolean): MapCell {
    const was = whole ? undefined : this.entries.read(this.column);
    if (was !== undefined) return was as MapCell;
    if (!whole) throw corrupt(this.entries.operator, `the map "${this.column.name}" is changed where there is none`);
    return new MapCell(new Map(), this.columns.length > 6 ? new Map() : undefined, RESTORED);
  }
}

export function restoreTable(block: OpenBlock, table: MemoryTable, range: KeyGroupRange, repeats: Repeats): void {
  const [from, to] = rowsWithin(block, range);
  const { numbers, values } = table.descriptor;
  const namespaces = block.columns[0] as Column;
  for (let row = from; row < to; row++) {
    const key = block.keys[row] as Key;
    const pane = table.restoredPane(namespaces[row] as number);
    const size = pane.size;
    const slot = pane.restoredSlotOf(key);
    if (repeats === "refused" && pane.size === size)
      throw corrupt(table.operator, `the table "${table.name}" has two rows for the key ${String(key)}`);
    for (let c = 0; c < numbers; c++)
      (pane.numbers[c] as Float64Array)[slot * pane.stride] = block.columns[1 + c]?.[row] as number;
    if (values) pane.setValue(slot, block.columns[1 + numbers]?.[row]);
  }
}

export function restoreDrops({ header, columns }: OpenBlock, table: MemoryTable, range: KeyGroupRange): void {
  const first = Math.max(header.keyGroups.first, range.first);
  const last = Math.min(header.keyGroups.last, range.last);
  const whole = first === range.first && last === range.last;
  for (const namespace of Array.from(columns[0] as Column) as number[]) {
    if (whole) table.drop(namespace);
    else table.dropWithin(namespace, { first, last });
  }
}
