/**
 * The records of one input of a join, by key and time: each bucket of time is a namespace, so that what is out of date goes
 * with its bucket, without a timer for any record.
 *
 * An entry is the records of one key in one bucket, as rows with their times within the bucket; marked are those that have
 * found a match, where the input's records are preserved. A key that has been looked up to get a record may have none yet.
 */

import type { StatePane, StateTable } from "../../core/state-backend.ts";

export class TimedRecords {
  readonly bucketMs: number;
  /** Whether rows are marked that have found a match. */
  readonly areMarked: boolean;
  readonly #table: StateTable;

  /** REQUIRES: a table of rows. */
  constructor(table: StateTable, bucketMs: number, areMarked: boolean) {
    this.#table = table;
    this.areMarked = areMarked;
    this.bucketMs = bucketMs;
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

  /** Forgets the buckets whose records are all at or before the time. */
  dropUpTo(time: number): void {
    for (const bucket of this.#table.namespaces()) {
      if ((bucket + 1) * this.bucketMs - 1 > time) return;
      this.#table.drop(bucket);
    }
  }
}
