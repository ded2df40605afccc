/**
 * What a batch's values are kept in until it is finished: one store a column.
 *
 * The law: row n of every store of a shape belongs to the shape's n-th record. `skip` stands in for a value that is
 * not there; a store with an absent row keeps a row's place in all its buffers, as Arrow wants. Nothing reaches a
 * frame but by `write`, which takes at most `bound` bytes. Numbers, booleans and strings are set by the generated
 * code directly (`shape-writer.ts`); the other kinds through `accepts` and `add`.
 */

import { unreachable } from "../../../core/assert.ts";
import { type ColumnKind, type ColumnType, fitsInt64 } from "./column-type.ts";
import { presenceMissing, presenceNullable, presenceUndefined } from "./descriptor.ts";
import { align8, bitmapBytes, type FrameWriter } from "./frame.ts";
import { TaggedWriter } from "./tagged-value.ts";
import { grown, TextBuffer } from "./text-buffer.ts";
import { isPlainArray, isPlainBytes, isPlainDate } from "./transferable.ts";

/** Why a row has no value here; `byParent` when the struct around it is absent, so that nobody will ask. */
export const absence = { byParent: 0, isNull: 1, isUndefined: 2, isMissing: 3 } as const;

export abstract class ColumnStore {
  abstract readonly kind: ColumnKind;
  readonly names: readonly string[] = [];
  readonly children: readonly ColumnStore[] = [];
  /** Only ever gains bits, so that an edge's descriptors settle. */
  presence = 0;
  #absent = new Uint8Array(0);
  #absences = 0;

  /** Room for `capacity` rows; what is there stays. */
  grow(capacity: number): void {
    this.#absent = grown(this.#absent, capacity);
  }

  skip(row: number, reason: number): void {
    if (reason === absence.byParent) return;
    this.#absent[row] = reason;
    this.#absences++;
    this.presence |= presenceNullable;
    if (reason === absence.isUndefined) this.presence |= presenceUndefined;
    if (reason === absence.isMissing) this.presence |= presenceMissing;
  }

  /** An upper bound of what `write` takes. With `exact` it is near, at the price of a pass over the strings. */
  bound(rows: number, exact: boolean): number {
    return 3 * bitmapBytes(rows) + this.valuesBound(rows, exact);
  }

