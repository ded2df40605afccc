/**
 * Captures of tables, in steps as those of states (`capture-states.ts`): of all panes together, some thousand entries at a
 * time by key group. Tables of numbers only have a way of their own (`capture-numbers.ts`).
 */

import type { Key } from "../../core/key.ts";
import { BlockRows } from "./block-rows.ts";
import type { Steps } from "./capture.ts";
import { NumbersCapture, type Panes } from "./capture-numbers.ts";
import type { Column } from "./column-codec.ts";
import type { Capturing } from "./epochs.ts";
import type { PaneRow } from "./memory-pane.ts";
import type { MemoryTable } from "./memory-table.ts";
import { PaneCapture } from "./pane-capture.ts";
import { ROWS_A_STEP, ROWS_SORTED_TOGETHER, RowsByGroup, type SortedRows } from "./rows-by-group.ts";
import { tableShape } from "./table-plans.ts";

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

  add(group: number, key: Key, namespace: number, { numbers, value }: PaneRow): void {
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

/** From now on panes keep what the capture has yet to take, until they are told that it has ended. */
export function beginTable(table: MemoryTable, panes: Panes, capturing: Capturing): Steps {
  if (!table.descriptor.values) {
    const capture = new NumbersCapture(table, panes, capturing, false);
    capture.begin();
    return capture.steps();
  }
  const captures = panes.map(([, pane]) => new PaneCapture(pane, capturing));
  for (const [i, [, pane]] of panes.entries()) pane.beginCapture(captures[i] as PaneCapture);
  return entrySteps(table, panes, captures, false);
}

const everything: Capturing = { checkpoint: 0, after: -1, upTo: Number.POSITIVE_INFINITY, base: undefined };

/** All of it as it is, where nothing comes between. `cutAtGroups`: each block is about one key group, and all rows are sorted. */
export function wholeTable(table: MemoryTable, panes: Panes, cutAtGroups: boolean): Steps {
  if (!table.descriptor.values) return new NumbersCapture(table, panes, everything, cutAtGroups).steps();
  const captures = panes.map(([, pane]) => new PaneCapture(pane, everything));
  return entrySteps(table, panes, captures, cutAtGroups);
}

function* entrySteps(table: MemoryTable, panes: Panes, captures: readonly PaneCapture[], cutAtGroups: boolean): Steps {
  const together = cutAtGroups ? Number.POSITIVE_INFINITY : ROWS_SORTED_TOGETHER;
  const out = new TableRows(table, cutAtGroups);
  let changed = new RowsByGroup();
  let looked = 0;
  for (const [place, capture] of captures.entries()) {
    const { size } = capture;
    for (let from = 0; from < size; from += ROWS_A_STEP) {
      addChanged(changed, capture, place, from, Math.min(size, from + ROWS_A_STEP));
      looked += Math.min(size - from, ROWS_A_STEP);
      if (looked >= ROWS_A_STEP) yield undefined;
      looked %= ROWS_A_STEP;
      if (changed.size < together) continue;
      yield* takeRows(panes, captures, changed, out);
      changed = new RowsByGroup();
    }
    if (place % 256 === 255) yield undefined;
  }
  yield* takeRows(panes, captures, changed, out);
}

/** Loops over rows stand in functions of their own: in a generator V8 makes slow code of them. */
function addChanged(changed: RowsByGroup, capture: PaneCapture, place: number, from: number, to: number): void {
  const { pane } = capture;
  for (let slot = from; slot < to; slot++) if (capture.isCaptured(slot)) changed.add(pane.groupOf(slot), slot, place);
}

/** Gathering rows and encoding them are one step: values may be changed in place between two. */
function* takeRows(panes: Panes, captures: readonly PaneCapture[], changed: RowsByGroup, out: TableRows): Steps {
  const sorted = yield* changed.sorted();
  for (let i = 0; i < sorted.rows.length; ) {
    i = addRows(out, panes, captures, sorted, i);
    if (i < sorted.rows.length) yield out.cut();
  }
  if (!out.isEmpty) yield out.cut();
}

/** As many as a block takes. @returns the place of the first that it does not. */
function addRows(
  out: TableRows,
  panes: Panes,
  captures: readonly PaneCapture[],
  sorted: SortedRows,
  from: number,
): number {
  const { rows, groups } = sorted;
  let i = from;
  for (; i < rows.length && !out.isFullFor(groups[i] as number); i++) {
    const place = sorted.panes[i] as number;
    const [namespace, pane] = panes[place] as Panes[number];
    const slot = rows[i] as number;
    out.add(groups[i] as number, pane.keyOnly(slot), namespace, (captures[place] as PaneCapture).takeRow(slot));
  }
  return i;
}
