/**
 * Writes requests in the flexible forms of Kafka's protocol, the only ones that are used here: lengths of texts, bytes and
 * arrays are unsigned varints of one more than the length (0 is null), and each structure ends with its tagged fields, of
 * which we write none.
 *
 * Record batches are not copied: what is written is a list of parts, and a batch is one of them.
 */

import { writeInt64 } from "../codec/int64.ts";
import { writeUnsigned } from "../codec/varint.ts";

const FIRST_BYTES = 256;
const VARINT_BYTES_MAX = 5;
const UTF8_BYTES_A_UNIT = 3;

export class Writer {
  readonly #parts: Buffer[] = [];
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #view = viewOf(this.#bytes);
  #start = 0;
  #at = 0;

  /** What was written, in order. */
  parts(): Buffer[] {
    this.#closePart();
    return this.#parts;
  }

  int8(value: number): this {
    this.#reserve(1);
    this.#view.setInt8(this.#at++, value);
    return this;
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  int16(value: number): this {
    this.#reserve(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
    return this;
  }

  int32(value: number): this {
    this.#reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
    return this;
  }

  int64(value: number): this {
    this.#reserve(8);
    writeInt64(this.#view, this.#at, value);
    this.#at += 8;
    return this;
  }

  text(value: string | null): this {
    if (value === null) return this.#length(-1);
    const size = Buffer.byteLength(value);
    this.#length(size);
    this.#reserve(size);
    this.#at += this.#bytes.write(value, this.#at);
    return this;
  }

  /** A text of the old form, with a length of two bytes: the client id in the head of each request. */
  oldText(value: string): this {
    this.#reserve(2 + value.length * UTF8_BYTES_A_UNIT);
    const size = this.#bytes.write(value, this.#at + 2);
    this.#view.setInt16(this.#at, size);
    this.#at += 2 + size;
    return this;
  }

  /** Bytes that must not change until the request is answered. */
  bytes(value: Buffer): this {
    this.#length(value.length);
    this.#closePart();
    this.#parts.push(value);
    return this;
  }

  array<T>(items: readonly T[] | null, write: (item: T) => void): this {
    this.#length(items === null ? -1 : items.length);
    for (const item of items ?? []) write(item);
    return this;
  }

  /** The end of a structure: no tagged fields. */
  end(): this {
    return this.int8(0);
  }

  #length(length: number): this {
    this.#reserve(VARINT_BYTES_MAX);
    this.#at = writeUnsigned(this.#bytes, this.#at, length + 1);
    return this;
  }

  #closePart(): void {
    if (this.#at > this.#start) this.#parts.push(this.#bytes.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    this.#closePart();
    this.#bytes = Buffer.allocUnsafe(Math.max(more, this.#bytes.length * 2));
    this.#view = viewOf(this.#bytes);
    this.#start = this.#at = 0;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
