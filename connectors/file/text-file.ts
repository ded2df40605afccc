/** What is true of every text file that is read here: UTF-8, perhaps with a byte order mark, and not packed. */

import { isUtf8 } from "node:buffer";
import { MillraceError } from "../../core/errors.ts";
import { BadLineError } from "./bad-lines.ts";
import { openInput, readInto } from "./input-files.ts";

const HEAD_BYTES = 64 * 1024;

const foreign: readonly { readonly magic: readonly number[]; readonly what: string; readonly advice: string }[] = [
  { magic: [0x1f, 0x8b], what: "compressed with gzip", advice: "unpack it first" },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], what: "compressed with zstd", advice: "unpack it first" },
  { magic: [0x50, 0x4b, 0x03, 0x04], what: "a zip archive", advice: "unpack it first" },
  { magic: [0x50, 0x41, 0x52, 0x31], what: "a Parquet file", advice: "read it with parquet()" },
  { magic: [0xff, 0xfe], what: "encoded in UTF-16", advice: "convert it to UTF-8" },
  { magic: [0xfe, 0xff], what: "encoded in UTF-16", advice: "convert it to UTF-8" },
];

/**
 * The first 64 KiB of a text file.
 * @throws MillraceError INPUT_UNREADABLE, or INPUT_FORMAT when it is evidently no text in UTF-8.
 */
export async function textHead(path: string): Promise<Buffer> {
  const handle = await openInput(path);
  try {
    const memory = Buffer.alloc(HEAD_BYTES);
    const head = memory.subarray(0, await readInto(handle, memory, 0, path));
    const found = foreign.find(({ magic }) => magic.every((byte, at) => head[at] === byte));
    if (found === undefined) return head;
    throw new MillraceError("INPUT_FORMAT", `${path} is ${found.what}, not text in UTF-8: ${found.advice}`);
  } finally {
    await handle.close();
  }
}

/** How many bytes a byte order mark takes at the start of a file. */
export function markBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** @throws BadLineError when the bytes are not UTF-8; decoding alone would put U+FFFD in silence. */
export function textOf(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString("utf8", from, to);
  // Looking for a two-byte character costs nothing in a string of one-byte ones.
  if (text.includes("\uFFFD") && !isUtf8(bytes.subarray(from, to))) throw new BadLineError("it is not UTF-8");
  return text;
}
