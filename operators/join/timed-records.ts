/**
 * The records of one input of a join, by key and time: each bucket of time is a namespace, so that what is out of date goes
 * with its bucket, without a timer for any record.
 *
 * An entry is the records of one key in one bucket, one behind the other in a flat array:
 *
 *   [ time within the bucket, record, matched, … ]      matched: 0 or 1, only where the input's records are preserved
 *
 * Times are kept within the bucket because these are small integers, which need no memory of their own.
 */

import type { Key } from "../../core/key.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";

export class TimedRecords {
  readonly bucketMs: number;
  /** Places of a record in an entry. */
  readonly stride: 2 | 3;
  readonly #table: StateTable;
  // The bucket that was asked for last: consecutive records mostly ask for the same.
  #bucket = Number.NaN;
  #pane: StatePane | undefined;

  constructor(table: StateTable, bucketMs: number, tracksMatches: boolean) {
    this.#table = table;
    this.bucketMs = bucketMs;
    this.stride = tracksMatches ? 3 : 2;
  }

  bucketOf(time: number): number {
    return Math.floor(time / this.bucketMs);
  }

  /** The records of a key in a bucket; undefined: there are none. */
  entry(bucket: number, key: Key): readonly unknown[] | undefined {
    const pane = this.#paneOf(bucket);
    if (pane === undefined) return undefined;
    const slot = pane.find(key);
    return slot < 0 ? undefined : (pane.values[slot] as unknown[]);
  }

  add(time: number, key: Key, record: unknown, matched: boolean): void {
    const bucket = this.bucketOf(time);
    const pane = this.#paneOf(bucket) ?? this.#open(bucket);
    const size = pane.size;
    const slot = pane.slotOf(key);
    const offset = time - bucket * this.bucketMs;
    const entry = pane.values[slot] as unknown[] | undefined;
    if (slot === size || entry === undefined)
      pane.values[slot] = this.stride === 2 ? [offset, record] : [offset, record, matched ? 1 : 0];
    else if (this.stride === 2) entry.push(offset, record);
    else entry.push(offset, record, matched ? 1 : 0);
  }

  /** One of an entry's records has found a match. REQUIRES: matches are tracked, and the entry is there. */
  match(bucket: number, key: Key, at: number): void {
    const pane = this.#paneOf(bucket) as StatePane;
    const entry = pane.values[pane.slotOf(key)] as unknown[];
    entry[at + 2] = 1;
  }

  /** Forgets the buckets whose records are all at or before the time. */
  dropUpTo(time: number): void {
    for (const bucket of this.#table.namespaces()) {
      if ((bucket + 1) * this.bucketMs - 1 > time) return;
      this.#table.drop(bucket);
      this.#bucket = Number.NaN;
    }
  }

  #paneOf(bucket: number): StatePane | undefined {
    if (bucket !== this.#bucket) {
      this.#bucket = bucket;
      this.#pane = this.#table.find(bucket);
    }
    return this.#pane;
  }

  #open(bucket: number): StatePane {
    this.#bucket = bucket;
    this.#pane = this.#table.pane(bucket);
    return this.#pane;
  }
}
