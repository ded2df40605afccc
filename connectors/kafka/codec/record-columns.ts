/**
 * The records of one batch as columns: for each record its offset, its timestamp, and where its key, value and headers
 * lie in `bytes`. Nothing is copied, and no object is made for a record; what wants strings, objects or Arrow columns
 * makes them from here. The columns are filled again for the next batch; `bytes` lives as long as somebody holds it.
 */

import { RECORD_HEADERS_MAX } from "../limits.ts";
import type { BatchHeader } from "./batch-header.ts";
import { damaged } from "./format-error.ts";
import { readVarint, readVarlong, varintEnd } from "./varint.ts";

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

export class RecordColumns {
  bytes: Buffer = Buffer.alloc(0);
  count = 0;
  /** Exact, as they are below 2^53. */
  offsets: Float64Array = new Float64Array(0);
  /** Milliseconds since 1970; -1 where the record has none. */
  timestamps: Float64Array = new Float64Array(0);
  keyStarts: Int32Array = new Int32Array(0);
  /** -1: the key is null. */
  keyLengths: Int32Array = new Int32Array(0);
  valueStarts: Int32Array = new Int32Array(0);
  /** -1: the value is null. */
  valueLengths: Int32Array = new Int32Array(0);
  headerStarts: Int32Array = new Int32Array(0);

  key(index: number): Buffer | null {
    return this.#slice(this.keyStarts, this.keyLengths, index);
  }

  value(index: number): Buffer | null {
    return this.#slice(this.valueStarts, this.valueLengths, index);
  }

  #slice(starts: Int32Array, lengths: Int32Array, index: number): Buffer | null {
    const start = starts[index] as number; // the index is below `count`
    const length = lengths[index] as number;
    return length < 0 ? null : this.bytes.subarray(start, start + length);
  }

  headers(index: number): RecordHeader[] {
    let at = this.headerStarts[index] as number; // the index is below `count`
    const next = (): Buffer | null => {
      const length = readVarint(this.bytes, at);
      const start = varintEnd;
      at = start + Math.max(0, length);
      return length < 0 ? null : this.bytes.subarray(start, at);
    };
    const count = readVarint(this.bytes, at);
    at = varintEnd;
    return Array.from({ length: count }, () => ({ key: next()?.toString("utf8") ?? "", value: next() }));
  }

  /**
   * Fills the columns with the records of a batch, decompressed in `bytes` from `start` to `end`, whose offset is at
   * least `from`.
   * @throws MillraceError KAFKA_FORMAT when the records are not exactly as many as the batch says, and in its bounds
   */
  decode(header: BatchHeader, bytes: Buffer, start: number, end: number, from: number): void {
    this.#reserve(header.recordCount);
    this.bytes = bytes;
    let at = start;
    let count = 0;
    for (let left = header.recordCount; left > 0; left--) {
      const length = readVarint(bytes, at);
      at = varintEnd + length;
      if (length <= 0 || at > end) throw damaged(`a record of ${length} bytes`);
      this.#decodeRecord(header, varintEnd, at, count);
      if ((this.offsets[count] as number) >= from) count++; // a skipped one is overwritten by the next
    }
    if (at !== end) throw damaged(`${end - at} bytes behind the records of a batch`);
    this.count = count;
  }

  #decodeRecord(header: BatchHeader, start: number, end: number, index: number): void {
    const { bytes } = this;
    const first = bytes[start + 1] as number; // behind the attributes, of which none is in use
    const delta = first < 0x80 ? readVarint(bytes, start + 1) : readVarlong(bytes, start + 1);
    const timestamp = header.appendTime ?? header.baseTimestamp + delta;
    if (!Number.isSafeInteger(timestamp)) throw damaged("a timestamp is beyond 2^53");
    this.timestamps[index] = timestamp;
    const offset = header.baseOffset + readVarint(bytes, varintEnd);
    if (offset < header.baseOffset || offset > header.lastOffset)
      throw damaged("a record outside of its batch's offsets");
    this.offsets[index] = offset;
    const keyLength = readVarint(bytes, varintEnd);
    this.keyLengths[index] = keyLength;
    this.keyStarts[index] = varintEnd;
    const keyEnd = keyLength > 0 ? varintEnd + keyLength : varintEnd;
    const valueLength = readVarint(bytes, keyEnd);
    this.valueLengths[index] = valueLength;
    this.valueStarts[index] = varintEnd;
    const valueEnd = valueLength > 0 ? varintEnd + valueLength : varintEnd;
    if (keyLength < -1 || valueLength < -1 || valueEnd >= end) throw damaged("a key or value that exceeds its record");
    this.headerStarts[index] = valueEnd;
    const recordEnd = bytes[valueEnd] === 0 ? valueEnd + 1 : headersEnd(bytes, valueEnd, end);
    if (recordEnd !== end) throw damaged("a record whose fields do not end with it");
  }

  #reserve(count: number): void {
    if (count <= this.offsets.length) return;
    const size = 1 << (32 - Math.clz32(count - 1));
    this.offsets = new Float64Array(size);
    this.timestamps = new Float64Array(size);
    this.keyStarts = new Int32Array(size);
    this.keyLengths = new Int32Array(size);
    this.valueStarts = new Int32Array(size);
    this.valueLengths = new Int32Array(size);
    this.headerStarts = new Int32Array(size);
  }
}

function headersEnd(bytes: Buffer, start: number, end: number): number {
  const count = readVarint(bytes, start);
  if (count < 0 || count > RECORD_HEADERS_MAX) throw damaged(`a record with ${count} headers`);
  let at = varintEnd;
  for (let field = 0; field < 2 * count; field++) {
    const length = readVarint(bytes, at);
    const isName = field % 2 === 0;
    if (length < (isName ? 0 : -1) || length > end - varintEnd) throw damaged(`a header field of ${length} bytes`);
    at = varintEnd + Math.max(0, length);
  }
  return at;
}
