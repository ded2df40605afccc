/**
 * Reads the strings that `text-buffer.ts` wrote: one decode of the column, then substrings.
 *
 * The law: string n is `text().substring(offsets[n], offsets[n + 1])`, whatever the encoding. A substring keeps the
 * column's whole text alive, so state flattens what it stores.
 */

import { Buffer } from "node:buffer";
import { assert } from "../../../core/assert.ts";
import type { FrameReader } from "./frame.ts";
import { textEncoding } from "./text-buffer.ts";

const bufferEncodings = ["latin1", "utf8", "utf16le"] as const;

export class TextView {
  /** In UTF-16 units. */
  offsets: Int32Array = new Int32Array(1);
  /** As stored: Arrow's offsets, unless the encoding is utf16. */
  storedOffsets: Int32Array = new Int32Array(1);
  encoding = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #text: string | undefined;

  bind(reader: FrameReader, count: number): void {
    this.encoding = reader.uint32();
    const byteCount = reader.uint32();
    assert(this.encoding < bufferEncodings.length, `a text column has the unknown encoding ${this.encoding}`);
    this.storedOffsets = reader.int32(count + 1);
    this.#bytes = reader.bytes;
    this.#start = reader.take(byteCount);
    this.#end = this.#start + byteCount;
    const width = this.encoding === textEncoding.utf16 ? 2 : 1;
    const last = this.storedOffsets[count] as number;
    assert(width * last === byteCount, `a text column has ${byteCount} bytes where its offsets end at ${last}`);
    this.offsets = this.encoding === textEncoding.utf8 ? reader.int32(count + 1) : this.storedOffsets;
    this.#text = undefined;
  }

  /** The whole column as one string, decoded when first asked for. */
  text(): string {
    this.#text ??= this.#bytes.toString(bufferEncodings[this.encoding], this.#start, this.#end);
    return this.#text;
  }

  /** The stored bytes. */
  data(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#start, this.#end - this.#start);
  }

  get(index: number): string {
    return this.text().substring(this.offsets[index] as number, this.offsets[index + 1] as number);
  }
}
