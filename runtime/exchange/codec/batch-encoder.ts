/**
 * Records in, frames out: the sending half of the codec.
 *
 * The law: a frame holds exactly the records that were added since the last one, in their order; what cannot travel
 * throws BAD_RECORD from `add` and leaves the batch as it was. Shapes stay learnt from batch to batch:
 *
 * 1. The shape of the record before is tried, then the others, those without fallback columns first.
 * 2. A record that fits none is checked with `assertTransferable` and its shape is learnt, if credit is left.
 * 3. Shapes with the same keys are joined once there are several; when the encoder has as many shapes as it tries, a
 *    new one is joined with the one that shares most of its keys, where a key that one lacks becomes optional.
 * 4. All else is a fallback value: slower, never wrong.
 *
 * Called by an output's partitioner, one encoder a channel.
 */

import { AssertionFailure, assert } from "../../../core/assert.ts";
import { MillraceError } from "../../../core/errors.ts";
import { anyType, type ColumnType, haveSameKeys, join, sharedNames, takes, typeOf } from "./column-type.ts";
import { frameBound, writeFrame } from "./frame-assembly.ts";
import { batchBytesMax, frameBytesMax, learningCreditMax, rowsMax, shapesMax, shapesOfSameKeysMax } from "./limits.ts";
import { ShapeWriter } from "./shape-writer.ts";
import { defineField } from "./tagged-value.ts";
import { grown } from "./text-buffer.ts";
import { assertTransferable, isPlainObject } from "./transferable.ts";

export interface BatchEncoderOptions {
  /** Named in errors. */
  readonly operator: string;
  /** The batch is full at so many rows; one more is a programmer's error. */
  readonly maxRows: number;
  /** The batch is full at so many bytes, estimated; the last record may lift it past that. */
  readonly maxBytes: number;
  /**
   * The only own fields of an object that are read, checked and sent; records arrive with these, in this order. What
   * is no plain object travels as it is.
   */
  readonly fields?: readonly string[];
}

/** A row's timestamp and tag. */
const bytesBesideRow = 9;

interface Placed {
  readonly shape: ShapeWriter;
  readonly bytes: number;
}

export class BatchEncoder {
  readonly #operator: string;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #fields: readonly string[] | undefined;
  /** What `add` tries, in this order. */
  #shapes: ShapeWriter[] = [];
  #fallback: ShapeWriter | undefined;
  /** Shapes that others have replaced while they hold rows of this batch. */
  #retired: ShapeWriter[] = [];
  /** The shape of the last record that needed no fallback column. */
  #last: ShapeWriter | undefined;
  #nextTag = 0;
  #learningCredit = learningCreditMax;
  #rows = 0;
  #bytes = 0;
  readonly #timestamps: Float64Array;
  /** The shape of each row, by `ShapeWriter.tag`: noted only where it changes, up to `#taggedRows`. */
  #tags = new Uint8Array(0);
  #taggedRows = 0;

  constructor(options: BatchEncoderOptions) {
    assert(options.maxRows >= 1 && options.maxRows <= rowsMax, `maxRows is from 1 to ${rowsMax}`);
    assert(options.maxBytes >= 1 && options.maxBytes <= batchBytesMax, `maxBytes is from 1 to ${batchBytesMax}`);
    this.#operator = options.operator;
    this.#maxRows = options.maxRows;
    this.#maxBytes = options.maxBytes;
    this.#fields = options.fields;
    this.#timestamps = new Float64Array(options.maxRows);
  }

  get rows(): number {
    return this.#rows;
  }

  get full(): boolean {
    return this.#rows >= this.#maxRows || this.#bytes >= this.#maxBytes;
  }

