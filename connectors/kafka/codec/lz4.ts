/**
 * LZ4 in its frame format:
 *
 *   magic 0x184D2204 | FLG | BD | [content size 8] | header checksum 1 | blocks | 0 (4 bytes) | [content checksum 4]
 *
 *   FLG  bits 6–7 version 1, 5 blocks are independent, 4 block checksums, 3 content size, 2 content checksum, 0 dictionary
 *   BD   bits 4–6 largest block: 4 64 KB, 5 256 KB, 6 1 MB, 7 4 MB
 *   block  its length (bit 31: stored as it is), its bytes, [checksum 4]
 *
 * A block is sequences: a token (literal length, match length - 4, 4 bits each; 15 goes on in bytes until one is not 255),
 * the literal, two bytes of offset. The last sequence is a literal only.
 *
 * All of this is read. What is written has independent blocks of 64 KB and no checksums but the header's, as the Java
 * client writes it.
 */

import { damaged, demand } from "./format-error.ts";
import { hash4, MATCH_TABLE_BITS } from "./match.ts";
import { repeat } from "./snappy.ts";
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = 0x184d2204;
const FLAG = {
  version: 0b1100_0000,
  blockSum: 0b1_0000,
  contentSize: 0b1000,
  contentSum: 0b100,
  dictionary: 1,
} as const;
const VERSION_1 = 0b0100_0000;
const INDEPENDENT = 0b10_0000;
const STORED = 0x8000_0000;
const BLOCK = 64 * 1024;
/** The format asks that the last 5 bytes of a block are literal, and that no match begins in the last 12. */
const TAIL_LITERAL = 5;
const TAIL_NO_MATCH = 12;
const MATCH_MIN = 4;
const OFFSET_MAX = 0xffff;

interface Frame {
  readonly flags: number;
  readonly blockMax: number;
  /** Where the blocks begin. */
  readonly at: number;
}

export function lz4Decompress(bytes: Buffer, sizeMax: number): Buffer {
  const frame = readFrameHead(bytes);
  const output = new Output(sizeMax);
  let at = frame.at;
  for (;;) {
    demand(at + 4 <= bytes.length, "an LZ4 frame without an end");
    const word = bytes.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const length = word & ~STORED;
    demand(length <= frame.blockMax && at + length <= bytes.length, `an LZ4 block of ${length} bytes`);
    const block = bytes.subarray(at, at + length);
    at += length;
    if ((word & STORED) !== 0) output.append(block);
    else decompressBlock(block, output, frame.blockMax);
    if ((frame.flags & FLAG.blockSum) !== 0) at = checkSum(bytes, at, block);
  }
  if ((frame.flags & FLAG.contentSum) !== 0) at = checkSum(bytes, at, output.content());
  demand(at === bytes.length, `${bytes.length - at} bytes behind an LZ4 frame`);
  return output.content();
}

function readFrameHead(bytes: Buffer): Frame {
  demand(bytes.length >= 7 && bytes.readUInt32LE(0) === MAGIC, "no LZ4 frame");
  const flags = bytes.readUInt8(4);
  const code = (bytes.readUInt8(5) >>> 4) & 7;
  demand((flags & FLAG.version) === VERSION_1, "an LZ4 frame of unknown version");
  demand((flags & FLAG.dictionary) === 0, "an LZ4 frame with a dictionary");
  demand(code >= 4, "an LZ4 frame with an unknown size of blocks");
  const end = 6 + ((flags & FLAG.contentSize) === 0 ? 0 : 8);
  demand(end < bytes.length, "an LZ4 frame is cut short");
  demand(bytes[end] === headerSum(bytes.subarray(4, end)), "the checksum of an LZ4 frame's head is wrong");
  return { flags, blockMax: 1 << (8 + 2 * code), at: end + 1 };
}

function headerSum(descriptor: Buffer): number {
  return (xxhash32(descriptor) >>> 8) & 255;
}

function checkSum(bytes: Buffer, at: number, of: Buffer): number {
  demand(at + 4 <= bytes.length && bytes.readUInt32LE(at) === xxhash32(of), "a checksum in an LZ4 frame is wrong");
  return at + 4;
}

