/**
 * Captures of handles' states: block by block, in steps of about a millisecond, while the states go on changing.
 *
 *   1. Find the slots that have changed, in stretches, and sort them by key group.
 *   2. Take their rows, a block at a time: as they are, or as they were if they have changed since the barrier.
 */

import type { Capturing } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { ROWS_A_STEP, RowsByGroup } from "./rows-by-group.ts";
import { shapeOf } from "./state-block.ts";
import type { StateColumn } from "./state-column.ts";
import { type CellRows, ListRows, MapRows, ValueRows } from "./state-rows.ts";

/** What a generator of blocks yields: a block, or undefined where others may go on. */
export type Steps = Generator<Uint8Array | undefined, void>;

export function* captureColumn(
  entries: KeyedEntries,
  column: StateColumn,
  capturing: Capturing,
  slots: number,
  cutAtGroups: boolean,
): Steps {
  const changed = new RowsByGroup();
  for (let slot = 0; slot < slots; slot++) {
    if (column.isCaptured(slot, capturing)) changed.add(entries.groups[slot] as number, slot);
    if (slot % ROWS_A_STEP === ROWS_A_STEP - 1) yield undefined;
  }
  const { rows, groups } = yield* changed.sorted();
  const out = rowsFor(column, entries.operator, cutAtGroups);
  for (let i = 0; i < rows.length; i++) {
    const slot = rows[i] as number;
    const group = groups[i] as number;
    if (out.isFullFor(group)) {
      yield undefined; // gathering rows and encoding them are two steps
      yield out.cut();
    }
    for (const block of out.add(group, entries.index.keyAt(slot), column.takeRow(slot, capturing.after))) yield block;
  }
  if (!out.isEmpty) yield out.cut();
}

function rowsFor({ name, kind, stampDomain }: StateColumn, operator: string, cutAtGroups: boolean): CellRows {
  const shape = shapeOf(kind, stampDomain);
  if (kind === "list") return new ListRows(name, shape, operator, cutAtGroups);
  if (kind === "map") return new MapRows(name, shape, operator, cutAtGroups);
  return new ValueRows(name, shape, operator, cutAtGroups);
}
