/**
 * Hashes → slots: the cells of open addressing with linear probing under `string-table.ts` and `text-pair-table.ts`, which
 * compare the keys themselves, as these stay with the caller.
 *
 * A cell is two int32: the hash, and slot + 1 (0: empty). At most half of the cells are in use. Growth and removal as in
 * `cell-table.ts`.
 */

import { touchInts } from "../../operators/touch.ts";
import { giveBack } from "./longer.ts";

const CELLS_MIN = 4;

/** The hashes of the keys that are being looked up together, and where their cells are. */
export const batchHashes = new Int32Array(1024);
const batchPlaces = new Int32Array(1024);

export abstract class HashCells {
  protected cells = new Int32Array(2 * CELLS_MIN);
  protected mask = CELLS_MIN - 1;
  #size = 0;

  /** Makes room for so many keys, so that adding them moves nothing. */
  reserve(keys: number): void {
    if (2 * keys > this.mask + 1) this.#resize(2 ** Math.ceil(Math.log2(2 * keys)));
  }

  /** Reads the cells of the first `count` of `batchHashes` ahead. */
  protected touchCells(count: number): void {
    const { cells, mask } = this;
    for (let i = 0; i < count; i++) batchPlaces[i] = ((batchHashes[i] as number) & mask) << 1;
    touchInts(cells, batchPlaces, count);
  }

  /** REQUIRES: the key is absent. */
  protected insertHash(hash: number, slot: number): void {
    if (2 * (this.#size + 1) > this.mask + 1) this.#resize(2 * (this.mask + 1));
    this.#place(hash, slot + 1);
    this.#size++;
  }

  /** REQUIRES: the key is present in that slot. */
  protected removeHash(hash: number, slot: number): void {
    const { cells, mask } = this;
    let hole = hash & mask;
    while (cells[(hole << 1) + 1] !== slot + 1) hole = (hole + 1) & mask;
    for (let cell = (hole + 1) & mask; cells[(cell << 1) + 1] !== 0; cell = (cell + 1) & mask) {
      const home = (cells[cell << 1] as number) & mask;
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

  #resize(cells: number): void {
    const old = this.cells;
    this.cells = new Int32Array(2 * Math.max(cells, CELLS_MIN));
    this.mask = Math.max(cells, CELLS_MIN) - 1;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.#place(old[at] as number, old[at + 1] as number);
    }
    giveBack(old);
  }

  #place(hash: number, slotPlusOne: number): void {
    let cell = hash & this.mask;
    while (this.cells[(cell << 1) + 1] !== 0) cell = (cell + 1) & this.mask;
    this.cells[cell << 1] = hash;
    this.cells[(cell << 1) + 1] = slotPlusOne;
  }
}

/** FNV-1a over UTF-16 units, finished so that the low bits are good. Never persisted. */
export function hashOfText(text: string): number {
  let h = text.length;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return h ^ (h >>> 13);
}
