/**
 * Rows that a capture has picked: what each held at the barrier, in columns. So they are sorted by key group and cut into
 * blocks while their keys go on changing.
 *
 * Picking goes by slots, so what it reads lies side by side, and it is over early: whatever changes behind it has nothing
 * to keep for the capture. Sorting and cutting touch one chunk at a time, which stays in the nearest caches. Reading each
 * row where it lies, in the order of key groups, takes four times as long, most of it waiting for memory.
 */

import type { Key } from "../../core/key.ts";
import { FIRST_BLOCK_ROWS, nextBlockRows } from "./block-rows.ts";
import type { Steps } from "./capture.ts";
import type { Column, OwnColumn } from "./column-codec.ts";
import { PickedKeys } from "./picked-keys.ts";
import { encodeBlock, type StateShape } from "./state-block.ts";

/** Rows that are sorted together: a block of a large capture then holds a sixteenth of the key groups. */
export const PICKED_TOGETHER = 16_384;

/**
 * Rows that wait to be cut take up so much in a slot, and a chunk more: where more have changed, what is behind them is picked
 * later, or by the record that changes it. Of rows with a small number under another these are 130,000, of rows with ten under
 * keys of two parts 40,000.
 */
const PICKED_AHEAD_BYTES = 2 * 1024 * 1024;

/** Keys are taken together: what is done once for all of them costs little, and their array is young. */
const KEYS_TOGETHER = 512;

/** Rows that are sorted together and cut into blocks. */
export interface SortableRows {
  readonly size: number;
  /** Sorts them by key group; those of one stay in the order in which they were picked. */
  sort(): void;
  /** REQUIRES: they are sorted. */
  groupsOf(from: number, to: number): Uint16Array;
  /** What a block of the rows from one to another consists of, taken once. REQUIRES: they are sorted. */
  columnsOf(from: number, to: number): readonly [keys: Column | OwnColumn, ...columns: (Column | OwnColumn)[]];
  /** Its memory may be used by others. */
  release(): void;
}

/** The places of rows, sorted by key group. */
export class PlacesByGroup {
  readonly places: Int32Array;
  readonly groups: Uint16Array;

  /** @param groups by place; there may be more of them. */
  constructor(groups: Uint16Array, size: number) {
    const next = firstPlaces(groups, size);
    this.places = new Int32Array(size);
    this.groups = new Uint16Array(size);
    for (let place = 0; place < size; place++) {
      const group = groups[place] as number;
      const at = next[group] as number;
      next[group] = at + 1;
      this.places[at] = place;
      this.groups[at] = group;
    }
  }
}

/** By key group: how many rows come before its own. */
function firstPlaces(groups: Uint16Array, size: number): Uint32Array {
  let most = 0;
  for (let place = 0; place < size; place++) most = Math.max(most, groups[place] as number);
  const firsts = new Uint32Array(most + 2);
  for (let place = 0; place < size; place++) {
    const behind = (groups[place] as number) + 1;
    firsts[behind] = (firsts[behind] as number) + 1;
  }
  for (let group = 1; group < firsts.length; group++)
    firsts[group] = (firsts[group] as number) + (firsts[group - 1] as number);
  return firsts;
}

export abstract class PickedRows implements SortableRows {
  size = 0;
  readonly capacity: number;
  readonly #groups: Uint16Array;
  readonly #keys: PickedKeys;
  /** Of the newest rows, those whose keys the column has not taken. */
  #newest: Key[] = new Array(KEYS_TOGETHER);
  #taken = 0;
  #sorted = new PlacesByGroup(new Uint16Array(0), 0);
  #isClosed = false;

  /** @param capacity how many rows it takes. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.#groups = new Uint16Array(capacity);
    this.#keys = new PickedKeys(capacity);
  }

  get isFull(): boolean {
    return this.#isClosed || this.size === this.capacity;
  }

  /** It takes no more. */
  close(): void {
    this.#isClosed = true;
  }

  /** @returns the row's place. REQUIRES: it is not full. */
  protected addKey(group: number, key: Key): number {
    const place = this.size++;
    this.#groups[place] = group;
    this.#newest[place - this.#taken] = key;
    if (this.size - this.#taken === KEYS_TOGETHER) this.#takeKeys();
    return place;
  }

  #takeKeys(): void {
    this.#keys.take(this.#newest, this.size - this.#taken, this.#taken);
    this.#taken = this.size;
    this.#newest = new Array(KEYS_TOGETHER);
  }

  /** The columns behind the keys, of the rows at these places. */
  protected abstract columnsAt(places: Int32Array): readonly (Column | OwnColumn)[];

  sort(): void {
    this.#takeKeys();
    this.#sorted = new PlacesByGroup(this.#groups, this.size);
  }

  groupsOf(from: number, to: number): Uint16Array {
    return this.#sorted.groups.subarray(from, to);
  }

  columnsOf(from: number, to: number): readonly [keys: Column | OwnColumn, ...columns: (Column | OwnColumn)[]] {
    const places = this.#sorted.places.subarray(from, to);
    return [this.#keys.gathered(places), ...this.columnsAt(places)];
  }

  /** What they take up in memory. */
  get bytes(): number {
    return this.#groups.byteLength + this.#keys.bytes;
  }

  release(): void {
    this.#keys.release();
  }
}

/** Rows of one capture, in chunks that are sorted each by itself. */
export class PickedChunks<Rows extends PickedRows> {
  readonly #make: () => Rows;
  #open: Rows;
  #full: Rows[] = [];
  #fullBytes = 0;

  constructor(make: () => Rows) {
    this.#make = make;
    this.#open = make();
  }

  /** What takes the next row. */
  get open(): Rows {
    if (!this.#open.isFull) return this.#open;
    this.#full.push(this.#open);
    this.#fullBytes += this.#open.bytes;
    this.#open = this.#make();
    return this.#open;
  }

  /** Whether so many wait that they are cut before more are looked for. */
  get areMany(): boolean {
    return this.#fullBytes >= PICKED_AHEAD_BYTES;
  }

  /** Full chunks, or all of them; they are let go of one by one. */
  *taken(all: boolean): Generator<Rows> {
    for (let next = this.#full.shift(); next !== undefined; next = this.#full.shift()) {
      this.#fullBytes -= next.bytes;
      yield next;
    }
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
  *blocks(picked: SortableRows): Steps {
    picked.sort();
    for (let from = 0; from < picked.size; ) {
      const to = this.#endOf(picked, from);
      yield this.#encode(picked, from, to);
      from = to;
    }
    picked.release();
  }

  #endOf(picked: SortableRows, from: number): number {
    const end = Math.min(picked.size, from + this.#rowsMax);
    if (!this.#cutAtGroups) return end;
    const groups = picked.groupsOf(from, end);
    const other = groups.findIndex((group) => group !== groups[0]);
    return other < 0 ? end : from + other;
  }

  #encode(picked: SortableRows, from: number, to: number): Uint8Array<ArrayBuffer> {
    const groups = picked.groupsOf(from, to);
    const [keys, ...columns] = picked.columnsOf(from, to);
    const of = { name: this.#name, shape: this.#shape, rows: to - from };
    const block = encodeBlock({ ...of, groups, keys: keys as ArrayLike<Key> | OwnColumn, columns }, this.#operator);
    this.#rowsMax = nextBlockRows(to - from, block);
    return block;
  }
}
