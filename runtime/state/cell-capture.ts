/**
 * A capture of cells that are taken where they lie: lists and maps, which change in place, and values that may be on disk.
 * Its rows are sorted by key group first and then taken block by block; what changes before its turn is kept as it was.
 */

import type { Capturing } from "./epochs.ts";
import type { CellRow, ColumnCapture, StateColumn } from "./state-column.ts";

const DONE = 1;

export class CellCapture implements ColumnCapture {
  readonly #column: StateColumn;
  readonly #capturing: Capturing;
  /** By slot: 0, DONE once the row is taken, or the place in `kept` of the row that will be, behind DONE. */
  readonly #places: Int32Array;
  /** Rows of slots that have changed since the barrier, as they were. */
  readonly #kept: CellRow[] = [];

  constructor(column: StateColumn, capturing: Capturing) {
    this.#column = column;
    this.#capturing = capturing;
    this.#places = new Int32Array(column.cells.length);
  }

  keep(slot: number): void {
    if (slot >= this.#places.length || this.#places[slot] !== 0) return;
    const { after } = this.#capturing;
    const isTaken = (this.#column.marks[slot] as number) > after;
    this.#places[slot] = isTaken ? DONE + this.#kept.push(this.#column.rowOf(slot, after)) : DONE;
  }

  /** Whether there is a row for a slot. Tombstones are for deltas only. */
  isCaptured(slot: number): boolean {
    const { after, upTo } = this.#capturing;
    const mark = this.#column.marks[slot] as number;
    if (mark > upTo) return (this.#places[slot] ?? 0) > DONE;
    return mark > after && (after >= 0 || this.#column.cells.at(slot) !== undefined);
  }

  /** The row of a slot, once. REQUIRES: `isCaptured`. */
  takeRow(slot: number): CellRow {
    const place = this.#places[slot] as number;
    this.#places[slot] = DONE;
    return place > DONE ? (this.#kept[place - DONE - 1] as CellRow) : this.#column.rowOf(slot, this.#capturing.after);
  }
}
