/**
 * Rows with times, any number in each slot of a pane: what a join keeps of an input by key. How they are held is the
 * backend's; each read may make another object of a row.
 *
 * As a value, in checkpoints, the rows of a slot are one flat array in the order in which they came:
 *
 *   plain      [ time, row, … ]
 *   marked     [ time, row, mark, … ]      mark: 0 or 1
 */

export type RowsKind = "plain" | "marked";

export interface PaneRows {
  /**
   * Adds a row to those of a slot. It must not be changed any more; times are best small. REQUIRES: the slot was asked for to
   * be changed (`slotOf`, `slotsOf`, `changing`).
   */
  add(slot: number, time: number, row: unknown, marked: boolean): void;
  /**
   * Finds the rows of a slot whose time, added to `base`, is within bounds. @returns how many: their places are the first in
   * `found`, in the order in which they came, until the next `find` in the pane, whatever is added or captured. REQUIRES: the
   * slot was asked for to be read.
   */
  find(slot: number, base: number, from: number, to: number): number;
  readonly found: Int32Array;
  timeAt(slot: number, place: number): number;
  rowAt(slot: number, place: number): unknown;
  isMarked(slot: number, place: number): boolean;
  /** REQUIRES: rows are marked, and the slot was asked for to be changed. */
  mark(slot: number, place: number): void;
  /**
   * Reads the first memory that `add` and `find` will look at in some slots, as far as it is there: whoever is about to call
   * them then waits for many at once. @param slots below zero: none.
   */
  touch(slots: Int32Array, count: number): void;
}
