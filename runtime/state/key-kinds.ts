/** What the keys of a block are: the next program's keys are compared with it when it goes on from a savepoint. */

import { type Key, type KeyKind, keyKind, kindsByLetter } from "../../core/key.ts";
import { ByteSource } from "./byte-sink.ts";
import { encodings, readColumn } from "./column-codec.ts";
import { type BlockHeader, keysAt, passes } from "./state-block.ts";

/** Behind a column's encoding and its length. */
const TEXT_WIDTH_AT = 5;

/** None where rows have no keys of records. REQUIRES: a verified block, and its header. */
export function keyKindsOf(block: Uint8Array, { shape, rows }: BlockHeader): readonly KeyKind[] {
  if (shape.section === "drops" || passes(shape.section) || shape.named || rows === 0) return [];
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const { at, encoded } = keysAt(bytes);
  const encoding = bytes.readUInt8(at);
  // Keys that are not encoded are all numbers or all strings, so mostly the column's encoding tells.
  if (!encoded && encoding === encodings.text) return ["string"];
  if (!encoded && encoding !== encodings.constant) return ["number"];
  if (encoded && encoding === encodings.text) return kindsOf(firstLetters(bytes, at, rows));
  const source = new ByteSource(bytes);
  source.position = at;
  const keys = readColumn(source, rows);
  return encoded
    ? kindsOf(new Set(Array.from(keys, (key) => (key as string).charAt(0))))
    : [...new Set(Array.from(keys, (key) => keyKind(key as Key)))].sort();
}

function kindsOf(letters: ReadonlySet<string>): readonly KeyKind[] {
  return Array.from(letters, (letter) => kindsByLetter[letter] as KeyKind).sort();
}

/** Of a column of texts (`column-codec.ts`), none of which is made: a block has a thousand, and they are only counted by kind. */
function firstLetters(bytes: Buffer, columnAt: number, rows: number): ReadonlySet<string> {
  const width = bytes.readUInt8(columnAt + TEXT_WIDTH_AT);
  const lengthsAt = columnAt + TEXT_WIDTH_AT + 1;
  const codes = new Set<number>();
  let at = lengthsAt + 4 * rows;
  for (let row = 0; row < rows; row++) {
    codes.add(bytes[at] as number);
    at += width * bytes.readUInt32LE(lengthsAt + 4 * row);
  }
  return new Set(Array.from(codes, (code) => String.fromCharCode(code)));
}
