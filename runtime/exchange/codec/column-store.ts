/**
 * What a batch's values are kept in until it is finished: one store a column.
 *
 * The law: row n of every store of a shape belongs to the shape's n-th record. `skip` stands in for a value that is
 * not there; a store with an absent row keeps a row's place in all its buffers, as Arrow wants. Nothing reaches a
 * frame but by `write`, which takes at most `bound` bytes. Numbers, booleans and strings are set by the generated
 * code directly (`shape-writer.ts`); the other kinds through `accepts` and `add`. Values of many sizes have their
 * stores in `run-store.ts`.
 */

import { type ColumnKind, fitsInt64 } from "./column-type.ts";
import { presenceMissing, presenceNullable, presenceUndefined } from "./descriptor.ts";
import { bitmapBytes, type FrameWriter } from "./frame.ts";
import { grown, TextBuffer } from "./text-buffer.ts";
import { isPlainArray, isPlainDate } from "./transferable.ts";

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
export class EmptyListStore extends ValueStore {
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

export class BigintStore extends Int64Store {
  readonly kind = "int64";

  accepts(value: unknown): boolean {
    return typeof value === "bigint" && fitsInt64(value);
  }

  add(row: number, value: bigint): number {
    this.values[row] = value;
    return 0;
  }
}

export class TimestampStore extends Int64Store {
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

export class StructStore extends ColumnStore {
  readonly kind = "struct";
  override readonly names: readonly string[];
  override readonly children: readonly ColumnStore[];

  constructor(names: readonly string[], children: readonly ColumnStore[]) {
    super();
    this.names = names;
    this.children = children;
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