/** Decompressed bytes, which matches of later blocks may reach back into. */
class Output {
  bytes: Buffer = Buffer.allocUnsafe(BLOCK);
  size = 0;
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  reserve(more: number): void {
    const needed = this.size + more;
    if (needed > this.#sizeMax) throw damaged(`an LZ4 frame that makes more than ${this.#sizeMax} bytes`);
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.size);
    this.bytes = grown;
  }

  append(from: Buffer): void {
    this.reserve(from.length);
    this.size += from.copy(this.bytes, this.size);
  }

  content(): Buffer {
    return this.bytes.subarray(0, this.size);
  }
}

function decompressBlock(from: Buffer, output: Output, blockMax: number): void {
  const limit = output.size + blockMax;
  let at = 0;
  const extended = (nibble: number): number => {
    if (nibble !== 15) return nibble;
    let length = 15;
    for (let byte = 255; byte === 255; length += byte) byte = from[at++] ?? 0;
    return length;
  };
  for (;;) {
    demand(at < from.length, "an LZ4 block is cut short");
    const token = from[at++] as number; // the index is below the length
    const literal = extended(token >>> 4);
    demand(at + literal <= from.length && output.size + literal <= limit, "an LZ4 literal is too long");
    if (literal > 0) output.append(from.subarray(at, at + literal));
    at += literal;
    if (at === from.length) return;
    demand(at + 2 <= from.length, "an LZ4 match is cut short");
    const offset = from.readUInt16LE(at);
    at += 2;
    const length = extended(token & 15) + MATCH_MIN;
    demand(offset > 0 && offset <= output.size, "an LZ4 match from outside of its frame");
    demand(output.size + length <= limit, "an LZ4 match is too long");
    output.reserve(length);
    repeat(output.bytes, output.size, offset, length);
    output.size += length;
  }
}

export function lz4Compress(bytes: Buffer): Buffer {
  const descriptor = Buffer.from([VERSION_1 | INDEPENDENT, 4 << 4]);
  const head = Buffer.from([4, 0x22, 0x4d, 0x18, ...descriptor, headerSum(descriptor)]);
  const parts: Buffer[] = [head];
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const from = bytes.subarray(at, at + BLOCK);
    const block = compressBlock(from);
    const smaller = block.length < from.length;
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(smaller ? block.length : (from.length | STORED) >>> 0);
    parts.push(length, smaller ? block : from);
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}

function compressBlock(from: Buffer): Buffer {
  const to = Buffer.allocUnsafe(from.length + Math.ceil(from.length / 255) + 16);
  const table = new Uint16Array(1 << MATCH_TABLE_BITS); // position of the last four bytes of that hash
  const matchesEnd = from.length - TAIL_LITERAL;
  let out = 0;
  let literal = 0;
  let misses = 32;
  for (let at = 1; at <= from.length - TAIL_NO_MATCH; ) {
    const four = from.readUInt32LE(at);
    const slot = hash4(four);
    const candidate = table[slot] as number; // the slot is within the table by its form
    table[slot] = at;
    if (at - candidate > OFFSET_MAX || from.readUInt32LE(candidate) !== four) {
      at += misses++ >>> 5; // the longer nothing is found, the faster it goes on
      continue;
    }
    const start = at;
    for (at += MATCH_MIN; at < matchesEnd && from[at] === from[candidate + at - start]; ) at++;
    out = writeSequence(from, literal, start, to, out, at - start - MATCH_MIN);
    out = to.writeUInt16LE(start - candidate, out);
    out = writeExtension(to, out, at - start - MATCH_MIN);
    literal = at;
    misses = 32;
  }
  return to.subarray(0, writeSequence(from, literal, from.length, to, out, 0));
}

/** Token, length and literal. */
function writeSequence(from: Buffer, start: number, end: number, to: Buffer, at: number, match: number): number {
  const length = end - start;
  to[at] = (Math.min(length, 15) << 4) | Math.min(match, 15);
  const out = writeExtension(to, at + 1, length);
  from.copy(to, out, start, end);
  return out + length;
}

/** What a length has beyond the 15 of its token. */
function writeExtension(to: Buffer, at: number, length: number): number {
  if (length < 15) return at;
  let out = at;
  let left = length - 15;
  for (; left >= 255; left -= 255) to[out++] = 255;
  to[out++] = left;
  return out;
}
