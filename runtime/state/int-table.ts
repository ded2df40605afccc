/**
 * Keys that are 32-bit integers → slots. Nearly all numeric keys are such, and a cell of 8 bytes instead of
 * `number-table.ts`'s 16 halves the memory that lookups touch. Used by `key-index.ts` only.
 */

import { CellTable } from "./cell-table.ts";
import { scatter } from "./scatter.ts";

/** Half a mebibyte of cells: what a core's own cache holds beside other things. */
const CACHED_MAX = 2 ** 17;

/** Where the first cells of the keys are that are being looked up: as many as `findAll` may be asked for, and a sum. */
const homes = new Int32Array(1025);

function touchCells(cells: Int32Array, count: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) sum ^= cells[homes[i] as number] as number;
  homes[count] = sum; // V8 leaves out what nobody uses
}

export class IntTable extends CellTable<Int32Array> {
  find(key: number): number {
    const { cells, mask } = this;
    for (let cell = scatter(key) & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] === key) return found - 1;
    }
  }

  /** The slots of many keys, -1 for those that are absent. */
  findAll(keys: Int32Array, count: number, slots: Int32Array): void {
    const { cells, mask } = this;
    if (cells.length > CACHED_MAX) {
      this.#findAllFar(keys, count, slots);
      return;
    }
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      let cell = scatter(key) & mask;
      while (cells[cell << 1] !== key && cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & mask;
      slots[i] = (cells[(cell << 1) + 1] as number) - 1;
    }
  }

  /**
   * The same with all cells read ahead: which keys collide is guessed wrong often, and what is behind begins anew. The loop
   * that reads does nothing else: the shorter it is, the more of its reads the processor has under way at a time.
   */
  #findAllFar(keys: Int32Array, count: number, slots: Int32Array): void {
    const { cells, mask } = this;
    for (let i = 0; i < count; i++) homes[i] = (scatter(keys[i] as number) & mask) << 1;
    touchCells(cells, count);
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      let cell = (homes[i] as number) >> 1;
      while (cells[cell << 1] !== key && cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & mask;
      slots[i] = (cells[(cell << 1) + 1] as number) - 1;
    }
  }

  protected newCells(length: number): Int32Array {
    return new Int32Array(length);
  }

  protected hash(key: number): number {
    return scatter(key);
  }
}
