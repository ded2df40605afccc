/**
 * The producer's end of an edge that blocks: what is written goes into sorted runs on disk, for one consumer.
 *
 *   records ──► gathered, up to a run's rows ──► sorted by hash, key, time ──► a file
 *
 * How many rows a run has follows from the size of those before, so that memory is bounded whatever the records are. Every
 * record has its place by number: of one key and time, records keep the order in which they were written. It has always
 * room; watermarks and idleness say nothing to a consumer that has all records.
 */

import { assert } from "../../../core/assert.ts";
import type { Key } from "../../../core/key.ts";
import { BATCH_FIRST_RUN_ROWS, BATCH_RUN_ROWS_MAX } from "../../../core/limits.ts";
import type { OutputChannel } from "../channel.ts";
import { compareKeys, type KeyOrder } from "./key-order.ts";
import { RunWriter } from "./run-file.ts";

export interface SortedOutputOptions {
  readonly order: KeyOrder;
  readonly fields: readonly string[] | undefined;
  /** The path of a run. */
  readonly pathOf: (run: number) => string;
  /** What a run may take as frames. */
  readonly runBytes: number;
  readonly failure: (cause: unknown, value: unknown) => Error;
}

export class SortedOutput implements OutputChannel {
  readonly #options: SortedOutputOptions;
  readonly #writer: RunWriter;
  #values: unknown[] = [];
  #keys: Key[] = [];
  #timestamps: number[] = [];
  #hashes: number[] = [];
  #rowsMax = BATCH_FIRST_RUN_ROWS;
  #runs = 0;
  readonly blocked = false;
  records = 0;

  constructor(options: SortedOutputOptions) {
    this.#options = options;
    this.#writer = new RunWriter(options.order.operator, options.fields);
  }

  get bytes(): number {
    return this.#writer.bytes;
  }

  write(value: unknown, timestamp: number): void {
    const { order, failure } = this.#options;
    try {
      const key = order.keyOf(value);
      this.#hashes.push(order.hashOf(key));
      this.#keys.push(key);
    } catch (error) {
      throw failure(error, value);
    }
    this.#values.push(value);
    this.#timestamps.push(timestamp);
    this.records++;
    if (this.#values.length === this.#rowsMax) this.#writeRun();
  }

  watermark(): void {}

  idle(): void {}

  barrier(checkpoint: number): void {
    assert(false, `checkpoint ${checkpoint} of a batch, which takes none`);
  }

  flush(): void {}

  drain(): boolean {
    return true;
  }

  end(): void {
    if (this.#values.length > 0) this.#writeRun();
  }

  /** Ends it before it is complete. */
  close(): void {
    this.#writer.close();
  }

  #writeRun(): void {
    const before = this.#writer.bytes;
    const rows = this.#values.length;
    this.#writer.begin(this.#options.pathOf(this.#runs++));
    for (const row of this.#sorted()) this.#writer.write(this.#values[row], this.#timestamps[row] as number);
    this.#writer.end();
    const bytesOfRow = Math.max(1, (this.#writer.bytes - before) / rows);
    this.#rowsMax = Math.max(1, Math.min(BATCH_RUN_ROWS_MAX, Math.floor(this.#options.runBytes / bytesOfRow)));
    this.#values = [];
    this.#keys = [];
    this.#timestamps = [];
    this.#hashes = [];
  }

  /** The rows in their order. Hash and row are one exact number, which sorts without a comparator. */
  #sorted(): Int32Array {
    const hashes = this.#hashes;
    const both = Float64Array.from(hashes, (hash, row) => hash * BATCH_RUN_ROWS_MAX + row).sort();
    const rows = Int32Array.from(both, (each) => each % BATCH_RUN_ROWS_MAX);
    for (let from = 0, to = 1; from < rows.length; from = to++) {
      while (to < rows.length && hashes[rows[to] as number] === hashes[rows[from] as number]) to++;
      if (to - from > 1 && !this.#inOrder(rows, from, to)) rows.subarray(from, to).sort((a, b) => this.#compare(a, b));
    }
    return rows;
  }

  #inOrder(rows: Int32Array, from: number, to: number): boolean {
    for (let i = from + 1; i < to; i++) if (this.#compare(rows[i - 1] as number, rows[i] as number) > 0) return false;
    return true;
  }

  #compare(a: number, b: number): number {
    const { operator } = this.#options.order;
    const keys = compareKeys(this.#keys[a] as Key, this.#keys[b] as Key, operator);
    return keys || (this.#timestamps[a] as number) - (this.#timestamps[b] as number) || a - b;
  }
}
