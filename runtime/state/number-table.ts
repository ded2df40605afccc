/**
 * Numeric keys that are no 32-bit integers → slots. A cell is 16 bytes, so a lookup costs one cache line. Used by
 * `key-index.ts` only; integers are in `int-table.ts`.
 */

import { CellTable } from "./cell-table.ts";
import { scatter } from "./scatter.ts";

const float = new Float64Array(1);
const words = new Int32Array(float.buffer);

export class NumberTable extends CellTable<Float64Array> {
  /** NaN is never found. */
  find(key: number): number {
    const { cells, mask } = this;
    for (let cell = hashOf(key) & mask; ; cell = (cell + 1) & mask) {
      const found = cells[(cell << 1) + 1] as number;
      if (found === 0) return -1;
      if (cells[cell << 1] === key) return (found | 0) - 1;
    }
  }

  /** The slots of many keys, -1 for those that are absent. */
  findAll(keys: Float64Array, count: number, slots: Int32Array): void {
    const { cells, mask } = this;
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      let cell = hashOf(key) & mask;
      while (cells[cell << 1] !== key && cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & mask;
      slots[i] = ((cells[(cell << 1) + 1] as number) | 0) - 1;
    }
  }

  protected newCells(length: number): Float64Array {
    return new Float64Array(length);
  }

  protected hash(key: number): number {
    return hashOf(key);
  }
}

function hashOf(key: number): number {
  float[0] = key;
  return scatter(scatter(words[0] as number) ^ (words[1] as number));
}