  /** Throws BAD_RECORD for what cannot travel and RECORD_TOO_LARGE for what no frame can hold. */
  add(value: unknown, timestamp: number): void {
    const row = this.#rows;
    if (row === this.#maxRows) this.#refuseRow();
    const last = this.#last;
    let bytes = last === undefined ? -1 : last.add(value);
    if (bytes < 0) bytes = this.#addToAnother(value, row);
    this.#timestamps[row] = timestamp;
    this.#rows = row + 1;
    this.#bytes += bytes + bytesBesideRow;
    if (this.#bytes > frameBytesMax) this.#refuseSize();
  }

  /** An upper bound of what `finish` writes; strings count three bytes a character. */
  byteLengthBound(): number {
    return this.#bound(false);
  }

  /**
   * Writes the frame, returns its length and starts the next batch. When `target` may be too small it returns minus
   * the bytes that suffice, and keeps the rows. REQUIRES a target that starts at a multiple of 8 bytes.
   */
  finish(target: Uint8Array): number {
    if (this.#bound(false) > target.length) {
      const needed = this.#bound(true);
      if (needed > target.length) return -needed;
    }
    const used = this.#used();
    if (used.length > 1) this.#fillTags(this.#last, this.#rows);
    const length = writeFrame(target, used, this.#timestamps.subarray(0, this.#rows), this.#tags);
    this.#startNextBatch(used);
    return length;
  }

  /** Places a record that the last shape refused, notes its tag and returns its size. */
  #addToAnother(value: unknown, row: number): number {
    const before = this.#last;
    const { shape, bytes } = this.#place(value);
    this.#fillTags(before, row);
    this.#tags[row] = shape.tag;
    this.#taggedRows = row + 1;
    return bytes;
  }

  #place(value: unknown): Placed {
    for (const shape of this.#shapes) {
      const bytes = shape === this.#last ? -1 : shape.add(value);
      if (bytes < 0) continue;
      if (!shape.hasFallback) this.#last = shape;
      return { shape, bytes };
    }
    const projected = this.#project(value);
    const learnt = this.#learn(projected);
    const learntBytes = learnt === undefined ? -1 : learnt.add(value);
    if (learnt !== undefined && learntBytes >= 0) return { shape: learnt, bytes: learntBytes };
    this.#fallback ??= this.#newShape(anyType);
    const bytes = this.#fallback.add(projected);
    if (bytes < 0) assertTransferable(projected, "record", this.#operator);
    assert(bytes >= 0, "a transferable value must fit the fallback");
    return { shape: this.#fallback, bytes };
  }

  /** The rows since the last noted tag all had the shape `last`. */
  #fillTags(last: ShapeWriter | undefined, to: number): void {
    if (this.#tags.length <= to) this.#tags = grown(this.#tags, this.#maxRows);
    if (last !== undefined) this.#tags.fill(last.tag, this.#taggedRows, to);
  }

  /** The record with only the projected fields. */
  #project(value: unknown): unknown {
    if (this.#fields === undefined || typeof value !== "object" || value === null || !isPlainObject(value))
      return value;
    const projected: Record<string, unknown> = {};
    for (const name of this.#fields)
      if (Object.hasOwn(value, name)) defineField(projected, name, Reflect.get(value, name));
    return projected;
  }

  /** Adds a shape for the record, if it is worth one. */
  #learn(value: unknown): ShapeWriter | undefined {
    if (this.#learningCredit === 0) return undefined;
    this.#learningCredit--;
    assertTransferable(value, "record", this.#operator);
    const own = this.#typeOf(value);
    if (own.kind === "any") return undefined;
    const type = this.#generalise(own);
    if (type.kind === "any") return undefined;

    const replaced = this.#shapes.filter((shape) => takes(type, shape.type));
    if (this.#shapes.length - replaced.length >= shapesMax) return undefined;
    const shape = this.#newShape(type);
    const kept = this.#shapes.filter((other) => !replaced.includes(other));
    this.#shapes = [shape, ...kept].sort((left, right) => Number(left.hasFallback) - Number(right.hasFallback));
    this.#retired.push(...replaced.filter((other) => other.rows > 0));
    if (!shape.hasFallback) this.#last = shape;
    else if (this.#last !== undefined && replaced.includes(this.#last)) this.#last = this.#shapes[0];
    return shape;
  }

  /** A record's type; with a projection it names all of its fields, those that the record lacks as missing. */
  #typeOf(value: unknown): ColumnType {
    const type = typeOf(value);
    if (this.#fields === undefined || type.kind !== "struct") return type;
    const present = new Map(type.fields.map((field) => [field.name, field]));
    const missing: ColumnType = { kind: "null", fields: [] };
    const fields = this.#fields.map((name) => present.get(name) ?? { name, optional: true, type: missing });
    if (fields.some((field) => field.optional && field.name in Object.prototype)) return anyType;
    return { kind: "struct", fields };
  }

  #generalise(own: ColumnType): ColumnType {
    const relatives = this.#shapes.filter((shape) => haveSameKeys(shape.type, own));
    if (relatives.length >= shapesOfSameKeysMax) return relatives.reduce((type, shape) => join(type, shape.type), own);
    if (this.#shapes.length < shapesMax) return own;
    const shared = this.#shapes.map((shape) => sharedNames(shape.type, own));
    const most = Math.max(...shared);
    const nearest = this.#shapes[shared.indexOf(most)];
    const alike = nearest !== undefined && 2 * most >= Math.max(nearest.type.fields.length, own.fields.length);
    return alike ? join(nearest.type, own) : own;
  }

  #newShape(type: ColumnType): ShapeWriter {
    assert(this.#nextTag < 256, "a batch learns a bounded number of shapes");
    return new ShapeWriter(type, this.#nextTag++, this.#maxRows, this.#fields !== undefined && type.kind === "struct");
  }

  #used(): ShapeWriter[] {
    const all = this.#fallback === undefined ? this.#shapes : [...this.#shapes, this.#fallback];
    return [...all, ...this.#retired].filter((shape) => shape.rows > 0);
  }

  #bound(exact: boolean): number {
    return frameBound(this.#used(), this.#rows, exact);
  }

  #startNextBatch(used: readonly ShapeWriter[]): void {
    for (const shape of used) shape.reset();
    this.#retired = [];
    const kept = this.#fallback === undefined ? this.#shapes : [...this.#shapes, this.#fallback];
    kept.forEach((shape, index) => {
      shape.tag = index;
    });
    this.#nextTag = kept.length;
    this.#rows = 0;
    this.#bytes = 0;
    this.#taggedRows = 0;
    if (this.#learningCredit < learningCreditMax) this.#learningCredit++;
  }

  #refuseRow(): never {
    throw new AssertionFailure("a full batch must be finished before the next record");
  }

  #refuseSize(): never {
    const message =
      `A record emitted by "${this.#operator}" lifts its batch to ${this.#bytes} bytes; an exchange carries ` +
      `${frameBytesMax} at most. Send its large part by reference, such as a file's path.`;
    throw new MillraceError("RECORD_TOO_LARGE", message, { operator: this.#operator });
  }
}
