/**
 * Captures of handles' states: block by block, in steps of about a millisecond, while the states go on changing.
 *
 *   1. Find slots that have changed, until they are enough to be sorted by key group.
 *   2. Take their rows, a block at a time: as they are, or as they were if they have changed since the barrier.
 *   3. Go on with those behind.
 */

import type { Capturing } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { ROWS_A_STEP, ROWS_SORTED_TOGETHER, RowsByGroup, type SortedRows } from "./rows-by-group.ts";
import { shapeOf } from "./state-block.ts";
import type { StateColumn } from "./state-column.ts";
import { type CellRows, ListRows, MapRows, ValueRows } from "./state-rows.ts";

/** What a generator of blocks yields: a block, or undefined where others may go on. */
export type Steps = Generator<Uint8Array | undefined, void>;

/** `cutAtGroups`: each block is about one key group, and all rows are sorted. */
export function* captureColumn(
  entries: KeyedEntries,
  column: StateColumn,
  capturing: Capturing,
  slots: number,
  cutAtGroups: boolean,
): Steps {
  const together = cutAtGroups ? Number.POSITIVE_INFINITY : ROWS_SORTED_TOGETHER;
  const out = rowsFor(column, entries.operator, cutAtGroups);
  let changed = new RowsByGroup();
  for (let from = 0; from < slots; from += ROWS_A_STEP) {
    addChanged(changed, entries, column, capturing, from, Math.min(slots, from + ROWS_A_STEP));
    yield undefined;
    if (changed.size < together) continue;
    yield* takeRows(entries, column, capturing, changed, out);
    changed = new RowsByGroup();
  }
  yield* takeRows(entries, column, capturing, changed, out);
}

/** Loops over rows stand in functions of their own: in a generator V8 makes slow code of them. */
function addChanged(
  changed: RowsByGroup,
  { groups }: KeyedEntries,
  column: StateColumn,
  capturing: Capturing,
  from: number,
  to: number,
): void {
  for (let slot = from; slot < to; slot++)
    if (column.isCaptured(slot, capturing)) changed.add(groups[slot] as number, slot);
}

function* takeRows(
  entries: KeyedEntries,
  column: StateColumn,
  { after }: Capturing,
  changed: RowsByGroup,
  out: CellRows,
): Steps {
  const sorted = yield* changed.sorted();
  const { rows, groups } = sorted;
  for (let i = 0; i < rows.length; ) {
    if (out instanceof ValueRows) i = addValues(out, entries, column, after, sorted, i);
    else {
      const slot = rows[i] as number;
      yield* out.add(groups[i] as number, entries.index.keyAt(slot), column.takeRow(slot, after));
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
  column: StateColumn,
  after: number,
  { rows, groups }: SortedRows,
  from: number,
): number {
  let i = from;
  for (; i < rows.length && !out.isFullFor(groups[i] as number); i++) {
    const slot = rows[i] as number;
    out.add(groups[i] as number, index.keyAt(slot), column.takeRow(slot, after));
  }
  return i;
}

function rowsFor({ name, kind, stampDomain }: StateColumn, operator: string, cutAtGroups: boolean): CellRows {
  const shape = shapeOf(kind, stampDomain);
  if (kind === "list") return new ListRows(name, shape, operator, cutAtGroups);
  if (kind === "map") return new MapRows(name, shape, operator, cutAtGroups);
  return new ValueRows(name, shape, operator, cutAtGroups);
}
