/**
 * The frame's bytes: its header, its shape table, and the cursors that write and read what lies between.
 *
 * The law: a frame starts on 8 bytes, every buffer in it too, padding is zero, and all numbers are little-endian. A
 * reader refuses what it does not know and never looks beyond the frame: a frame comes from this engine, so a broken
 * one is an assertion failure that restarts the subtask. `docs/exchange-frame.md` is the layout's page.
 */

import { Buffer } from "node:buffer";
import { assert } from "../../../core/assert.ts";
import { rowsMax } from "./limits.ts";

/** "MRF" and the version, 1. */
const magic = 0x01_46_52_4d;
export const headerBytes = 32;
/** Rows, descriptor length, columns' position, columns' length. */
export const shapeEntryBytes = 16;

/** All records have the timestamp that the header holds; there is no timestamp column. */
export const flagOneTimestamp = 1;
/** Records of several shapes: a tag column says which each row has. */
export const flagTags = 2;
/** Reserved: a byte column of row kinds (insert, update before, update after, delete). Refused until it exists. */
const flagRowKinds = 4;
const knownFlags = flagOneTimestamp | flagTags;

export interface FrameHeader {
  readonly flags: number;
  readonly rows: number;
  readonly byteLength: number;
  readonly shapeTable: number;
  readonly shapes: number;
  /** The timestamp of all records, if they have one. */
  readonly timestamp: number;
}

export function writeHeader(bytes: Buffer, header: FrameHeader): void {
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(header.flags, 4);
  bytes.writeUInt32LE(header.rows, 8);
  bytes.writeUInt32LE(header.byteLength, 12);
  bytes.writeUInt32LE(header.shapeTable, 16);
  bytes.writeUInt32LE(header.shapes, 20);
  bytes.writeDoubleLE(header.timestamp, 24);
}

export function readHeader(bytes: Buffer): FrameHeader {
  assert(bytes.byteOffset % 8 === 0, "a frame must start at a multiple of 8 bytes");
  assert(bytes.length >= headerBytes, `a frame has at least ${headerBytes} bytes, got ${bytes.length}`);
  assert(bytes.readUInt32LE(0) === magic, "not an exchange frame of version 1");
  const header: FrameHeader = {
    flags: bytes.readUInt32LE(4),
    rows: bytes.readUInt32LE(8),
    byteLength: bytes.readUInt32LE(12),
    shapeTable: bytes.readUInt32LE(16),
    shapes: bytes.readUInt32LE(20),
    timestamp: bytes.readDoubleLE(24),
  };
  assert((header.flags & flagRowKinds) === 0, "the frame has row kinds, which this reader does not know yet");
  assert((header.flags & ~knownFlags) === 0, `the frame has flags that this reader does not know: ${header.flags}`);
  assert(header.rows <= rowsMax, `a frame has at most ${rowsMax} rows, got ${header.rows}`);
  assert(header.byteLength <= bytes.length, `the frame says ${header.byteLength} bytes, ${bytes.length} came`);
  assert(header.byteLength >= headerBytes, "the frame's length is less than its header's");
  assert(header.shapeTable >= headerBytes && header.shapeTable % 8 === 0, "the shape table is not where one can be");
  assert(header.shapes <= 256, `a frame has at most 256 shapes, got ${header.shapes}`);
  assert(header.shapes > 1 === ((header.flags & flagTags) !== 0), "a tag column is there exactly for several shapes");
  return header;
}

export function align8(position: number): number {
  return (position + 7) & ~7;
}

/** Bytes of a bitmap of `rows` bits, padded. */
export function bitmapBytes(rows: number): number {
  return align8((rows + 7) >> 3);
}

/** Appends buffers to a frame, each aligned to 8 bytes. The caller has made sure that they fit. */
export class FrameWriter {
  readonly bytes: Buffer;
  position: number;

  constructor(target: Uint8Array, position: number) {
    this.bytes = Buffer.from(target.buffer, target.byteOffset, target.byteLength);
    this.position = position;
  }

  uint32(value: number): void {
    this.position = this.bytes.writeUInt32LE(value, this.position);
  }

  raw(values: Uint8Array): void {
    this.bytes.set(values, this.position);
    this.advance(values.length);
  }

  float64(values: Float64Array, count: number): void {
    this.#view(Float64Array, count).set(values.subarray(0, count));
    this.advance(8 * count);
  }

  int32(values: Int32Array, count: number): void {
    this.#view(Int32Array, count).set(values.subarray(0, count));
    this.advance(4 * count);
  }

  /** Packs one bit a row: set where the row's byte is `state`, or where it is not. */
  bits(bytes: Uint8Array, rows: number, state: number, inverted: boolean): void {
    const start = this.position;
    const flip = inverted ? 1 : 0;
    for (let row = 0; row < rows; row += 8) {
      let packed = 0;
      const end = Math.min(8, rows - row);
      for (let bit = 0; bit < end; bit++) packed |= ((bytes[row + bit] === state ? 1 : 0) ^ flip) << bit;
      this.bytes[start + (row >> 3)] = packed;
    }
    this.advance((rows + 7) >> 3);
  }

  /** Moves past `byteCount` written bytes and zeroes the padding behind them. */
  advance(byteCount: number): void {
    const end = this.position + byteCount;
    this.position = align8(end);
    for (let index = end; index < this.position; index++) this.bytes[index] = 0;
  }

  #view<View>(View: new (memory: ArrayBufferLike, offset: number, length: number) => View, count: number): View {
    return new View(this.bytes.buffer, this.bytes.byteOffset + this.position, count);
  }
}

/** Takes buffers out of a frame in the order in which they were written; none can reach beyond the frame's end. */
export class FrameReader {
  readonly bytes: Buffer;
  readonly #end: number;
  position: number;

  constructor(bytes: Buffer, position: number, end: number) {
    assert(end <= bytes.length && position <= end, "a section lies beyond its frame");
    this.bytes = bytes;
    this.position = position;
    this.#end = end;
  }

  uint32(): number {
    assert(this.position + 4 <= this.#end, "the frame is cut short");
    const value = this.bytes.readUInt32LE(this.position);
    this.position += 4;
    return value;
  }

  /** Where `byteCount` bytes start that are now taken, with their padding. */
  take(byteCount: number): number {
    const start = this.position;
    assert(start + byteCount <= this.#end, "a buffer lies beyond its frame");
    this.position = align8(start + byteCount);
    return start;
  }

  bytesOf(byteCount: number): Uint8Array {
    return this.#view(Uint8Array, byteCount, 1);
  }

  bitmap(rows: number): Uint8Array {
    return this.bytesOf((rows + 7) >> 3);
  }

  float64(count: number): Float64Array {
    return this.#view(Float64Array, count, 8);
  }

  int32(count: number): Int32Array {
    return this.#view(Int32Array, count, 4);
  }

  int64(count: number): BigInt64Array {
    return this.#view(BigInt64Array, count, 8);
  }

  /** The end offsets of variable-sized values, one more than there are values: from 0, never falling. */
  offsets(count: number): Int32Array {
    const offsets = this.int32(count + 1);
    assert(offsets[0] === 0, "a column's offsets do not start at 0");
    for (let index = 0; index < count; index++) {
      assert((offsets[index] as number) <= (offsets[index + 1] as number), "a column's offsets fall");
    }
    return offsets;
  }

  #view<View>(
    View: new (memory: ArrayBufferLike, offset: number, length: number) => View,
    count: number,
    width: number,
  ): View {
    return new View(this.bytes.buffer, this.bytes.byteOffset + this.take(count * width), count);
  }
}
