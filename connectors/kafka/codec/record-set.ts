/**
 * Reads what one fetch brought of one partition: batches one behind the other, of which the last may be cut off. It gives
 * out the records of one batch at a time, so that a reader can stop between two, and knows where the next fetch begins:
 * also behind batches whose records are aborted, are markers, or were all compacted away.
 */

import { BATCH_BYTES_MAX } from "../limits.ts";
import { type AbortedTransaction, AbortedTransactions } from "./aborted-transactions.ts";
import { type BatchHeader, HEADER_BYTES, readBatchHeader } from "./batch-header.ts";
import { decompress } from "./compression.ts";
import { damaged, demand } from "./format-error.ts";
import type { RecordColumns } from "./record-columns.ts";

export interface RecordSetOptions {
  /** The offset that was asked for: a batch may begin before it. */
  readonly from: number;
  /** For readers of committed records only. */
  readonly aborted?: readonly AbortedTransaction[];
  /** The decompressed size of a batch. */
  readonly batchBytesMax?: number;
}

export type Marker = "abort" | "commit" | undefined;

const KEY_OF_MARKER = 4; // version and type, two bytes each

export class RecordSet {
  /** Where reading goes on, when all records that were given out are done. */
  nextOffset: number;
  /** Records of aborted transactions that were left out. */
  abortedRecords = 0;
  readonly #options: RecordSetOptions;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;
  readonly #bytesMax: number;
  readonly #aborted: AbortedTransactions | undefined;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number, options: RecordSetOptions) {
    this.#options = options;
    this.#bytes = bytes;
    this.#start = start;
    this.#at = start;
    this.#end = end;
    this.#bytesMax = options.batchBytesMax ?? BATCH_BYTES_MAX;
    this.#aborted = options.aborted === undefined ? undefined : new AbortedTransactions(options.aborted);
    this.nextOffset = options.from;
    if (end > start && readBatchHeader(bytes, start, end) === undefined) {
      throw damaged(`${end - start} bytes that hold no whole record batch`);
    }
  }

  /** The same records again, from an offset on. */
  again(from: number): RecordSet {
    return new RecordSet(this.#bytes, this.#start, this.#end, { ...this.#options, from });
  }

  /**
   * Fills the columns with the records of the next batch that has some; false at the end.
   * @throws MillraceError KAFKA_FORMAT
   */
  next(columns: RecordColumns): boolean {
    for (;;) {
      const header = readBatchHeader(this.#bytes, this.#at, this.#end);
      if (header === undefined) return false;
      this.#at = header.end;
      const from = this.nextOffset;
      const wanted = this.#isWanted(header, columns);
      if (header.lastOffset < from) continue; // lies before what was asked for, and its marker counts all the same
      this.nextOffset = header.lastOffset + 1;
      if (!wanted) continue;
      this.#decode(header, columns, from);
      if (columns.count > 0) return true;
    }
  }

  #isWanted(header: BatchHeader, columns: RecordColumns): boolean {
    const marker = header.control ? this.#marker(header, columns) : undefined;
    const aborted = this.#aborted?.isAborted(header, marker === "abort") ?? false;
    if (header.control) return false;
    if (aborted && header.lastOffset >= this.nextOffset) this.abortedRecords += header.recordCount;
    return !aborted && header.recordCount > 0;
  }

  #decode(header: BatchHeader, columns: RecordColumns, from: number): void {
    if (header.compression === "none") {
      columns.decode(header, this.#bytes, header.start + HEADER_BYTES, header.end, from);
      return;
    }
    const packed = this.#bytes.subarray(header.start + HEADER_BYTES, header.end);
    const records = decompress(header.compression, packed, this.#bytesMax);
    columns.decode(header, records, 0, records.length, from);
  }

  /** What the only record of a control batch says; undefined for kinds that concern nobody here. */
  #marker(header: BatchHeader, columns: RecordColumns): Marker {
    this.#decode(header, columns, 0);
    const key = columns.count === 0 ? null : columns.key(0);
    if (header.recordCount === 0) return undefined; // compacted away
    demand(key !== null && key.length >= KEY_OF_MARKER, "a control record without a type");
    const type = key.readInt16BE(2);
    return type === 0 ? "abort" : type === 1 ? "commit" : undefined;
  }
}
