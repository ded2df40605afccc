/**
 * The head of a record batch of version 2, the only one that brokers since Kafka 0.11 write:
 *
 *    0 baseOffset            int64
 *    8 batchLength           int32   bytes after this field
 *   12 partitionLeaderEpoch  int32
 *   16 magic                 int8    2
 *   17 crc                   uint32  CRC-32C of all bytes from 21 on
 *   21 attributes            int16   bits 0–2 compression, 3 append time, 4 transactional, 5 control
 *   23 lastOffsetDelta       int32
 *   27 baseTimestamp         int64
 *   35 maxTimestamp          int64
 *   43 producerId            int64   -1 without one
 *   51 producerEpoch         int16
 *   53 baseSequence          int32
 *   57 recordCount           int32
 *   61 records, compressed as a whole
 *
 * The checksum leaves out the first 17 bytes, since brokers fill them in: an error in baseOffset cannot be seen here.
 */

import { type Compression, compressions } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { demand } from "./format-error.ts";
import { readInt64 } from "./int64.ts";

export const HEADER_BYTES = 61;
/** Where batchLength starts to count. */
export const LENGTH_END = 12;
export const CHECKED_FROM = 21;
const RECORD_BYTES_MIN = 7;

export const ATTRIBUTE = {
  compression: 0b111,
  appendTime: 0b1000,
  transactional: 0b1_0000,
  control: 0b10_0000,
} as const;

export interface BatchHeader {
  /** Where the batch begins and ends in the bytes that hold it. */
  readonly start: number;
  readonly end: number;
  readonly baseOffset: number;
  /** The offset of the last record that the batch was written with: compaction may have taken it out. */
  readonly lastOffset: number;
  readonly partitionLeaderEpoch: number;
  readonly compression: Compression;
  /** Set when the broker stamps records as it appends them: then all have this timestamp. */
  readonly appendTime: number | undefined;
  readonly transactional: boolean;
  readonly control: boolean;
  readonly baseTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * The head of the batch at `start`, or undefined when the bytes end before the batch does, as they may at the end of a
 * fetch. ENSURES: the batch's checksum is right.
 * @throws MillraceError KAFKA_FORMAT
 */
export function readBatchHeader(bytes: Buffer, start: number, end: number): BatchHeader | undefined {
  if (end - start < LENGTH_END) return undefined;
  const length = bytes.readInt32BE(start + 8);
  demand(length >= HEADER_BYTES - LENGTH_END, `a record batch of ${length} bytes`);
  const batchEnd = start + LENGTH_END + length;
  if (batchEnd > end) return undefined;
  const magic = bytes.readInt8(start + 16);
  demand(magic === 2, `a record batch of version ${magic} where only 2 is read`);
  const sum = crc32c(bytes, start + CHECKED_FROM, batchEnd);
  demand(sum === bytes.readUInt32BE(start + 17), "a record batch's checksum is wrong");
  return parse(bytes, start, batchEnd);
}

/**
 * Whether it has all records that it was written with. Compaction takes some out, or all: of a producer's newest batch the
 * head stays, for its sequence number.
 */
export function isWhole({ baseOffset, lastOffset, recordCount }: BatchHeader): boolean {
  return recordCount === lastOffset - baseOffset + 1;
}

/**
 * The offset behind the last whole batch between `start` and `end`, by the heads alone: where the next fetch begins while
 * this one's records are still being read. `from` when there is none.
 */
export function offsetBehind(bytes: Buffer, start: number, end: number, from: number): number {
  let offset = from;
  for (let at = start; end - at >= HEADER_BYTES; ) {
    const next = at + LENGTH_END + bytes.readInt32BE(at + 8);
    if (next > end || next < at + HEADER_BYTES) break; // what is damaged is named when its records are read
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
    offset = Math.max(offset, readInt64(view, 0) + view.getInt32(23) + 1);
    at = next;
  }
  return offset;
}

function parse(bytes: Buffer, start: number, end: number): BatchHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, HEADER_BYTES);
  const attributes = view.getInt16(21);
  const compression = compressions[attributes & ATTRIBUTE.compression];
  demand(compression !== undefined, `a record batch of unknown compression ${attributes & ATTRIBUTE.compression}`);
  const baseOffset = readInt64(view, 0);
  const lastOffsetDelta = view.getInt32(23);
  const recordCount = view.getInt32(57);
  demand(baseOffset >= 0 && lastOffsetDelta >= 0, `a record batch at offset ${baseOffset} + ${lastOffsetDelta}`);
  demand(recordCount >= 0 && recordCount <= lastOffsetDelta + 1, `a record batch of ${recordCount} records`);
  const fits = compression !== "none" || recordCount * RECORD_BYTES_MIN <= end - start - HEADER_BYTES;
  demand(fits, `a record batch of ${end - start} bytes is said to hold ${recordCount} records`);
  return {
    start,
    end,
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    partitionLeaderEpoch: view.getInt32(12),
    compression,
    appendTime: (attributes & ATTRIBUTE.appendTime) === 0 ? undefined : readInt64(view, 35),
    transactional: (attributes & ATTRIBUTE.transactional) !== 0,
    control: (attributes & ATTRIBUTE.control) !== 0,
    baseTimestamp: readInt64(view, 27),
    producerId: readInt64(view, 43),
    producerEpoch: view.getInt16(51),
    baseSequence: view.getInt32(53),
    recordCount,
  };
}
