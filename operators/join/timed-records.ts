/**
 * The records of one input of a join, by key and time: each bucket of time is a namespace, so that what is out of date goes
 * with its bucket, without a timer for any record.
 *
 * An entry is the records of one key in one bucket, one behind the other in a flat array:
 *
 *   [ time within the bucket, record, matched, … ]      matched: 0 or 1, only where the input's records are preserved
 *
 * Times are kept within the bucket because these are small integers, which need no memory of their own. A key that has been
 * looked up to get a record may have no entry yet.
 */

import type { Key } from "../../core/key.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import { wasRead } from "../touch.ts";

export class TimedRecords {
  readonly bucketMs: number;
  /** Places of a record in an entry. */
  readonly stride: 2 | 3;
  readonly #table: StateTable;

  constructor(table: StateTable, bucketMs: number, tracksMatches: boolean) {
    this.#table = table;
    this.bucketMs = bucketMs;
    this.stride = tracksMatches ? 3 : 2;
  }

  bucketOf(time: number): number {
    return Math.floor(time / this.bucketMs);
  }

  /** The entries of a bucket, made when there are none. */
  open(bucket: number): StatePane {
    return this.#table.pane(bucket);
  }

  find(bucket: number): StatePane | undefined {
    return this.#table.find(bucket);
  }

  /** The records of a key in a bucket. */
  entry(bucket: number, key: Key): readonly unknown[] {
    const pane = this.find(bucket);
    const slot = pane === undefined ? -1 : pane.find(key);
    return slot < 0 ? [] : (((pane as StatePane).values[slot] as readonly unknown[] | undefined) ?? []);
  }

  /** Adds to the entry in a slot of a bucket. */
  addAt(pane: StatePane, slot: number, offset: number, record: unknown, matched: boolean): void {
    pane.changing(slot);
    const entry = pane.values[slot] as unknown[] | undefined;
    if (this.stride === 3) {
      if (entry === undefined) pane.values[slot] = [offset, record, matched ? 1 : 0];
      else entry.push(offset, record, matched ? 1 : 0);
    } else if (entry === undefined) pane.values[slot] = [offset, record];
    // Arrays grow by more than half and 16: of many keys most have few records.
    else if (entry.length === 2) pane.values[slot] = [entry[0], entry[1], offset, record];
    else entry.push(offset, record);
  }

  /**
   * Reads the entries in some slots, with their first and last records, as far as they are in memory: whoever is about to
   * look into them then waits for many at once. @param slots below zero: none.
   */
  touch(pane: StatePane, slots: Int32Array, count: number): void {
    const { values } = pane;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      const entry = slot < 0 ? undefined : values[slot];
      if (!Array.isArray(entry) || entry.length === 0) continue;
      // What kind a record is of, stands in its own first bytes.
      if (typeof entry[1] === "object") sum++;
      if (entry.length > this.stride && typeof entry[entry.length - this.stride + 1] === "object") sum++;
    }
    wasRead(sum);
  }

  /** One of an entry's records has found a match. REQUIRES: matches are tracked. */
  matchAt(pane: StatePane, slot: number, at: number): void {
    pane.changing(slot);
    (pane.values[slot] as unknown[])[at + 2] = 1;
  }

  /** Forgets the buckets whose records are all at or before the time. */
  dropUpTo(time: number): void {
    for (const bucket of this.#table.namespaces()) {
      if ((bucket + 1) * this.bucketMs - 1 > time) return;
      this.#table.drop(bucket);
    }
  }
}
