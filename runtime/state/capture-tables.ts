/**
 * Captures of tables, in steps as those of states (`capture-states.ts`): first the namespaces that were dropped, then the
 * entries that have changed, of all panes together and some thousand at a time by key group.
 *
 * Columns behind the keys: namespaces, each float64 column, values where the table has them. The drops' only column is
 * their namespaces; they hold for all key groups that the block is about.
 */

import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import { BlockRows } from "./block-rows.ts";
import type { Steps } from "./capture-states.ts";
import type { Column } from "./column-codec.ts";
import type { Capturing } from "./epochs.ts";
import type { MemoryPane, MemoryTable } from "./memory-table.ts";
import { ROWS_A_STEP, ROWS_SORTED_TOGETHER, RowsByGroup, type SortedRows } from "./rows-by-group.ts";
import { BLOCK_ROWS, type ColumnPlan, encodeBlock, type StateShape, shapeOf } from "./state-block.ts";

export function tableShape({ descriptor }: MemoryTable): StateShape {
  const { numbers, values, keyGroup } = descriptor;
  return { section: "table", numbers, values, named: keyGroup === "key", stamps: undefined };
}

class TableRows extends BlockRows {
  #namespaces: number[] = [];
  #numbers: number[][];
  #values: unknown[] = [];

  constructor(table: MemoryTable, cutAtGroups: boolean) {
    super(table.name, tableShape(table), table.operator, cutAtGroups);
    this.#numbers = this.#emptyNumbers();
  }

  protected get weight(): number {
    return this.#namespaces.length;
  }

  add(group: number, key: Key, namespace: number, { numbers, value }: ReturnType<MemoryPane["takeRow"]>): void {
    this.addKey(group, key);
    this.#namespaces.push(namespace);
    for (let c = 0; c < numbers.length; c++) (this.#numbers[c] as number[]).push(numbers[c] as number);
    this.#values.push(value);
  }

  protected takeColumns(): readonly Column[] {
    const numbers = this.#numbers.map((column) => new Float64Array(column));
    const columns = [this.#namespaces, ...numbers, ...(this.shape.values ? [this.#values] : [])];
    this.#namespaces = [];
    this.#numbers = this.#emptyNumbers();
    this.#values = [];
    return columns;
  }

  #emptyNumbers(): number[][] {
    return Array.from({ length: this.shape.numbers }, () => []);
  }
}

/** A table's panes as they are at a barrier. */
export type Panes = readonly (readonly [namespace: number, pane: MemoryPane])[];

/** @param capturing what to take; undefined: everything as it is. */
export function* captureRows(
  table: MemoryTable,
  panes: Panes,
  capturing: Capturing | undefined,
  cutAtGroups: boolean,
): Steps {
  const together = cutAtGroups ? Number.POSITIVE_INFINITY : ROWS_SORTED_TOGETHER;
  const out = new TableRows(table, cutAtGroups);
  let changed = new RowsByGroup();
  let looked = 0;
  for (const [place, [, pane]] of panes.entries()) {
    const { size } = pane;
    for (let from = 0; from < size; from += ROWS_A_STEP) {
      addChanged(changed, pane, place, capturing, from, Math.min(size, from + ROWS_A_STEP));
      looked += Math.min(size - from, ROWS_A_STEP);
      if (looked >= ROWS_A_STEP) yield undefined;
      looked %= ROWS_A_STEP;
      if (changed.size < together) continue;
      yield* takeRows(panes, changed, out);
      changed = new RowsByGroup();
    }
    if (place % 256 === 255) yield undefined;
  }
  yield* takeRows(panes, changed, out);
}

/** Loops over rows stand in functions of their own: in a generator V8 makes slow code of them. */
function addChanged(
  changed: RowsByGroup,
  pane: MemoryPane,
  place: number,
  capturing: Capturing | undefined,
  from: number,
  to: number,
): void {
  for (let slot = from; slot < to; slot++)
    if (capturing === undefined || pane.isCaptured(slot, capturing))
      changed.add(pane.groups[slot] as number, slot, place);
}

function* takeRows(panes: Panes, changed: RowsByGroup, out: TableRows): Steps {
  const sorted = yield* changed.sorted();
  for (let i = 0; i < sorted.rows.length; ) {
    i = addRows(out, panes, sorted, i);
    if (i === sorted.rows.length) break;
    // Gathering rows and encoding them are two steps, but not for values, which may be changed in place between.
    if (!out.shape.values) yield undefined;
    yield out.cut();
  }
  if (!out.isEmpty) yield out.cut();
}

/** As many as a block takes. @returns the place of the first that it does not. */
function addRows(out: TableRows, panes: Panes, sorted: SortedRows, from: number): number {
  const { rows, groups } = sorted;
  let i = from;
  for (; i < rows.length && !out.isFullFor(groups[i] as number); i++) {
    const [namespace, pane] = panes[sorted.panes[i] as number] as Panes[number];
    const slot = rows[i] as number;
    out.add(groups[i] as number, pane.keyOnly(slot), namespace, pane.takeRow(slot));
  }
  return i;
}

export function* dropBlocks(table: MemoryTable, dropped: readonly number[], about: KeyGroupRange): Steps {
  for (let at = 0; at < dropped.length; at += BLOCK_ROWS) {
    const namespaces = dropped.slice(at, at + BLOCK_ROWS);
    const content = { name: table.name, shape: shapeOf("drops"), groups: [], about };
    yield encodeBlock({ ...content, rows: namespaces.length, columns: [namespaces] }, table.operator);
  }
}

export const tablePlan: ColumnPlan = {
  keys: true,
  read: (next, { rows, shape }) => Array.from({ length: 1 + shape.numbers + (shape.values ? 1 : 0) }, () => next(rows)),
};

export const dropsPlan: ColumnPlan = { keys: false, read: (next, { rows }) => [next(rows)] };
