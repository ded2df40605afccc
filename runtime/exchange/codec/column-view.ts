/**
 * A frame's columns where they lie: typed views, no copies.
 *
 * The law: a view is good until its frame is released or the decoder is bound to the next one, and it reads inside of
 * its frame only. Views are rebound from frame to frame. The generated readers take numbers, booleans and strings
 * from them directly and the other kinds by `value`; `arrow.ts` wraps the same memory.
 */

import { Buffer } from "node:buffer";
import { unreachable } from "../../../core/assert.ts";
import type { ColumnKind } from "./column-type.ts";
import { type ColumnLayout, presenceMissing, presenceNullable, presenceUndefined } from "./descriptor.ts";
import type { FrameReader } from "./frame.ts";
import { readTagged } from "./tagged-value.ts";
import { TextView } from "./text-view.ts";

const noBits = new Uint8Array(0);

export abstract class ColumnView implements ColumnLayout {
  abstract readonly kind: ColumnKind;
  readonly presence: number;
  readonly names: readonly string[];
  readonly children: readonly ColumnView[];
  rows = 0;
  /** Arrow's validity: bit 1 where there is a value. Empty when every row has one. */
  valid: Uint8Array = noBits;
  #undefined: Uint8Array = noBits;
  /** Bit 1 where the record lacks the key. */
  missing: Uint8Array = noBits;

  constructor(layout: ColumnLayout) {
    this.presence = layout.presence;
    this.names = layout.names;
    this.children = layout.children.map(makeView);
  }

  bind(reader: FrameReader, rows: number): void {
    this.rows = rows;
    if ((this.presence & presenceNullable) !== 0) this.valid = reader.bitmap(rows);
    if ((this.presence & presenceUndefined) !== 0) this.#undefined = reader.bitmap(rows);
    if ((this.presence & presenceMissing) !== 0) this.missing = reader.bitmap(rows);
    this.bindValues(reader, rows);
  }

