/**
 * What a worker writes at once as one file or object: a head that says where each block starts, then the blocks. Numbers
 * are little-endian.
 *
 *   u32 magic "MRBF", u32 count, count × u32 lengths, u32 crc32 of these, the blocks
 */

import { crc32 } from "node:zlib";
import { ByteSink, ByteSource } from "./byte-sink.ts";

const MAGIC = 0x4642524d;

/** Before the lengths. */
export const HEAD_START_BYTES = 8;

export function headOf(blocks: readonly Uint8Array[]): Uint8Array {
  const out = new ByteSink();
  out.u32(MAGIC);
  out.u32(blocks.length);
  for (const block of blocks) out.u32(block.length);
  out.u32(crc32(out.view()));
  return out.finish();
}

/** How long the whole head is, from how it starts; undefined: it is none. */
export function headBytes(start: Uint8Array): number | undefined {
  if (start.length < HEAD_START_BYTES) return undefined;
  const source = new ByteSource(start);
  return source.u32() === MAGIC ? HEAD_START_BYTES + 4 * source.u32() + 4 : undefined;
}

/** Where each block starts, and where the last one ends; empty when the head is damaged. */
export function startsIn(head: Uint8Array): readonly number[] {
  const bytes = headBytes(head);
  if (bytes === undefined || head.length < bytes) return [];
  const lengths = new ByteSource(head.subarray(HEAD_START_BYTES, bytes));
  const starts = [bytes];
  for (let i = 0; i < (bytes - HEAD_START_BYTES - 4) / 4; i++) starts.push((starts[i] as number) + lengths.u32());
  return lengths.u32() === crc32(head.subarray(0, bytes - 4)) ? starts : [];
}
