/**
 * Numbers → slots: open addressing with linear probing in one typed array. What `int-table.ts` and `number-table.ts` have
 * in common, which is all but how a key is hashed and, for the sake of a hot loop of its own each, how it is found.
 *
 * Cell i: the key at 2i, slot + 1 at 2i + 1 (0: the cell is empty). At most half of the cells are in use. Removing shifts
 * the cells behind back, so there are no tombstones. Growth doubles the table and moves everything at once; the pause is
 * not bounded: about 40 ms on the way to a million keys (`bench/state.ts`). Moving in steps would bound it.
 */

import { giveBack } from "./longer.ts";

/** So small that V8 keeps the typed array on its own heap, where it is cheap to make. */
const CELLS_MIN = 4;

export abstract class CellTable<Cells extends Int32Array | Float64Array> {
  protected cells: Cells;
  protected mask = CELLS_MIN - 1;
  #size = 0;

  constructor() {
    this.cells = this.newCells(2 * CELLS_MIN);
  }

  protected abstract newCells(length: number): Cells;
  protected abstract hash(key: number): number;

  /** The key's slot, or -1. */
  abstract find(key: number): number;

  /** Makes room for so many keys, so that adding them moves nothing. */
  reserve(keys: number): void {
    if (2 * keys > this.mask + 1) this.#resize(2 ** Math.ceil(Math.log2(2 * keys)));
  }

  /** REQUIRES: the key is absent and not NaN. */
  insert(key: number, slot: number): void {
    if (2 * (this.#size + 1) > this.mask + 1) this.#resize(2 * (this.mask + 1));
    this.#place(key, slot + 1);
    this.#size++;
  }

  /** REQUIRES: the key is present. */
  remove(key: number): void {
    const { cells, mask } = this;
    let hole = this.hash(key) & mask;
    while (cells[hole << 1] !== key || cells[(hole << 1) + 1] === 0) hole = (hole + 1) & mask;
    // Every cell up to the next empty one moves into the hole, unless that would put it before its home.
    for (let cell = (hole + 1) & mask; cells[(cell << 1) + 1] !== 0; cell = (cell + 1) & mask) {
      const home = this.hash(cells[cell << 1] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole << 1] = cells[cell << 1] as number;
      cells[(hole << 1) + 1] = cells[(cell << 1) + 1] as number;
      hole = cell;
    }
    cells[(hole << 1) + 1] = 0;
    this.#size--;
    if (mask + 1 > CELLS_MIN && 16 * this.#size < mask + 1) this.#resize((mask + 1) >> 2);
  }

  /** Nobody uses it any more. */
  giveBack(): void {
    giveBack(this.cells);
  }

  #resize(count: number): void {
    const old = this.cells;
    this.cells = this.newCells(2 * Math.max(count, CELLS_MIN));
    this.mask = Math.max(count, CELLS_MIN) - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.#place(old[at] as number, old[at + 1] as number);
    }
    giveBack(old);
  }

  #place(key: number, slotPlusOne: number): void {
    const { cells, mask } = this;
    let cell = this.hash(key) & mask;
    while (cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & mask;
    cells[cell << 1] = key;
    cells[(cell << 1) + 1] = slotPlusOne;
  }
}