  /** What a row without a value holds: null or undefined. */
  absent(row: number): null | undefined {
    return isSet(this.#undefined, row) ? undefined : null;
  }

  protected abstract bindValues(reader: FrameReader, rows: number): void;
  /** The value of a row that has one. */
  abstract value(row: number): unknown;
}

/** Whether a bitmap has a row's bit; an empty one has none. */
export function isSet(bits: Uint8Array, row: number): boolean {
  return (((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
}

export class NullView extends ColumnView {
  readonly kind = "null";

  protected bindValues(): void {}

  value(): null {
    return null;
  }
}

export class EmptyListView extends ColumnView {
  readonly kind = "emptyList";

  protected bindValues(): void {}

  value(): unknown[] {
    return [];
  }
}

export class BoolView extends ColumnView {
  readonly kind = "bool";
  bits: Uint8Array = noBits;

  protected bindValues(reader: FrameReader, rows: number): void {
    this.bits = reader.bitmap(rows);
  }

  value(row: number): boolean {
    return isSet(this.bits, row);
  }
}

export class Float64View extends ColumnView {
  readonly kind = "float64";
  values: Float64Array = new Float64Array(0);

  protected bindValues(reader: FrameReader, rows: number): void {
    this.values = reader.float64(rows);
  }

  value(row: number): number {
    return this.values[row] as number;
  }
}

export class Int64View extends ColumnView {
  readonly kind = "int64";
  values: BigInt64Array = new BigInt64Array(0);

  protected bindValues(reader: FrameReader, rows: number): void {
    this.values = reader.int64(rows);
  }

  value(row: number): bigint {
    return this.values[row] as bigint;
  }
}

export class TimestampView extends ColumnView {
  readonly kind = "timestamp";
  /** Milliseconds since 1970 as 64-bit integers, low word first. */
  words: Int32Array = new Int32Array(0);

  protected bindValues(reader: FrameReader, rows: number): void {
    this.words = reader.int32(2 * rows);
  }

  value(row: number): Date {
    const low = (this.words[2 * row] as number) >>> 0;
    return new Date((this.words[2 * row + 1] as number) * 2 ** 32 + low);
  }
}

export class Utf8View extends ColumnView {
  readonly kind = "utf8";
  readonly text = new TextView();

  protected bindValues(reader: FrameReader, rows: number): void {
    this.text.bind(reader, rows);
  }

  value(row: number): string {
    return this.text.get(row);
  }
}

/** Runs of elements: row n has those from `offsets[n]` to `offsets[n + 1]`. */
abstract class RunView extends ColumnView {
  offsets: Int32Array = new Int32Array(1);

  protected bindValues(reader: FrameReader, rows: number): void {
    this.offsets = reader.offsets(rows);
    this.bindElements(reader, this.offsets[rows] as number);
  }

  value(row: number): unknown {
    return this.run(this.offsets[row] as number, this.offsets[row + 1] as number);
  }

  protected abstract bindElements(reader: FrameReader, count: number): void;
  protected abstract run(start: number, end: number): unknown;
}

export class BinaryView extends RunView {
  readonly kind = "binary";
  bytes: Uint8Array = noBits;

  protected bindElements(reader: FrameReader, count: number): void {
    this.bytes = reader.bytesOf(count);
  }

  /** A copy in ordinary memory, as the record outlives the frame. */
  protected run(start: number, end: number): Uint8Array {
    const copy = new Uint8Array(end - start);
    copy.set(this.bytes.subarray(start, end));
    return copy;
  }
}

export class Float64ListView extends RunView {
  readonly kind = "float64List";
  values: Float64Array = new Float64Array(0);

  protected bindElements(reader: FrameReader, count: number): void {
    this.values = reader.float64(count);
  }

  protected run(start: number, end: number): number[] {
    const list: number[] = [];
    for (let index = start; index < end; index++) list.push(this.values[index] as number);
    return list;
  }
}

export class Utf8ListView extends RunView {
  readonly kind = "utf8List";
  readonly text = new TextView();

  protected bindElements(reader: FrameReader, count: number): void {
    this.text.bind(reader, count);
  }

  protected run(start: number, end: number): string[] {
    const list: string[] = [];
    for (let index = start; index < end; index++) list.push(this.text.get(index));
    return list;
  }
}

/** Values in the tagged encoding. */
export class AnyView extends RunView {
  readonly kind = "any";
  bytes: Uint8Array = noBits;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;

  protected bindElements(reader: FrameReader, count: number): void {
    this.#buffer = reader.bytes;
    this.#start = reader.position;
    this.bytes = reader.bytesOf(count);
  }

  /** A row inside of an absent struct has no bytes at all. */
  protected run(start: number, end: number): unknown {
    return start === end ? undefined : readTagged(this.#buffer, this.#start + start, this.#start + end);
  }
}

export class StructView extends ColumnView {
  readonly kind = "struct";

  protected bindValues(reader: FrameReader, rows: number): void {
    for (const child of this.children) child.bind(reader, rows);
  }

  /** Structs are put together by the generated code. */
  value(): never {
    throw new TypeError("a struct column has no value of its own");
  }
}

/** All columns of which the wrapper and the readers know the class. */
export type AnyColumnView =
  | NullView
  | EmptyListView
  | BoolView
  | Float64View
  | Int64View
  | TimestampView
  | Utf8View
  | BinaryView
  | Float64ListView
  | Utf8ListView
  | AnyView
  | StructView;

export function makeView(layout: ColumnLayout): AnyColumnView {
  switch (layout.kind) {
    case "null":
      return new NullView(layout);
    case "bool":
      return new BoolView(layout);
    case "float64":
      return new Float64View(layout);
    case "int64":
      return new Int64View(layout);
    case "timestamp":
      return new TimestampView(layout);
    case "utf8":
      return new Utf8View(layout);
    case "binary":
      return new BinaryView(layout);
    case "float64List":
      return new Float64ListView(layout);
    case "utf8List":
      return new Utf8ListView(layout);
    case "emptyList":
      return new EmptyListView(layout);
    case "any":
      return new AnyView(layout);
    case "struct":
      return new StructView(layout);
    default:
      return unreachable(layout.kind);
  }
}
