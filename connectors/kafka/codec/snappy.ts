/**
 * Snappy, in the framing of the Java client ("xerial"): 0x82 "SNAPPY" 0x00, two versions of 4 bytes, then chunks of a
 * length of 4 bytes and a block. Bytes without that head are one block, as some clients write them.
 *
 * A block is its decompressed size as an unsigned varint, then elements. The two lowest bits of an element's first byte
 * say which: 0 a literal, 1–3 a copy of what stands up to 2 KB, 64 KB or 4 GB before.
 */

import { demand } from "./format-error.ts";
import { hash4, MATCH_TABLE_BITS } from "./match.ts";
import { readUnsigned, varintEnd, writeUnsigned } from "./varint.ts";

const HEAD = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const MAGIC_BYTES = 8;
/** A copy of 3 bytes makes at most 64. */
const RATIO_MAX = 22;
/** What one block compresses: offsets within it fit two bytes. */
const BLOCK = 64 * 1024;

export function snappyDecompress(bytes: Buffer, sizeMax: number): Buffer {
  const framed = bytes.length >= HEAD.length && bytes.compare(HEAD, 0, MAGIC_BYTES, 0, MAGIC_BYTES) === 0;
  if (!framed) return decompressBlock(bytes, sizeMax);
  const blocks: Buffer[] = [];
  let size = 0;
  for (let at = HEAD.length; at < bytes.length; ) {
    demand(at + 4 <= bytes.length, "a snappy chunk is cut short");
    const end = at + 4 + bytes.readUInt32BE(at);
    demand(end <= bytes.length, "a snappy chunk is longer than its frame");
    const block = decompressBlock(bytes.subarray(at + 4, end), sizeMax - size);
    blocks.push(block);
    size += block.length;
    at = end;
  }
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks, size);
}

function decompressBlock(from: Buffer, sizeMax: number): Buffer {
  const size = readUnsigned(from, 0);
  demand(size <= sizeMax && size <= from.length * RATIO_MAX + 64, `a snappy block that makes ${size} bytes`);
  const to = Buffer.allocUnsafe(size);
  let at = varintEnd;
  let out = 0;
  while (at < from.length) {
    const tag = from[at++] as number;
    const kind = tag & 3;
    if (kind === 0) {
      const more = Math.max(0, (tag >>> 2) - 59); // bytes of length that follow
      demand(at + more <= from.length, "a snappy literal is cut short");
      const length = more === 0 ? (tag >>> 2) + 1 : from.readUIntLE(at, more) + 1;
      at += more;
      demand(at + length <= from.length && out + length <= size, "a snappy literal is too long");
      from.copy(to, out, at, at + length);
      at += length;
      out += length;
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    demand(at + offsetBytes <= from.length, "a snappy copy is cut short");
    const low = from.readUIntLE(at, offsetBytes);
    const offset = kind === 1 ? ((tag >>> 5) << 8) | low : low;
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    at += offsetBytes;
    demand(offset > 0 && offset <= out && out + length <= size, "a snappy copy from outside of its block");
    repeat(to, out, offset, length);
    out += length;
  }
  demand(out === size, `a snappy block made ${out} bytes of ${size}`);
  return to;
}

/** Copies `length` bytes from `offset` before `at` to `at`; what is copied may be copied again. */
export function repeat(bytes: Buffer, at: number, offset: number, length: number): void {
  if (offset >= length && length > 32) bytes.copyWithin(at, at - offset, at - offset + length);
  else for (let next = at; next < at + length; next++) bytes[next] = bytes[next - offset] as number;
}

export function snappyCompress(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [HEAD];
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = compressBlock(bytes.subarray(at, at + BLOCK));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(block.length);
    blocks.push(length, block);
  }
  return Buffer.concat(blocks);
}

function compressBlock(from: Buffer): Buffer {
  const to = Buffer.allocUnsafe(32 + from.length + Math.ceil(from.length / 6));
  const table = new Uint16Array(1 << MATCH_TABLE_BITS); // position of the last four bytes of that hash
  let out = writeUnsigned(to, 0, from.length);
  let literal = 0;
  let misses = 32;
  for (let at = 1; at + 4 <= from.length; ) {
    const four = from.readUInt32LE(at);
    const slot = hash4(four);
    const candidate = table[slot] as number; // the slot is within the table by its form
    table[slot] = at;
    if (from.readUInt32LE(candidate) !== four) {
      at += misses++ >>> 5; // the longer nothing is found, the faster it goes on
      continue;
    }
    out = writeLiteral(from, literal, at, to, out);
    const start = at;
    for (at += 4; at < from.length && from[at] === from[candidate + at - start]; ) at++;
    out = writeCopies(to, out, start - candidate, at - start);
    literal = at;
    misses = 32;
  }
  return to.subarray(0, writeLiteral(from, literal, from.length, to, out));
}

function writeLiteral(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const length = end - start;
  if (length === 0) return at;
  let out = at;
  if (length <= 60) to[out++] = (length - 1) << 2;
  else {
    const more = length <= 0x100 ? 1 : length <= 0x1_0000 ? 2 : 3;
    to[out++] = (59 + more) << 2;
    out = to.writeUIntLE(length - 1, out, more);
  }
  from.copy(to, out, start, end);
  return out + length;
}

/** A copy says up to 64 bytes. */
function writeCopies(to: Buffer, at: number, offset: number, length: number): number {
  let out = at;
  for (let left = length; left > 0; ) {
    const part = Math.min(left, 64);
    to[out] = ((part - 1) << 2) | 2;
    out = to.writeUInt16LE(offset, out + 1);
    left -= part;
  }
  return out;
}
