/**
 * Collects rows that come sorted by key group, and cuts them into blocks: by count, by size as the blocks before tell it,
 * and, for snapshots by key group, where the key group changes.
 */

import type { Key } from "../../core/key.ts";
import type { Column } from "./column-codec.ts";
import { BLOCK_BYTES_TARGET, BLOCK_ROWS, encodeBlock, type StateShape } from "./state-block.ts";

/** Rows of the first block, before the size of rows is known. */
export const FIRST_BLOCK_ROWS = 64;

/** How many rows, or elements, the next block may have: as many as fit if they are like those of this one. */
export function nextBlockRows(weight: number, block: Uint8Array): number {
  return Math.max(1, Math.min(BLOCK_ROWS, Math.floor((BLOCK_BYTES_TARGET * weight) / block.length)));
}

export abstract class BlockRows {
  readonly name: string;
  readonly shape: StateShape;
  readonly #operator: string;
  readonly #cutAtGroups: boolean;
  #groups: number[] = [];
  #keys: Key[] = [];
  #rowsMax = FIRST_BLOCK_ROWS;

  constructor(name: string, shape: StateShape, operator: string, cutAtGroups: boolean) {
    this.name = name;
    this.shape = shape;
    this.#operator = operator;
    this.#cutAtGroups = cutAtGroups;
  }

  /** How much the rows of the next block hold, in rows or elements. */
  protected abstract readonly weight: number;

  /** The columns behind the keys; forgets them. */
  protected abstract takeColumns(): readonly Column[];

  protected addKey(group: number, key: Key): void {
    this.#groups.push(group);
    this.#keys.push(key);
  }

  /** Whether a block has to be cut before a row of this key group. */
  isFullFor(group: number): boolean {
    const rows = this.#groups.length;
    if (rows === 0) return false;
    return this.weight >= this.#rowsMax || (this.#cutAtGroups && this.#groups[rows - 1] !== group);
  }

  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  /** The block of all rows so far. REQUIRES: there are some. @throws BAD_RECORD */
  cut(): Uint8Array<ArrayBuffer> {
    const { name, shape, weight } = this;
    const rows = this.#groups.length;
    const columns = this.takeColumns();
    const block = encodeBlock({ name, shape, groups: this.#groups, keys: this.#keys, rows, columns }, this.#operator);
    this.#rowsMax = nextBlockRows(weight, block);
    this.#groups = [];
    this.#keys = [];
    return block;
  }
}
