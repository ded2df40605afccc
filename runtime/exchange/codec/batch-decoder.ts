/**
 * Frames in, records out: the receiving half of the codec.
 *
 * The law: records come in the order in which they were added, each exactly once, however often delivery stops between.
 * Any frame can be read alone, whatever was read before. A broken frame is refused by `bind` with an assertion
 * failure, or by `deliver` where a fallback value is broken. Called by an input gate, one decoder a channel.
 */

import { Buffer } from "node:buffer";
import { assert } from "../../../core/assert.ts";
import type { Gate, Push } from "../../../core/operator.ts";
import { join } from "./column-type.ts";
import type { ColumnView } from "./column-view.ts";
import { readDescriptor, typeOfLayout } from "./descriptor.ts";
import {
  align8,
  type FrameHeader,
  FrameReader,
  flagOneTimestamp,
  flagTags,
  readHeader,
  shapeEntryBytes,
} from "./frame.ts";
import { frameBound, writeFrame } from "./frame-assembly.ts";
import { readersMax } from "./limits.ts";
import { ShapeReader } from "./shape-reader.ts";
import { ShapeWriter } from "./shape-writer.ts";

/** The columns of a frame's records, beside their timestamps; good until the frame is released. */
export interface FrameColumns {
  readonly rows: number;
  /** A struct of the records' fields, or another kind of column when the records are no objects. */
  readonly root: ColumnView;
  /** As long as there are rows, or of length 1 when all rows have the same. */
  readonly timestamps: Float64Array;
}

const neverBlocked: Gate = { blocked: false };

interface ShapeEntry {
  readonly rows: number;
  readonly reader: ShapeReader;
}

export class BatchDecoder {
  readonly #operator: string;
  readonly #readers = new Map<string, ShapeReader>();
  #bytes: Buffer = Buffer.alloc(0);
  #shapes: ShapeEntry[] = [];
  #rows = 0;
  /** The next row to deliver, of the batch and of each shape. */
  #row = 0;
  #shapeRows: number[] = [];
  #tags: Uint8Array = new Uint8Array(0);
  #timestamps: Float64Array = new Float64Array(0);
  /** 0 when all rows have the first timestamp. */
  #timestampStep = 0;

  constructor(options: { readonly operator: string }) {
    this.#operator = options.operator;
  }

  get rows(): number {
    return this.#rows;
  }

  /** REQUIRES a frame that stays as it is until the caller releases it, and starts at a multiple of 8 bytes. */
  bind(frame: Uint8Array): void {
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    const header = readHeader(bytes);
    this.#bytes = bytes;
    this.#rows = 0;
    this.#row = 0;
    const beside = this.#bindShapes(header);
    const oneTimestamp = (header.flags & flagOneTimestamp) !== 0;
    this.#timestamps = oneTimestamp ? Float64Array.of(header.timestamp) : beside.float64(header.rows);
    this.#timestampStep = oneTimestamp ? 0 : 1;
    if ((header.flags & flagTags) !== 0) this.#bindTags(beside, header.rows);
    this.#shapeRows = this.#shapes.map(() => 0);
    this.#rows = header.rows;
  }

