/**
 * What the memory backend writes into blocks (`snapshot-block.ts`) and reads from them: the states of entries, a block a
 * state and key group, and the rows of tables, a block a table and key group over all panes. Rows keep their order.
 */

import type { Key } from "../../core/key.ts";
import type { TableDescriptor } from "../../core/state-backend.ts";
import { ABSENT, type KeyedEntries, type StateColumn, type StateKind } from "./keyed-entries.ts";
import type { MapKey } from "./map-key.ts";
import type { MemoryPane, MemoryTable } from "./memory-table.ts";
import { RowsByGroup } from "./rows-by-group.ts";
import { corrupt, type KeyColumn, keyColumn, type SnapshotWriter } from "./snapshot-block.ts";

/** Payload of section "states": one state of some keys. `values[i]` is a value, a list's array or a map's Map by map key. */
export interface StatesContent {
  readonly name: string;
  readonly kind: StateKind;
  readonly keys: KeyColumn;
  readonly values: readonly unknown[];
}

/** Payload of section "table": some rows. Row i is `keys[i]` in `namespaces[i]` with `numbers[c][i]` and `values[i]`. */
export interface TableContent {
  readonly name: string;
  readonly descriptor: Required<TableDescriptor>;
  readonly namespaces: Float64Array;
  readonly keys: KeyColumn;
  readonly numbers: readonly Float64Array[];
  /** Absent in tables without values. */
  readonly values: readonly unknown[] | undefined;
}

export function writeStates(entries: KeyedEntries, writer: SnapshotWriter): void {
  for (const column of entries.columns.values()) {
    const slots = new RowsByGroup();
    for (const [slot, cell] of column.cells.entries()) {
      if (cell !== ABSENT) slots.add(entries.groups[slot] as number, slot);
    }
    for (const [group, rows] of slots.chunks()) {
      const content: StatesContent = {
        name: column.name,
        kind: column.kind,
        keys: keyColumn(rows.map((slot) => entries.index.keyAt(slot))),
        values: rows.map((slot) => column.cells[slot]),
      };
      writer.add(group, "states", content, `the state "${column.name}"`);
    }
  }
}

export function readStates(content: StatesContent, column: StateColumn, entries: KeyedEntries): void {
  if (content.kind !== column.kind) {
    throw corrupt(
      entries.operator,
      `the state "${content.name}" is saved both as a ${content.kind} and as a ${column.kind}`,
    );
  }
  for (const [row, key] of content.keys.entries()) {
    entries.select(key);
    if (entries.read(column) !== ABSENT)
      throw corrupt(entries.operator, `the state "${content.name}" has two values for the key ${String(key)}`);
    entries.write(column, kept(column.kind, content.values[row], entries));
  }
}

/** Values of a list and a map are kept one by one: the list and the map themselves go on changing. */
function kept(kind: StateKind, value: unknown, entries: KeyedEntries): unknown {
  if (!entries.freezeValues) return value;
  if (kind === "list") return (value as unknown[]).map((element) => entries.keep(element));
  if (kind === "map")
    return new Map([...(value as Map<MapKey, unknown>)].map(([key, element]) => [key, entries.keep(element)]));
  return entries.keep(value);
}

export function writeTable(table: MemoryTable, writer: SnapshotWriter): void {
  const panes: MemoryPane[] = [];
  const namespaces = table.namespaces();
  const rows = new RowsByGroup();
  const paneOfRow: number[] = [];
  const slotOfRow: number[] = [];
  for (const namespace of namespaces) {
    const pane = table.pane(namespace);
    for (let slot = 0; slot < pane.size; slot++) {
      rows.add(pane.groups[slot] as number, paneOfRow.length);
      paneOfRow.push(panes.length);
      slotOfRow.push(slot);
    }
    panes.push(pane);
  }
  for (const [group, chunk] of rows.chunks()) {
    const places = chunk.map((row) => paneOfRow[row] as number);
    const slots = chunk.map((row) => slotOfRow[row] as number);
    writer.add(group, "table", tableContent(table, namespaces, panes, places, slots), `the table "${table.name}"`);
  }
}

/** Row i is slot `slots[i]` of the pane at `places[i]`. */
function tableContent(
  { name, descriptor: { numbers, values, keyGroup = "hash" } }: MemoryTable,
  namespaces: readonly number[],
  panes: readonly MemoryPane[],
  places: readonly number[],
  slots: readonly number[],
): TableContent {
  const paneOf = (row: number) => panes[places[row] as number] as MemoryPane;
  const columns = Array.from({ length: numbers }, (_, c) => {
    const column = new Float64Array(slots.length);
    for (let row = 0; row < slots.length; row++) column[row] = paneOf(row).numbers[c]?.[slots[row] as number] as number;
    return column;
  });
  return {
    name,
    descriptor: { numbers, values, keyGroup },
    namespaces: new Float64Array(places.map((place) => namespaces[place] as number)),
    keys: keyColumn(slots.map((slot, row) => paneOf(row).keyAt(slot))),
    numbers: columns,
    values: values ? slots.map((slot, row) => paneOf(row).values[slot]) : undefined,
  };
}

export function readTable(content: TableContent, table: MemoryTable, operator: string): void {
  for (const [row, key] of content.keys.entries()) {
    const pane = table.pane(content.namespaces[row] as number);
    const size = pane.size;
    const slot = pane.slotOf(key as Key);
    if (pane.size === size)
      throw corrupt(operator, `the table "${content.name}" has two rows for the key ${String(key)}`);
    for (const [c, column] of content.numbers.entries())
      (pane.numbers[c] as Float64Array)[slot] = column[row] as number;
    if (content.values !== undefined) pane.values[slot] = content.values[row];
  }
}
