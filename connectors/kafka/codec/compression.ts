/** The compressions of record batches. gzip and zstd are Node's own, snappy and lz4 are ours (`snappy.ts`, `lz4.ts`). */

import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { damaged } from "./format-error.ts";
import { lz4Compress, lz4Decompress } from "./lz4.ts";
import { snappyCompress, snappyDecompress } from "./snappy.ts";

/** By the number that stands in a batch's attributes. */
export const compressions = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Compression = (typeof compressions)[number];

export function compress(kind: Compression, bytes: Buffer): Buffer {
  switch (kind) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes);
    case "snappy":
      return snappyCompress(bytes);
    case "lz4":
      return lz4Compress(bytes);
    case "zstd":
      return zstdCompressSync(bytes);
  }
}

/** @throws MillraceError KAFKA_FORMAT when they cannot be decompressed, or make more than `sizeMax` bytes */
export function decompress(kind: Compression, bytes: Buffer, sizeMax: number): Buffer {
  switch (kind) {
    case "none":
      return bytes;
    case "gzip":
      return byNode(kind, () => gunzipSync(bytes, { maxOutputLength: sizeMax }));
    case "snappy":
      return snappyDecompress(bytes, sizeMax);
    case "lz4":
      return lz4Decompress(bytes, sizeMax);
    case "zstd":
      return byNode(kind, () => zstdDecompressSync(bytes, { maxOutputLength: sizeMax }));
  }
}

function byNode(kind: Compression, run: () => Buffer): Buffer {
  try {
    return run();
  } catch (cause) {
    throw damaged(`${kind} bytes that cannot be decompressed (${(cause as Error).message})`, cause); // Node throws errors
  }
}