  /**
   * Pushes records from where delivery stopped, until the record during which the gate became blocked. True when the
   * batch is exhausted.
   */
  deliver(push: Push<unknown>, gate: Gate): boolean {
    while (this.#row < this.#rows && !gate.blocked) {
      const tag = this.#shapes.length === 1 ? 0 : (this.#tags[this.#row] as number);
      const { reader } = this.#shapes[tag] as ShapeEntry;
      const from = this.#shapeRows[tag] as number;
      const to = from + this.#runLength(tag);
      const at = this.#row * this.#timestampStep;
      const next = reader.deliver(push, gate, from, to, this.#timestamps, at, this.#timestampStep);
      this.#row += next - from;
      this.#shapeRows[tag] = next;
    }
    return this.#row === this.#rows;
  }

  /** Typed views over the frame. A frame of several shapes is decoded and written again with one that takes them all. */
  columns(): FrameColumns {
    const first = this.#shapes[0];
    if (this.#shapes.length === 1 && first !== undefined) {
      return { rows: this.#rows, root: first.reader.root, timestamps: this.#timestamps };
    }
    const again = new BatchDecoder({ operator: this.#operator });
    again.bind(this.#withOneShape());
    return again.columns();
  }

  /** This frame's records from the first on, written with one shape that takes them all. */
  #withOneShape(): Uint8Array {
    const type = this.#shapes
      .map((shape) => typeOfLayout(shape.reader.root))
      .reduce(join, { kind: "null", fields: [] });
    const everything = new BatchDecoder({ operator: this.#operator });
    everything.bind(this.#bytes);
    const writer = new ShapeWriter(type, 0, Math.max(1, this.#rows));
    const timestamps: number[] = [];
    everything.deliver((record, timestamp) => {
      assert(writer.add(record) >= 0, "a joined shape takes every record");
      timestamps.push(timestamp);
    }, neverBlocked);
    const target = new Uint8Array(frameBound([writer], this.#rows, false));
    return target.subarray(0, writeFrame(target, [writer], Float64Array.from(timestamps), new Uint8Array(0)));
  }

  /** How many rows from here on have the same shape. */
  #runLength(tag: number): number {
    let end = this.#row + 1;
    if (this.#shapes.length === 1) end = this.#rows;
    else while (end < this.#rows && this.#tags[end] === tag) end++;
    return end - this.#row;
  }

  /** Binds the columns of every shape; returns the cursor behind the descriptors. */
  #bindShapes(header: FrameHeader): FrameReader {
    const table = new FrameReader(this.#bytes, header.shapeTable, header.byteLength);
    const entries = table.take(header.shapes * shapeEntryBytes);
    this.#shapes = [];
    let rows = 0;
    for (let index = 0; index < header.shapes; index++) {
      const entry = entries + index * shapeEntryBytes;
      const shapeRows = this.#bytes.readUInt32LE(entry);
      const reader = this.#readerOf(table, this.#bytes.readUInt32LE(entry + 4));
      const start = this.#bytes.readUInt32LE(entry + 8);
      const end = start + this.#bytes.readUInt32LE(entry + 12);
      assert(start === align8(start) && end <= header.byteLength, "a shape's columns lie beyond their frame");
      rows += shapeRows;
      assert(rows <= header.rows, "the shapes have more rows than their frame");
      reader.bind(new FrameReader(this.#bytes, start, end), shapeRows);
      this.#shapes.push({ rows: shapeRows, reader });
    }
    assert(rows === header.rows, `the shapes have ${rows} rows, their frame has ${header.rows}`);
    return table;
  }

  #readerOf(table: FrameReader, descriptorBytes: number): ShapeReader {
    const start = table.take(descriptorBytes);
    const key = this.#bytes.toString("latin1", start, start + descriptorBytes);
    const known = this.#readers.get(key);
    if (known !== undefined && !this.#shapes.some((shape) => shape.reader === known)) return known;
    const reader = new ShapeReader(readDescriptor(this.#bytes.subarray(start, start + descriptorBytes)), key);
    if (this.#readers.size >= readersMax) this.#readers.clear();
    this.#readers.set(key, reader);
    return reader;
  }

  /** The tags must give each shape as many rows as it has. */
  #bindTags(beside: FrameReader, rows: number): void {
    this.#tags = beside.bytesOf(rows);
    const counts = this.#shapes.map(() => 0);
    for (const tag of this.#tags) {
      assert(tag < counts.length, `a row has shape ${tag} of ${counts.length}`);
      counts[tag] = (counts[tag] as number) + 1;
    }
    assert(
      this.#shapes.every((shape, index) => shape.rows === counts[index]),
      "the tags contradict the shapes' rows",
    );
  }
}
