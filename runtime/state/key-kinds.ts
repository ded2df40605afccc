/** What the keys of a block are: the next program's keys are compared with it when it goes on from a savepoint. */

import { decodeKey, type Key, type KeyKind, keyKind } from "../../core/key.ts";
import { ByteSource } from "./byte-sink.ts";
import { encodings, readColumn } from "./column-codec.ts";
import { type BlockHeader, keysAt, passes } from "./state-block.ts";

/** None where rows have no keys of records. REQUIRES: a verified block, and its header. */
export function keyKindsOf(block: Uint8Array, { shape, rows }: BlockHeader): readonly KeyKind[] {
  if (shape.section === "drops" || passes(shape.section) || shape.named || rows === 0) return [];
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const { at, encoded } = keysAt(bytes);
  const encoding = bytes.readUInt8(at);
  // Keys that are not encoded are all numbers or all strings, so mostly the column's encoding tells.
  if (!encoded && encoding === encodings.text) return ["string"];
  if (!encoded && encoding !== encodings.constant) return ["number"];
  const source = new ByteSource(bytes);
  source.position = at;
  const keys = Array.from(readColumn(source, rows), (key) => (encoded ? decodeKey(key as string) : (key as Key)));
  return [...new Set(keys.map(keyKind))].sort();
}
