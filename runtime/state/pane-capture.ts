/**
 * A capture of the entries of one pane with values, which operators change in place: rows are taken where they lie, block by
 * block, and of what changes before its turn a copy is kept.
 */

import type { Capturing } from "./epochs.ts";
import type { MemoryPane, PaneRow } from "./memory-pane.ts";
import { plainBytes, plainValue } from "./plain-bytes.ts";

const DONE = 1;

/** What a running capture does when an entry changes that it may have yet to take. */
export interface PaneKeeper {
  /** The entry in a slot is about to change, and its mark with it. */
  keep(slot: number): void;
}

export class PaneCapture implements PaneKeeper {
  readonly pane: MemoryPane;
  readonly #capturing: Capturing;
  /** How many entries there are at the barrier. */
  readonly size: number;
  /** By slot: 0, DONE once the row is taken, or the place in `kept` of the row that will be, behind DONE. Made when it is needed. */
  #places: Int32Array | undefined;
  /** Rows of slots that have changed since the barrier, as they were. */
  readonly #kept: PaneRow[] = [];

  constructor(pane: MemoryPane, capturing: Capturing) {
    this.pane = pane;
    this.#capturing = capturing;
    this.size = pane.size;
  }

  keep(slot: number): void {
    if (slot >= this.size) return;
    this.#places ??= new Int32Array(this.size);
    if (this.#places[slot] !== 0) return;
    this.#places[slot] = DONE;
    if ((this.pane.marks[slot] as number) <= this.#capturing.after) return;
    const { numbers, value } = this.pane.rowOf(slot);
    this.#places[slot] =
      DONE + this.#kept.push({ numbers, value: this.pane.held?.givesCopies ? value : copyOf(value) });
  }

  isCaptured(slot: number): boolean {
    const mark = this.pane.marks[slot] as number;
    return mark > this.#capturing.upTo ? (this.#places?.[slot] ?? 0) > DONE : mark > this.#capturing.after;
  }

  /** The row of a slot, once. REQUIRES: `isCaptured`. */
  takeRow(slot: number): PaneRow {
    this.#places ??= new Int32Array(this.size);
    const place = this.#places[slot] as number;
    this.#places[slot] = DONE;
    return place > DONE ? (this.#kept[place - DONE - 1] as PaneRow) : this.pane.rowOf(slot);
  }
}

/** Values are changed in place, so a reference would not do. What cannot be copied cannot be saved: that refuses it by name. */
function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  try {
    return plainValue(plainBytes(value));
  } catch {
    return value;
  }
}
