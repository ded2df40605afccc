/**
 * Sorted runs as one: a heap of cursors, each at the next record of its run.
 *
 * The law: records of a key come one behind the other, in order of their times, those of one time in the order of runs. The
 * runs of all edges of an operator are merged together, so a key's records of both inputs come together too.
 */

import type { Key } from "../../../core/key.ts";
import { compareKeys, type KeyOrder } from "./key-order.ts";
import { RunReader, type RunRecords } from "./run-file.ts";

/** A run, and which of the operator's edges it is of. */
export interface Run {
  readonly path: string;
  readonly edge: number;
  readonly order: KeyOrder;
}

/** Where a run is read: its next record is in the fields. */
export class Cursor {
  readonly edge: number;
  readonly place: number;
  readonly #order: KeyOrder;
  readonly #reader: RunReader;
  #records: RunRecords = { values: [], timestamps: [] };
  #next = 0;
  value: unknown;
  timestamp = 0;
  key: Key = 0;
  hash = 0;

  constructor(run: Run, place: number) {
    this.edge = run.edge;
    this.place = place;
    this.#order = run.order;
    this.#reader = new RunReader(run.path, run.order.operator);
  }

  /** Goes to the next record; false behind the last one. */
  advance(): boolean {
    if (this.#next === this.#records.values.length) {
      const records = this.#reader.next();
      if (records === undefined) return false;
      this.#records = records;
      this.#next = 0;
    }
    const at = this.#next++;
    this.value = this.#records.values[at];
    this.timestamp = this.#records.timestamps[at] as number;
    this.key = this.#order.keyOf(this.value);
    this.hash = this.#order.hashOf(this.key);
    return true;
  }

  close(): void {
    this.#reader.close();
  }
}

export class MergedRuns {
  readonly #operator: string;
  readonly #all: readonly Cursor[];
  /** A binary heap: each comes before its children. */
  readonly #heap: Cursor[] = [];

  constructor(runs: readonly Run[], operator: string) {
    this.#operator = operator;
    this.#all = runs.map((run, place) => new Cursor(run, place));
    for (const cursor of this.#all) if (cursor.advance()) this.#heap.push(cursor);
    for (let at = this.#heap.length >> 1; at >= 0; at--) this.#sink(at);
  }

  /** The cursor at the next record of all; undefined behind the last one. */
  get first(): Cursor | undefined {
    return this.#heap[0];
  }

  /** Goes on behind the first record. */
  advance(): void {
    const first = this.#heap[0] as Cursor;
    if (!first.advance()) {
      const last = this.#heap.pop() as Cursor;
      if (last === first) return;
      this.#heap[0] = last;
    }
    this.#sink(0);
  }

  close(): void {
    for (const cursor of this.#all) cursor.close();
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const sinking = heap[from];
    if (sinking === undefined) return;
    let at = from;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] as Cursor, heap[child] as Cursor)) child++;
      if (!this.#isBefore(heap[child] as Cursor, sinking)) break;
      heap[at] = heap[child] as Cursor;
      at = child;
    }
    heap[at] = sinking;
  }

  #isBefore(a: Cursor, b: Cursor): boolean {
    if (a.hash !== b.hash) return a.hash < b.hash;
    const keys = compareKeys(a.key, b.key, this.#operator);
    if (keys !== 0) return keys < 0;
    return a.timestamp === b.timestamp ? a.place < b.place : a.timestamp < b.timestamp;
  }
}
