/**
 * The fallback encoding: one self-describing value as tagged bytes, for what fits no column.
 *
 * The law: `readTagged` gives back exactly what `TaggedWriter.write` took, numbers by Object.is; a value that cannot
 * travel is reported, never altered. All numbers are little-endian. `docs/exchange-frame.md` has the table of tags.
 * Called by the columns of kind "any".
 */

import { Buffer } from "node:buffer";
import { AssertionFailure, assert } from "../../../core/assert.ts";
import { depthMax } from "./limits.ts";
import { isPlainArray, isPlainBytes, isPlainDate, isPlainObject } from "./transferable.ts";

const tagUndefined = 0;
const tagNull = 1;
const tagFalse = 2;
const tagTrue = 3;
const tagInt32 = 4;
const tagFloat64 = 5;
const tagBigint = 6;
const tagDate = 7;
const tagBytes = 8;
const tagArray = 9;
const tagObject = 10;
const tagAscii = 11;
const tagUtf8 = 12;
const tagUtf16 = 13;

/** Up to here a loop over the characters beats a call into Node's writer. */
const shortString = 24;

/** Appends tagged values to bytes that grow. */
export class TaggedWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(256);
  /** Where the next value starts. */
  length = 0;

  /** Appends `value`; false when it cannot travel, and then nothing counts as written. */
  write(value: unknown): boolean {
    const start = this.length;
    if (this.#append(value, 0)) return true;
    this.length = start;
    return false;
  }

  #append(value: unknown, depth: number): boolean {
    this.#reserve(9);
    switch (typeof value) {
      case "undefined":
        return this.#tag(tagUndefined);
      case "boolean":
        return this.#tag(value ? tagTrue : tagFalse);
      case "number":
        return this.#appendNumber(value);
      case "string":
        return this.#appendString(value);
      case "bigint":
        this.#tag(tagBigint);
        return this.#appendString(value.toString());
      case "object":
        return value === null ? this.#tag(tagNull) : this.#appendObject(value, depth);
      default:
        return false;
    }
  }

  #appendNumber(value: number): boolean {
    if ((value | 0) === value && !Object.is(value, -0)) {
      this.#tag(tagInt32);
      this.length = this.bytes.writeInt32LE(value, this.length);
    } else {
      this.#float64(tagFloat64, value);
    }
    return true;
  }

  #appendString(text: string): boolean {
    this.#reserve(5 + 3 * text.length);
    const start = this.length;
    const data = start + 5;
    let written =
      text.length <= shortString ? writeAscii(this.bytes, data, text) : this.bytes.write(text, data, "utf8");
    let tag = tagAscii;
    if (written !== text.length) {
      tag = text.isWellFormed() ? tagUtf8 : tagUtf16;
      written = this.bytes.write(text, data, tag === tagUtf8 ? "utf8" : "utf16le");
    }
    this.bytes[start] = tag;
    this.bytes.writeUInt32LE(written, start + 1);
    this.length = data + written;
    return true;
  }

  #appendObject(value: object, depth: number): boolean {
    if (isPlainDate(value)) return this.#float64(tagDate, value.getTime());
    if (isPlainBytes(value)) return this.#appendBytes(value);
    if (depth >= depthMax) return false;
    if (isPlainArray(value)) return this.#appendArray(value, depth);
    return isPlainObject(value) && this.#appendFields(value as Record<string, unknown>, depth);
  }

  #appendBytes(value: Uint8Array): boolean {
    this.#reserve(5 + value.length);
    this.#counted(tagBytes, value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
    return true;
  }

  #appendArray(array: readonly unknown[], depth: number): boolean {
    this.#counted(tagArray, array.length);
    for (let index = 0; index < array.length; index++) {
      const element = array[index];
      if (element === undefined && !(index in array)) return false;
      if (!this.#append(element, depth + 1)) return false;
    }
    return true;
  }

  #appendFields(object: Record<string, unknown>, depth: number): boolean {
    if (Object.getOwnPropertySymbols(object).length > 0) return false;
    const names = Object.keys(object);
    this.#counted(tagObject, names.length);
    for (const name of names) {
      this.#appendString(name);
      if (!this.#append(object[name], depth + 1)) return false;
    }
    return true;
  }

  #tag(tag: number): boolean {
    this.bytes[this.length++] = tag;
    return true;
  }

  #float64(tag: number, value: number): boolean {
    this.#tag(tag);
    this.length = this.bytes.writeDoubleLE(value, this.length);
    return true;
  }

  #counted(tag: number, count: number): void {
    this.#tag(tag);
    this.length = this.bytes.writeUInt32LE(count, this.length);
  }

  #reserve(byteCount: number): void {
    const needed = this.length + byteCount;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** Copies `text`; the count of bytes, which is short of the text's length when it is not ASCII. */
