/**
 * Captures of handles' states: block by block, in steps of about a millisecond, while the states go on changing. Values in
 * memory have ways of their own (`capture-values.ts`, `capture-packed.ts`); of the others
 *
 *   1. find slots that have changed, until they are enough to be sorted by key group;
 *   2. take their rows, a block at a time: as they are, or as they were if they have changed since the barrier;
 *   3. go on with those behind.
 */

import type { Steps } from "./capture.ts";
import { PackedCapture } from "./capture-packed.ts";
import { ValueCapture } from "./capture-values.ts";
import { CellCapture } from "./cell-capture.ts";
import type { Capturing } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { ROWS_A_STEP, ROWS_SORTED_TOGETHER, RowsByGroup, type SortedRows } from "./rows-by-group.ts";
import { shapeOf } from "./state-block.ts";
import type { StateColumn } from "./state-column.ts";
import { type CellRows, ListRows, MapRows, ValueRows } from "./state-rows.ts";

/** From now on the column keeps for the capture what it has yet to take, until it has no capture any more. */
export function beginColumn(entries: KeyedEntries, column: StateColumn, capturing: Capturing, slots: number): Steps {
  if (!isReplaced(column)) {
    const capture = new CellCapture(column, capturing);
    column.capture = capture;
    return cellSteps(entries, column, capture, slots, false);
  }
  const { packedValues } = column;
  const capture =
    packedValues?.packs === true
      ? new PackedCapture(entries, column, packedValues, capturing, slots)
      : new ValueCapture(entries, column, capturing, slots, false);
  column.capture = capture;
  return capture.steps();
}

/** All of it as it is, where nothing comes between: each block is about one key group, and all rows are sorted. */
export function wholeColumn(entries: KeyedEntries, column: StateColumn, everything: Capturing): Steps {
  const slots = column.cells.length;
  if (isReplaced(column)) return new ValueCapture(entries, column, everything, slots, true).steps();
  return cellSteps(entries, column, new CellCapture(column, everything), slots, true);
}

/** Whether what a cell holds is in memory and never changes, so that a reference to it will do. */
function isReplaced({ kind, space }: StateColumn): boolean {
  return (kind === "value" || kind === "reducing") && space === undefined;
}

function* cellSteps(
  entries: KeyedEntries,
  column: StateColumn,
  capture: CellCapture,
  slots: number,
  cutAtGroups: boolean,
): Steps {
  const together = cutAtGroups ? Number.POSITIVE_INFINITY : ROWS_SORTED_TOGETHER;
  const out = rowsFor(column, entries.operator, cutAtGroups);
  let changed = new RowsByGroup();
  for (let from = 0; from < slots; from += ROWS_A_STEP) {
    addChanged(changed, entries, capture, from, Math.min(slots, from + ROWS_A_STEP));
    yield undefined;
    if (changed.size < together) continue;
    yield* takeRows(entries, capture, changed, out);
    changed = new RowsByGroup();
  }
  yield* takeRows(entries, capture, changed, out);
}

/** Loops over rows stand in functions of their own: in a generator V8 makes slow code of them. */
function addChanged(
  changed: RowsByGroup,
  { groups }: KeyedEntries,
  capture: CellCapture,
  from: number,
  to: number,
): void {
  for (let slot = from; slot < to; slot++) if (capture.isCaptured(slot)) changed.add(groups[slot] as number, slot);
}

function* takeRows(entries: KeyedEntries, capture: CellCapture, changed: RowsByGroup, out: CellRows): Steps {
  const sorted = yield* changed.sorted();
  const { rows, groups } = sorted;
  for (let i = 0; i < rows.length; ) {
    if (out instanceof ValueRows) i = addValues(out, entries, capture, sorted, i);
    else {
      const slot = rows[i] as number;
      yield* out.add(groups[i] as number, entries.index.keyAt(slot), capture.takeRow(slot));
      i++;
    }
    if (i === rows.length || !out.isFullFor(groups[i] as number)) continue;
    yield undefined; // gathering rows and encoding them are two steps
    yield out.cut();
  }
  if (!out.isEmpty) yield out.cut();
}

/** As many as a block takes. @returns the place of the first that it does not. */
function addValues(
  out: ValueRows,
  { index }: KeyedEntries,
  capture: CellCapture,
  { rows, groups }: SortedRows,
  from: number,
): number {
  let i = from;
  for (; i < rows.length && !out.isFullFor(groups[i] as number); i++) {
    const slot = rows[i] as number;
    out.add(groups[i] as number, index.keyAt(slot), capture.takeRow(slot));
  }
  return i;
}

function rowsFor({ name, kind, stampDomain }: StateColumn, operator: string, cutAtGroups: boolean): CellRows {
  const shape = shapeOf(kind, stampDomain);
  if (kind === "list") return new ListRows(name, shape, operator, cutAtGroups);
  if (kind === "map") return new MapRows(name, shape, operator, cutAtGroups);
  return new ValueRows(name, shape, operator, cutAtGroups);
}