  write(out: FrameWriter, rows: number): void {
    if ((this.presence & presenceNullable) !== 0) out.bits(this.#absent, rows, 0, false);
    if ((this.presence & presenceUndefined) !== 0) out.bits(this.#absent, rows, absence.isUndefined, false);
    if ((this.presence & presenceMissing) !== 0) out.bits(this.#absent, rows, absence.isMissing, false);
    this.writeValues(out, rows);
  }

  reset(rows: number): void {
    if (this.#absences > 0) this.#absent.fill(0, 0, rows);
    this.#absences = 0;
  }

  protected abstract valuesBound(rows: number, exact: boolean): number;
  protected abstract writeValues(out: FrameWriter, rows: number): void;
}

/** A store whose values are set by calls: `accepts` right before `add`, with the same value. */
export abstract class ValueStore extends ColumnStore {
  abstract accepts(value: unknown): boolean;
  /** Keeps the value that was accepted and returns its size in bytes, about. */
  abstract add(row: number, value: unknown): number;
}

export class NullStore extends ColumnStore {
  readonly kind = "null";

  protected valuesBound(): number {
    return 0;
  }

  protected writeValues(): void {}
}

/** Arrays that never had an element yet, so that none says of what. */
class EmptyListStore extends ValueStore {
  readonly kind = "emptyList";

  accepts(value: unknown): boolean {
    return isPlainArray(value) && value.length === 0;
  }

  add(): number {
    return 0;
  }

  protected valuesBound(): number {
    return 0;
  }

  protected writeValues(): void {}
}

export class Float64Store extends ColumnStore {
  readonly kind = "float64";
  values = new Float64Array(0);

  override grow(capacity: number): void {
    super.grow(capacity);
    this.values = grown(this.values, capacity);
  }

  override skip(row: number, reason: number): void {
    super.skip(row, reason);
    this.values[row] = 0;
  }

  protected valuesBound(rows: number): number {
    return 8 * rows;
  }

  protected writeValues(out: FrameWriter, rows: number): void {
    out.float64(this.values, rows);
  }
}

export class BoolStore extends ColumnStore {
  readonly kind = "bool";
  /** A byte a row; the frame gets a bit. */
  values = new Uint8Array(0);

  override grow(capacity: number): void {
    super.grow(capacity);
    this.values = grown(this.values, capacity);
  }

  override skip(row: number, reason: number): void {
    super.skip(row, reason);
    this.values[row] = 0;
  }

  protected valuesBound(rows: number): number {
    return bitmapBytes(rows);
  }

  protected writeValues(out: FrameWriter, rows: number): void {
    out.bits(this.values, rows, 1, false);
  }
}

export class Utf8Store extends ColumnStore {
  readonly kind = "utf8";
  readonly text = new TextBuffer();

  override grow(capacity: number): void {
    super.grow(capacity);
    this.text.grow(capacity);
  }

  override skip(row: number, reason: number): void {
    super.skip(row, reason);
    this.text.set(row, "");
  }

  protected valuesBound(rows: number, exact: boolean): number {
    return this.text.bound(rows, exact);
  }

  protected writeValues(out: FrameWriter, rows: number): void {
    this.text.write(out, rows);
  }
}

/** int64 and timestamp: 64-bit integers. */
abstract class Int64Store extends ValueStore {
  values = new BigInt64Array(0);
  words = new Int32Array(0);

  override grow(capacity: number): void {
    super.grow(capacity);
    this.values = grown(this.values, capacity);
    this.words = new Int32Array(this.values.buffer);
  }

  override skip(row: number, reason: number): void {
    super.skip(row, reason);
    this.values[row] = 0n;
  }

  protected valuesBound(rows: number): number {
    return 8 * rows;
  }

  protected writeValues(out: FrameWriter, rows: number): void {
    out.int32(this.words, 2 * rows);
  }
}

class BigintStore extends Int64Store {
  readonly kind = "int64";

  accepts(value: unknown): boolean {
    return typeof value === "bigint" && fitsInt64(value);
  }

  add(row: number, value: bigint): number {
    this.values[row] = value;
    return 0;
  }
}

class TimestampStore extends Int64Store {
  readonly kind = "timestamp";

  accepts(value: unknown): boolean {
    return typeof value === "object" && value !== null && isPlainDate(value) && !Number.isNaN(value.getTime());
  }

  /** In two words, as going through a bigint would allocate. */
  add(row: number, value: Date): number {
    const time = value.getTime();
    this.words[2 * row] = time;
    this.words[2 * row + 1] = Math.floor(time / 2 ** 32);
    return 0;
  }
}

/** A store of runs of elements: an end offset a row. */
abstract class RunStore extends ValueStore {
  offsets = new Int32Array(1);

  override grow(capacity: number): void {
    super.grow(capacity);
    this.offsets = grown(this.offsets, capacity + 1);
  }

  override skip(row: number, reason: number): void {
    super.skip(row, reason);
    this.offsets[row + 1] = this.offsets[row] as number;
  }

  /** Gives the row `count` elements; returns where they start. */
  protected extend(row: number, count: number): number {
    const start = this.offsets[row] as number;
    this.offsets[row + 1] = start + count;
    return start;
  }

  protected elements(rows: number): number {
    return rows === 0 ? 0 : (this.offsets[rows] as number);
  }

  protected valuesBound(rows: number, exact: boolean): number {
    return align8(4 * (rows + 1)) + this.elementsBound(this.elements(rows), exact);
  }

  protected writeValues(out: FrameWriter, rows: number): void {
    out.int32(this.offsets, rows + 1);
    this.writeElements(out, this.elements(rows));
  }

  protected abstract elementsBound(count: number, exact: boolean): number;
  protected abstract writeElements(out: FrameWriter, count: number): void;
}

class BinaryStore extends RunStore {
  readonly kind = "binary";
  #bytes = new Uint8Array(256);

  accepts(value: unknown): boolean {
    return typeof value === "object" && value !== null && isPlainBytes(value);
  }

  add(row: number, value: Uint8Array): number {
    const start = this.extend(row, value.length);
    this.#bytes = grown(this.#bytes, start + value.length);
    this.#bytes.set(value, start);
    return value.length;
  }

  protected elementsBound(count: number): number {
    return align8(count);
  }

  protected writeElements(out: FrameWriter, count: number): void {
    out.raw(this.#bytes.subarray(0, count));
  }
}

class Float64ListStore extends RunStore {
  readonly kind = "float64List";
  #values = new Float64Array(64);

  accepts(value: unknown): boolean {
    return isListOf(value, "number");
  }

  add(row: number, value: readonly number[]): number {
    const start = this.extend(row, value.length);
    this.#values = grown(this.#values, start + value.length);
    for (let index = 0; index < value.length; index++) this.#values[start + index] = value[index] as number;
    return 8 * value.length;
  }

  protected elementsBound(count: number): number {
    return 8 * count;
  }

  protected writeElements(out: FrameWriter, count: number): void {
    out.float64(this.#values, count);
  }
}

class Utf8ListStore extends RunStore {
  readonly kind = "utf8List";
  readonly #text = new TextBuffer();

  accepts(value: unknown): boolean {
    return isListOf(value, "string");
  }

  add(row: number, value: readonly string[]): number {
    const start = this.extend(row, value.length);
    this.#text.grow(start + value.length);
    let units = 0;
    for (let index = 0; index < value.length; index++) units += this.#text.set(start + index, value[index] as string);
    return units + 4 * value.length;
  }

  protected elementsBound(count: number, exact: boolean): number {
    return this.#text.bound(count, exact);
  }

  protected writeElements(out: FrameWriter, count: number): void {
    this.#text.write(out, count);
  }
}

function isListOf(value: unknown, type: "number" | "string"): boolean {
  if (!isPlainArray(value)) return false;
  for (let index = 0; index < value.length; index++) if (typeof value[index] !== type) return false;
  return true;
}

/** Values of any kind, in the tagged encoding. `accepts` already writes them, behind the column's end. */
class AnyStore extends RunStore {
  readonly kind = "any";
  readonly #tagged = new TaggedWriter();
  #end = 0;

  accepts(value: unknown): boolean {
    this.#tagged.length = this.#end;
    return this.#tagged.write(value);
  }

  add(row: number): number {
    const size = this.#tagged.length - this.#end;
    this.extend(row, size);
    this.#end = this.#tagged.length;
    return size;
  }

  override reset(rows: number): void {
    super.reset(rows);
    this.#end = 0;
  }

  protected elementsBound(count: number): number {
    return align8(count);
  }

  protected writeElements(out: FrameWriter, count: number): void {
    out.raw(this.#tagged.bytes.subarray(0, count));
  }
}

export class StructStore extends ColumnStore {
  readonly kind = "struct";
  override readonly names: readonly string[];
  override readonly children: readonly ColumnStore[];

  constructor(type: ColumnType) {
    super();
    this.names = type.fields.map((field) => field.name);
    this.children = type.fields.map((field) => makeStore(field.type));
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    for (const child of this.children) child.grow(capacity);
  }

  override skip(row: number, reason: number): void {
    super.skip(row, reason);
    for (const child of this.children) child.skip(row, absence.byParent);
  }

  override reset(rows: number): void {
    super.reset(rows);
    for (const child of this.children) child.reset(rows);
  }

  protected valuesBound(rows: number, exact: boolean): number {
    return this.children.reduce((sum, child) => sum + child.bound(rows, exact), 0);
  }

  protected writeValues(out: FrameWriter, rows: number): void {
    for (const child of this.children) child.write(out, rows);
  }
}

export function makeStore(type: ColumnType): ColumnStore {
  switch (type.kind) {
    case "null":
      return new NullStore();
    case "bool":
      return new BoolStore();
    case "float64":
      return new Float64Store();
    case "int64":
      return new BigintStore();
    case "timestamp":
      return new TimestampStore();
    case "utf8":
      return new Utf8Store();
    case "binary":
      return new BinaryStore();
    case "float64List":
      return new Float64ListStore();
    case "utf8List":
      return new Utf8ListStore();
    case "emptyList":
      return new EmptyListStore();
    case "struct":
      return new StructStore(type);
    case "any":
      return new AnyStore();
    default:
      return unreachable(type.kind);
  }
}
