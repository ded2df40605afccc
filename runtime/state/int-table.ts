/**
 * Keys that are 32-bit integers → slots: open addressing with linear probing in one typed array. Used by `key-index.ts`
 * only. Nearly all numeric keys are such, and a cell of 8 bytes instead of `number-table.ts`'s 16 halves the memory that
 * lookups touch.
 *
 * Cell i: the key at 2i, slot + 1 at 2i + 1 (0: the cell is empty). At most half of the cells are in use. Removing shifts
 * the cells behind back, so there are no tombstones. Growth doubles the table and moves everything at once.
 */

import { scatter } from "./scatter.ts";

const CELLS_MIN = 4;

export class IntTable {
  #cells = new Int32Array(2 * CELLS_MIN);
  #mask = CELLS_MIN - 1;
  #size = 0;

  /** The key's slot, or -1. */
  find(key: number): number {
    const cells = this.#cells;
    const mask = this.#mask;
    for (let cell = scatter(key) & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] === key) return found - 1;
    }
  }

  /** REQUIRES: the key is absent. */
  insert(key: number, slot: number): void {
    if (2 * (this.#size + 1) > this.#mask + 1) this.#resize(2 * (this.#mask + 1));
    this.#place(key, slot + 1);
    this.#size++;
  }

  /** REQUIRES: the key is present. */
  remove(key: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = scatter(key) & mask;
    while (cells[hole << 1] !== key || cells[(hole << 1) + 1] === 0) hole = (hole + 1) & mask;
    // Every cell up to the next empty one moves into the hole, unless that would put it before its home.
    for (let cell = (hole + 1) & mask; cells[(cell << 1) + 1] !== 0; cell = (cell + 1) & mask) {
      const home = scatter(cells[cell << 1] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole << 1] = cells[cell << 1] as number;
      cells[(hole << 1) + 1] = cells[(cell << 1) + 1] as number;
      hole = cell;
    }
    cells[(hole << 1) + 1] = 0;
    this.#size--;
    if (this.#mask + 1 > CELLS_MIN && 16 * this.#size < this.#mask + 1) this.#resize((this.#mask + 1) >> 2);
  }

  #resize(count: number): void {
    const old = this.#cells;
    this.#cells = new Int32Array(2 * Math.max(count, CELLS_MIN));
    this.#mask = Math.max(count, CELLS_MIN) - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.#place(old[at] as number, old[at + 1] as number);
    }
  }

  #place(key: number, slotPlusOne: number): void {
    let cell = scatter(key) & this.#mask;
    while (this.#cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & this.#mask;
    this.#cells[cell << 1] = key;
    this.#cells[(cell << 1) + 1] = slotPlusOne;
  }
}
