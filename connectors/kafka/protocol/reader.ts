/**
 * Reads answers in the flexible forms of Kafka's protocol (see `writer.ts`). Lengths are never believed: whatever leads
 * out of the answer is refused, and an array has no more items than bytes are left.
 */

import { damaged } from "../codec/format-error.ts";
import { readInt64 } from "../codec/int64.ts";
import { readUnsigned, varintEnd } from "../codec/varint.ts";

export interface Range {
  readonly start: number;
  readonly end: number;
}

export class Reader {
  readonly buffer: Buffer;
  readonly #view: DataView;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.#at = at;
  }

  int8(): number {
    return this.#view.getInt8(this.#move(1));
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.#move(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#move(4));
  }

  int64(): number {
    return readInt64(this.#view, this.#move(8));
  }

  text(): string {
    return this.nullableText() ?? "";
  }

  nullableText(): string | null {
    const length = this.#length();
    if (length < 0) return null;
    const start = this.#move(length);
    return this.buffer.toString("utf8", start, start + length);
  }

  /** Where bytes lie in the answer: they are not copied. Null is empty. */
  bytes(): Range {
    const length = Math.max(0, this.#length());
    const start = this.#move(length);
    return { start, end: start + length };
  }

  /** Null is empty. */
  array<T>(read: () => T): T[] {
    const length = Math.max(0, this.#length());
    if (length > this.buffer.length - this.#at) throw damaged(`a list of ${length} items`);
    return Array.from({ length }, read);
  }

  /** The end of a structure: reads over its tagged fields, or hands them to `read`, which may leave bytes unread. */
  end(read?: (tag: number, field: Reader) => void): void {
    for (let left = this.#unsigned(); left > 0; left--) {
      const tag = this.#unsigned();
      const size = this.#unsigned();
      const start = this.#move(size);
      read?.(tag, new Reader(this.buffer.subarray(0, start + size), start));
    }
  }

  #length(): number {
    return this.#unsigned() - 1;
  }

  #unsigned(): number {
    const value = readUnsigned(this.buffer, this.#at);
    this.#move(varintEnd - this.#at);
    return value;
  }

  /** Moves on and returns where it was. */
  #move(count: number): number {
    const at = this.#at;
    if (count > this.buffer.length - at) throw damaged("it ends too early");
    this.#at = at + count;
    return at;
  }
}
