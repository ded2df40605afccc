/**
 * Strings of a column, written with one join and one write.
 *
 * The law: `offsets[n + 1] - offsets[n]` is the length of string n in UTF-16 units, and the frame's strings are
 * these strings, lone surrogates included. In the frame:
 *
 *   u32 encoding, u32 data bytes | int32 offsets[n + 1] | data | for utf8 only: int32 unit offsets[n + 1]
 *
 * - ascii: a byte is a unit, so the offsets serve Arrow and `substring` alike. Node's writer tells: it wrote as many
 *   bytes as the text has units.
 * - utf8: Arrow's offsets count bytes, so they are found by one pass over the written bytes; the unit offsets behind
 *   the data let the reader decode the column at once and cut it by `substring`.
 * - utf16: for text that is not well-formed, or whose strings part a surrogate pair between them. Offsets are units.
 *
 * Called by the stores of utf8 and utf8List columns; `text-view.ts` is the reader.
 */

import { Buffer } from "node:buffer";
import { align8, type FrameWriter } from "./frame.ts";

export const textEncoding = { ascii: 0, utf8: 1, utf16: 2 } as const;

export class TextBuffer {
  /** Set by generated code at once with `offsets`; as long as there is room, so that a store never grows it. */
  strings: string[] = [];
  offsets = new Int32Array(1);
  #joined = "";
  /** How many strings `#joined` holds, once it is made. */
  #joinedCount = -1;

  grow(capacity: number): void {
    this.offsets = grown(this.offsets, capacity + 1);
    if (this.strings.length >= capacity) return;
    const strings = new Array<string>(this.offsets.length - 1);
    for (let index = 0; index < this.strings.length; index++) strings[index] = this.strings[index] as string;
    this.strings = strings;
  }

  /** Sets string `index`, behind all that are there, and returns its length. */
  set(index: number, text: string): number {
    this.strings[index] = text;
    this.offsets[index + 1] = (this.offsets[index] as number) + text.length;
    return text.length;
  }

  bound(count: number, exact: boolean): number {
    const offsets = align8(4 * (count + 1));
    const units = count === 0 ? 0 : (this.offsets[count] as number);
    if (!exact) return 8 + 2 * offsets + align8(3 * units);
    const bytes = Buffer.byteLength(this.#join(count));
    if (bytes === units) return 8 + offsets + align8(bytes);
    return 8 + 2 * offsets + align8(Math.max(bytes, 2 * units));
  }

  write(out: FrameWriter, count: number): void {
    const text = this.#join(count);
    this.#joined = "";
    this.#joinedCount = -1;
    const head = out.position;
    const offsets = head + 8;
    const data = offsets + align8(4 * (count + 1));
    const written = out.bytes.write(text, data, "utf8");

    out.position = offsets;
    out.int32(this.offsets, count + 1);
    if (written === text.length) {
      this.#writeHead(out, head, textEncoding.ascii, written);
      out.advance(written);
    } else if (text.isWellFormed() && this.#writeByteOffsets(out, offsets, data, count)) {
      this.#writeHead(out, head, textEncoding.utf8, written);
      out.advance(written);
      out.int32(this.offsets, count + 1);
    } else {
      out.position = offsets;
      out.int32(this.offsets, count + 1);
      this.#writeHead(out, head, textEncoding.utf16, out.bytes.write(text, data, "utf16le"));
      out.advance(2 * text.length);
    }
  }

  #join(count: number): string {
    if (this.#joinedCount !== count) {
      const strings = this.strings.length === count ? this.strings : this.strings.slice(0, count);
      this.#joined = strings.join("");
      this.#joinedCount = count;
    }
    return this.#joined;
  }

  #writeHead(out: FrameWriter, head: number, encoding: number, byteCount: number): void {
    out.bytes.writeUInt32LE(encoding, head);
    out.bytes.writeUInt32LE(byteCount, head + 4);
  }

  /** Walks the written UTF-8 to find where each string ends; false when an end parts a surrogate pair. */
  #writeByteOffsets(out: FrameWriter, offsets: number, data: number, count: number): boolean {
    const bytes = out.bytes;
    const ends = new Int32Array(bytes.buffer, bytes.byteOffset + offsets, count + 1);
    let position = data;
    let units = 0;
    for (let index = 1; index <= count; index++) {
      const end = this.offsets[index] as number;
      while (units < end) {
        const lead = bytes[position] as number;
        units += lead < 0xf0 ? 1 : 2;
        position += lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      }
      if (units !== end) return false;
      ends[index] = position - data;
    }
    return true;
  }
}

/** `array` with room for `capacity` elements, at least doubled when it has to grow. */
export function grown<Values extends { readonly length: number; set(source: Values): void }>(
  array: Values,
  capacity: number,
): Values {
  if (array.length >= capacity) return array;
  const Values = array.constructor as new (length: number) => Values;
  const larger = new Values(Math.max(capacity, 2 * array.length));
  larger.set(array);
  return larger;
}
