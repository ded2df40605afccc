/**
 * Builds record batches: `append` writes a record where it will be sent from, `finish` writes the head in front of them.
 *
 * The size of a text is not known before it is written. It is taken to be ASCII, whose bytes are as many as its characters;
 * where that was wrong, the length in front of it is mended. Counting the bytes first would cost half as much as writing.
 */

import { ATTRIBUTE, CHECKED_FROM, HEADER_BYTES, LENGTH_END } from "./batch-header.ts";
import { type Compression, compress, compressions } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { writeInt64 } from "./int64.ts";
import { sizeOfVarint, VARINT_BYTES_MAX, VARLONG_BYTES_MAX, writeVarint, writeVarlong } from "./varint.ts";

/** A text goes as UTF-8. */
export type Field = string | Uint8Array | null;
export type HeaderField = readonly [name: string, value: Field];

/** Under which producer a batch is sent; brokers take each sequence number once. */
export interface ProducerStamp {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly transactional: boolean;
}

const NO_PRODUCER: ProducerStamp = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false };
const NO_HEADERS: readonly HeaderField[] = [];
const FIRST_BYTES = 16 * 1024;
/** Characters of a text that is written one by one, as most keys: calling out of JavaScript costs more than these. */
const SHORT_TEXT = 24;
const ASCII_END = 0x80;
/** UTF-8 takes up to three bytes for each unit of a JavaScript string. */
const BYTES_A_UNIT = 3;
/** One is written, one is under way, one waits: more come together only while a broker is slow. */
const SPARE_MAX = 2;
const RECORD_OVERHEAD_MAX = 1 + VARLONG_BYTES_MAX + 5 * VARINT_BYTES_MAX;

