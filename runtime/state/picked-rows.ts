/**
 * Rows that a capture has picked: what each held at the barrier, copied, or referred to where it never changes. So they are
 * sorted by key group and cut into blocks while their keys go on changing.
 *
 * Picking goes by slots, so what it reads lies side by side, and it is over early: whatever changes behind it has nothing
 * to keep for the capture. Sorting and cutting touch one chunk at a time, which stays in the nearest caches. Reading each
 * row where it lies, in the order of key groups, takes four times as long, most of it waiting for memory.
 */

import type { Key } from "../../core/key.ts";
import { FIRST_BLOCK_ROWS, nextBlockRows } from "./block-rows.ts";
import type { Steps } from "./capture.ts";
import type { Column } from "./column-codec.ts";
import { giveBack, takeArray } from "./spare-arrays.ts";
import { encodeBlock, type StateShape } from "./state-block.ts";

/** Rows that are sorted together: a block of a large capture then holds a sixteenth of the key groups. */
export const PICKED_TOGETHER = 16_384;

/** Rows that wait to be cut: where more have changed, what is behind them is picked later. About 10 MB. */
export const PICKED_AHEAD = 16 * PICKED_TOGETHER;

export abstract class PickedRows {
  size = 0;
  readonly #capacity: number;
  #groups: Uint16Array;
  #keys: unknown[];
  #groupMax = 0;

  /** @param capacity how many rows it takes. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#groups = new Uint16Array(capacity);
    this.#keys = takeArray(capacity);
  }

  get isFull(): boolean {
    return this.size === this.#capacity;
  }

  /** @returns the row's place. REQUIRES: it is not full. */
  protected addKey(group: number, key: Key): number {
    const place = this.size++;
    this.#groups[place] = group;
    if (group > this.#groupMax) this.#groupMax = group;
    this.#keys[place] = key;
    return place;
  }

  /** The columns behind the keys are moved to other places, by place. */
  protected abstract moveColumns(to: Int32Array): void;

  /** The columns behind the keys, of the rows from one place to another. Arrays among them are the caller's to give back. */
  abstract columnsOf(from: number, to: number): readonly Column[];

  /** Sorts rows by key group; those of one stay in the order in which they were picked. All is read as it lies. */
  sort(): void {
    const to = this.#sortedPlaces();
    const groups = new Uint16Array(this.size);
    for (let place = 0; place < this.size; place++) groups[to[place] as number] = this.#groups[place] as number;
    this.#groups = groups;
    this.#keys = moved(this.#keys, to);
    this.moveColumns(to);
  }

  /** By place: where the row goes. */
  #sortedPlaces(): Int32Array {
    const groups = this.#groups;
    const next = new Uint32Array(this.#groupMax + 2);
    for (let place = 0; place < this.size; place++) {
      const behind = (groups[place] as number) + 1;
      next[behind] = (next[behind] as number) + 1;
    }
    for (let group = 1; group < next.length; group++)
      next[group] = (next[group] as number) + (next[group - 1] as number);
    const to = new Int32Array(this.size);
    for (let place = 0; place < this.size; place++) {
      const group = groups[place] as number;
      const at = next[group] as number;
      next[group] = at + 1;
      to[place] = at;
    }
    return to;
  }

  groupsOf(from: number, to: number): Uint16Array {
    return this.#groups.subarray(from, to);
  }

  /** In an array that is the caller's to give back. */
  keysOf(from: number, to: number): Key[] {
    return part(this.#keys, from, to) as Key[];
  }

  /** Its arrays may be used by others. */
  release(): void {
    giveBack(this.#keys);
  }
}

/** The same at other places, in another array instead of it. */
export function moved(from: unknown[], to: Int32Array): unknown[] {
  const array = takeArray(to.length);
  for (let place = 0; place < to.length; place++) array[to[place] as number] = from[place];
  giveBack(from);
  return array;
}

export function movedNumbers(from: Float64Array, to: Int32Array): Float64Array<ArrayBuffer> {
  const array = new Float64Array(to.length);
  for (let place = 0; place < to.length; place++) array[to[place] as number] = from[place] as number;
  return array;
}

/** A part as an array to be given back. */
export function part(array: readonly unknown[], from: number, to: number): unknown[] {
  const copy = takeArray(to - from);
  for (let i = from; i < to; i++) copy[i - from] = array[i];
  return copy;
}

/** Rows of one capture, in chunks that are sorted each by itself. */
export class PickedChunks<Rows extends PickedRows> {
  readonly #make: () => Rows;
  #open: Rows;
  #full: Rows[] = [];

  constructor(make: () => Rows) {
    this.#make = make;
    this.#open = make();
  }

  /** What takes the next row. */
  get open(): Rows {
    if (!this.#open.isFull) return this.#open;
    this.#full.push(this.#open);
    this.#open = this.#make();
    return this.#open;
  }

  /** Whether so many wait that they are cut before more are picked. */
  get areMany(): boolean {
    return this.#full.length * PICKED_TOGETHER >= PICKED_AHEAD;
  }

  /** Full chunks, or all of them; they are let go of one by one. */
  *taken(all: boolean): Generator<Rows> {
    for (let next = this.#full.shift(); next !== undefined; next = this.#full.shift()) yield next;
    if (!all || this.#open.size === 0) return;
    const last = this.#open;
    this.#open = this.#make();
    yield last;
  }
}

/** Cuts chunks into blocks: by count, by size as the block before tells it, and where that is asked for by key group. */
export class BlockCutter {
  readonly #name: string;
  readonly #shape: StateShape;
  readonly #operator: string;
  readonly #cutAtGroups: boolean;
  #rowsMax = FIRST_BLOCK_ROWS;

  constructor(name: string, shape: StateShape, operator: string, cutAtGroups: boolean) {
    this.#name = name;
    this.#shape = shape;
    this.#operator = operator;
    this.#cutAtGroups = cutAtGroups;
  }

  /** @throws BAD_RECORD */
  *blocks(picked: PickedRows): Steps {
    picked.sort();
    yield undefined;
    for (let from = 0; from < picked.size; ) {
      const to = this.#endOf(picked, from);
      yield this.#encode(picked, from, to);
      from = to;
    }
    picked.release();
  }

  #endOf(picked: PickedRows, from: number): number {
    const end = Math.min(picked.size, from + this.#rowsMax);
    if (!this.#cutAtGroups) return end;
    const groups = picked.groupsOf(from, end);
    const other = groups.findIndex((group) => group !== groups[0]);
    return other < 0 ? end : from + other;
  }

  #encode(picked: PickedRows, from: number, to: number): Uint8Array {
    const groups = picked.groupsOf(from, to);
    const keys = picked.keysOf(from, to);
    const columns = picked.columnsOf(from, to);
    const of = { name: this.#name, shape: this.#shape, rows: to - from };
    const block = encodeBlock({ ...of, groups, keys, columns }, this.#operator);
    for (const column of [keys, ...columns]) if (Array.isArray(column)) giveBack(column);
    this.#rowsMax = nextBlockRows(to - from, block);
    return block;
  }
}
