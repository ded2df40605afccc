/**
 * Stores of values of many sizes: bytes, lists, fallback values.
 *
 * The law: row n has the elements from `offsets[n]` to `offsets[n + 1]`, so an absent row has an empty run. Called by
 * the generated code through `accepts` and `add`, as `column-store.ts` says.
 */

import { ValueStore } from "./column-store.ts";
import { align8, type FrameWriter } from "./frame.ts";
import { TaggedWriter } from "./tagged-value.ts";
import { grown, TextBuffer } from "./text-buffer.ts";
import { isPlainArray, isPlainBytes } from "./transferable.ts";

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

export class BinaryStore extends RunStore {
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

export class Float64ListStore extends RunStore {
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

export class Utf8ListStore extends RunStore {
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
export class AnyStore extends RunStore {
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