export class RecordBatchBuilder {
  readonly #compression: Compression;
  #bytes: Buffer;
  /** Of batches that nobody needs any more. */
  readonly #spare: Buffer[] = [];
  #at = HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(compression: Compression = "none", sizeHint = FIRST_BYTES) {
    this.#compression = compression;
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(sizeHint, FIRST_BYTES));
  }

  get count(): number {
    return this.#count;
  }

  /** Of the batch so far, its head included, before compression. */
  get byteLength(): number {
    return this.#at;
  }

  /** @param timestamp whole milliseconds since 1970, or -1 for none */
  append(key: Field, value: Field, timestamp: number, headers: readonly HeaderField[] = NO_HEADERS): void {
    if (this.#count === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp;
    else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    const bytesMax = fieldMax(key) + fieldMax(value) + RECORD_OVERHEAD_MAX + headersMax(headers);
    this.#reserve(bytesMax);
    const start = this.#at;
    const guess = sizeIfAscii(key) + sizeIfAscii(value) + 4 + sizeOfVarint(this.#count);
    const bodyStart = writeVarint(this.#bytes, start, guess);
    const end = this.#writeBody(bodyStart, key, value, timestamp, headers);
    this.#at = end - bodyStart === guess ? end : mendLength(this.#bytes, start, bodyStart, end);
    this.#count++;
  }

  #writeBody(start: number, key: Field, value: Field, time: number, headers: readonly HeaderField[]): number {
    const bytes = this.#bytes;
    bytes[start] = 0; // attributes
    let at = writeVarlong(bytes, start + 1, time - this.#baseTimestamp);
    at = writeVarint(bytes, at, this.#count);
    at = writeField(bytes, at, key);
    at = writeField(bytes, at, value);
    at = writeVarint(bytes, at, headers.length);
    for (const [name, content] of headers) {
      at = writeField(bytes, at, name);
      at = writeField(bytes, at, content);
    }
    return at;
  }

  /** The batch, ready to be sent. The builder is empty again and writes into other memory. REQUIRES: a record. */
  finish(stamp: ProducerStamp = NO_PRODUCER): Buffer {
    const batch = this.#compression === "none" ? this.#bytes.subarray(0, this.#at) : this.#compressed();
    writeHead(batch, this.#compression, this.#count, this.#baseTimestamp, this.#maxTimestamp);
    stampBatch(batch, stamp);
    // About as much as this batch took: a burst of large ones is not paid for by each small one that follows.
    if (this.#compression === "none") this.#bytes = this.#spare.pop() ?? Buffer.allocUnsafeSlow(roomFor(this.#at));
    this.#at = HEADER_BYTES;
    this.#count = 0;
    return batch;
  }

  /** Takes back the memory of a finished batch, for a later one. REQUIRES: nobody reads or keeps it any more. */
  reuse(batch: Buffer): void {
    if (this.#compression !== "none" || this.#spare.length === SPARE_MAX) return;
    this.#spare.push(Buffer.from(batch.buffer as ArrayBuffer)); // all of what `finish` has cut it from
  }

  #compressed(): Buffer {
    const records = compress(this.#compression, this.#bytes.subarray(HEADER_BYTES, this.#at));
    const batch = Buffer.allocUnsafe(HEADER_BYTES + records.length);
    records.copy(batch, HEADER_BYTES);
    return batch;
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

/**
 * Writes into a finished batch under which producer it is sent, and its checksum. A batch that has to be sent once more in
 * another transaction is stamped again.
 */
export function stampBatch(batch: Buffer, stamp: ProducerStamp): void {
  const view = new DataView(batch.buffer, batch.byteOffset, HEADER_BYTES);
  const others = view.getInt16(21) & ~ATTRIBUTE.transactional;
  view.setInt16(21, stamp.transactional ? others | ATTRIBUTE.transactional : others);
  writeInt64(view, 43, stamp.producerId);
  view.setInt16(51, stamp.producerEpoch);
  view.setInt32(53, stamp.baseSequence);
  view.setUint32(17, crc32c(batch, CHECKED_FROM, batch.length));
}

/** Takes out of a batch that was read what brokers had put in: it can be sent again. REQUIRES: then it is stamped. */
export function unplaceBatch(batch: Buffer): void {
  const view = new DataView(batch.buffer, batch.byteOffset, HEADER_BYTES);
  writeInt64(view, 0, 0);
  view.setInt32(12, -1);
  view.setInt16(21, view.getInt16(21) & ~ATTRIBUTE.appendTime);
}

/** How many records a finished batch holds: the next one's sequence number is that much higher. */
export function countOf(batch: Buffer): number {
  return batch.readInt32BE(57);
}

/** A power of two, so that memory fits again. */
function roomFor(bytes: number): number {
  return Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
}

function writeHead(batch: Buffer, compression: Compression, count: number, base: number, max: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, HEADER_BYTES);
  writeInt64(view, 0, 0); // the broker gives the offset
  view.setInt32(8, batch.length - LENGTH_END);
  view.setInt32(12, -1); // and the epoch of the partition's leader
  view.setInt8(16, 2);
  view.setInt16(21, compressions.indexOf(compression));
  view.setInt32(23, count - 1);
  writeInt64(view, 27, base);
  writeInt64(view, 35, max);
  view.setInt32(57, count);
}

function fieldMax(field: Field): number {
  if (field === null) return 0;
  return typeof field === "string" ? field.length * BYTES_A_UNIT : field.length;
}

function headersMax(headers: readonly HeaderField[]): number {
  let size = 0;
  for (const [name, value] of headers) size += fieldMax(name) + fieldMax(value) + 2 * VARINT_BYTES_MAX;
  return size;
}

/** Of a length and its field. */
function sizeIfAscii(field: Field): number {
  return field === null ? 1 : field.length + sizeOfVarint(field.length);
}

/** Writes a length and its field and returns where they end. */
function writeField(bytes: Buffer, start: number, field: Field): number {
  if (field === null) return writeVarint(bytes, start, -1);
  const at = writeVarint(bytes, start, field.length);
  if (typeof field !== "string") {
    bytes.set(field, at);
    return at + field.length;
  }
  const end =
    field.length <= SHORT_TEXT && writeAscii(bytes, field, at) ? at + field.length : at + bytes.write(field, at);
  return end - at === field.length ? end : mendLength(bytes, start, at, end);
}

/** Writes a text, unless it is not ASCII. */
function writeAscii(bytes: Buffer, text: string, at: number): boolean {
  let all = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    all |= character;
    bytes[at + index] = character;
  }
  return all < ASCII_END;
}

/** Writes the length of what stands from `at` to `end` in front of it, where another one stood, and returns its end. */
function mendLength(bytes: Buffer, start: number, at: number, end: number): number {
  const length = end - at;
  const moved = start + sizeOfVarint(length);
  if (moved !== at) bytes.copyWithin(moved, at, end);
  writeVarint(bytes, start, length);
  return moved + length;
}