function writeAscii(bytes: Uint8Array, position: number, text: string): number {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) return index;
    bytes[position + index] = unit;
  }
  return text.length;
}

/** Reads the value that fills `bytes` from `start` to `end`. */
export function readTagged(bytes: Buffer, start: number, end: number): unknown {
  const cursor = new TaggedReader(bytes, start, end);
  const value = cursor.read(0);
  assert(cursor.position === end, `a fallback value ends at byte ${cursor.position}, its column says ${end}`);
  return value;
}

class TaggedReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  position: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.position = start;
  }

  read(depth: number): unknown {
    const tag = this.#bytes[this.#take(1)];
    switch (tag) {
      case tagUndefined:
        return undefined;
      case tagNull:
        return null;
      case tagFalse:
        return false;
      case tagTrue:
        return true;
      case tagInt32:
        return this.#bytes.readInt32LE(this.#take(4));
      case tagFloat64:
        return this.#bytes.readDoubleLE(this.#take(8));
      case tagBigint:
        return BigInt(this.#string());
      case tagDate:
        return new Date(this.#bytes.readDoubleLE(this.#take(8)));
      case tagBytes:
        return this.#copy(this.#count());
      case tagArray:
        return this.#array(depth);
      case tagObject:
        return this.#object(depth);
      default:
        return this.#text(tag);
    }
  }

  #array(depth: number): unknown[] {
    assert(depth < depthMax, `a fallback value is nested deeper than ${depthMax} levels`);
    const array: unknown[] = [];
    for (let left = this.#count(); left > 0; left--) array.push(this.read(depth + 1));
    return array;
  }

  #object(depth: number): Record<string, unknown> {
    assert(depth < depthMax, `a fallback value is nested deeper than ${depthMax} levels`);
    const object: Record<string, unknown> = {};
    for (let left = this.#count(); left > 0; left--) {
      const name = this.#string();
      const value = this.read(depth + 1);
      if (name === "__proto__") defineField(object, name, value);
      else object[name] = value;
    }
    return object;
  }

  #string(): string {
    return this.#text(this.#bytes[this.#take(1)]);
  }

  #text(tag: number | undefined): string {
    const length = this.#count();
    const start = this.#take(length);
    switch (tag) {
      case tagAscii:
        return this.#bytes.toString("latin1", start, start + length);
      case tagUtf8:
        return this.#bytes.toString("utf8", start, start + length);
      case tagUtf16:
        return this.#bytes.toString("utf16le", start, start + length);
      default:
        throw new AssertionFailure(`a fallback value has the unknown tag ${tag}`);
    }
  }

  #copy(length: number): Uint8Array {
    const start = this.#take(length);
    const copy = new Uint8Array(length);
    copy.set(this.#bytes.subarray(start, start + length));
    return copy;
  }

  #count(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** Moves past `byteCount` bytes and returns where they start. */
  #take(byteCount: number): number {
    const start = this.position;
    assert(byteCount <= this.#end - start, "a fallback value is cut short");
    this.position = start + byteCount;
    return start;
  }
}

/** Assigning `__proto__` would set the prototype. */
export function defineField(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}
