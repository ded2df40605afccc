/**
 * Blocks: the bytes that keyed state and timers are snapshotted in. One block holds up to BLOCK_ROWS rows of one section of
 * one key group and can be read without any other.
 *
 *   offset  0  u32  magic "MRSB"
 *           4  u8   format version, 1
 *           5  u8   section: 1 states, 2 table, 3 timers
 *           6  u16  key group
 *           8  u32  rows
 *          12  u32  length of the payload
 *          16  u32  crc32 of bytes 0–15 and the payload
 *          20  …    payload: a node:v8 serialisation, which carries a version of its own and reads all older ones
 *
 * All numbers little-endian. Readers of one section pass over the others, so a task may put the blocks of its state and of
 * its timers into one snapshot.
 */

import { DefaultDeserializer, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateSnapshot } from "../../core/state-backend.ts";

/** Large enough that the cost of a block disappears in its rows', small enough to be encoded in about a millisecond. */
export const BLOCK_ROWS = 1000;

const MAGIC = 0x4253524d;
const VERSION = 1;
const HEADER_BYTES = 20;

export type Section = "states" | "table" | "timers";

const sectionNumbers: Readonly<Record<Section, number>> = { states: 1, table: 2, timers: 3 };

/** Keys of a block; a column of float64 where all are numbers. */
export type KeyColumn = Float64Array | readonly Key[];

export function keyColumn(keys: readonly Key[]): KeyColumn {
  return keys.every((key) => typeof key === "number") ? new Float64Array(keys as readonly number[]) : keys;
}

/** Every payload has its keys, one a row. */
export interface BlockContent {
  readonly keys: KeyColumn;
}

/** Collects blocks by key group. */
export class SnapshotWriter {
  readonly #operator: string;
  readonly #blocks = new Map<number, Uint8Array[]>();

  constructor(operator: string) {
    this.#operator = operator;
  }

  /** @param what names the content in an error, as in `state "total"`. @throws BAD_RECORD for values that cannot be saved. */
  add(keyGroup: number, section: Section, content: BlockContent, what: string): void {
    const block = encodeBlock(keyGroup, section, content.keys.length, this.#serialize(content, what));
    const blocks = this.#blocks.get(keyGroup);
    if (blocks === undefined) this.#blocks.set(keyGroup, [block]);
    else blocks.push(block);
  }

  finish(): StateSnapshot {
    return new Map([...this.#blocks].sort(([a], [b]) => a - b));
  }

  #serialize(content: BlockContent, what: string): Buffer {
    try {
      return serialize(content);
    } catch (cause) {
      throw new MillraceError(
        "BAD_RECORD",
        `${what} of "${this.#operator}" holds a value that cannot be saved: ${String(cause)}. ` +
          "Keep plain data, typed arrays, dates, maps and sets in state; no functions, symbols or promises",
        { operator: this.#operator, cause },
      );
    }
  }
}

function encodeBlock(keyGroup: number, section: Section, rows: number, payload: Buffer): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + payload.length);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt8(VERSION, 4);
  bytes.writeUInt8(sectionNumbers[section], 5);
  bytes.writeUInt16LE(keyGroup, 6);
  bytes.writeUInt32LE(rows, 8);
  bytes.writeUInt32LE(payload.length, 12);
  payload.copy(bytes, HEADER_BYTES);
  bytes.writeUInt32LE(checksum(bytes), 16);
  return new Uint8Array(bytes.buffer, 0, bytes.length);
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, 16)));
}

/**
 * The contents of one section in the given key groups. Blocks of every section in these groups are verified.
 * @throws MillraceError STATE_CORRUPT for a wrong checksum, an unknown version, or a block in the wrong key group.
 */
export function* readBlocks(
  snapshot: StateSnapshot,
  section: Section,
  keyGroups: KeyGroupRange,
  operator: string,
): Generator<{ readonly keyGroup: number; readonly content: BlockContent }> {
  for (const [keyGroup, blocks] of snapshot) {
    if (keyGroup < keyGroups.first || keyGroup > keyGroups.last) continue;
    for (const [position, block] of blocks.entries()) {
      const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
      const fault = faultOf(bytes, keyGroup);
      if (fault !== undefined) throw corrupt(operator, `block ${position} of key group ${keyGroup} ${fault}`);
      if (bytes.readUInt8(5) !== sectionNumbers[section]) continue;
      const content = decodePayload(bytes, operator, keyGroup);
      yield { keyGroup, content };
    }
  }
}

function faultOf(bytes: Buffer, keyGroup: number): string | undefined {
  if (bytes.length < HEADER_BYTES) return `has ${bytes.length} bytes, less than a header`;
  if (bytes.readUInt32LE(0) !== MAGIC) return "does not start with the mark of a state block";
  const version = bytes.readUInt8(4);
  if (version !== VERSION) return `has format version ${version}; this Millrace reads version ${VERSION}`;
  const length = bytes.readUInt32LE(12);
  if (length !== bytes.length - HEADER_BYTES)
    return `has ${bytes.length - HEADER_BYTES} bytes of payload instead of ${length}`;
  const stored = bytes.readUInt32LE(16);
  const computed = checksum(bytes);
  if (stored !== computed) return `has checksum ${computed} instead of ${stored}`;
  const group = bytes.readUInt16LE(6);
  if (group !== keyGroup) return `belongs to key group ${group}`;
  return undefined;
}

function decodePayload(bytes: Buffer, operator: string, keyGroup: number): BlockContent {
  const reader = new OwningDeserializer(bytes.subarray(HEADER_BYTES));
  reader.readHeader();
  const content = reader.readValue() as BlockContent;
  const rows = bytes.readUInt32LE(8);
  if (content.keys.length !== rows) {
    throw corrupt(operator, `a block of key group ${keyGroup} has ${content.keys.length} keys instead of ${rows}`);
  }
  return content;
}

/** Copies typed arrays: Node's own reader gives views on the serialised bytes, which belong to whoever keeps the snapshot. */
class OwningDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const view = readHostObject.call(this) as ArrayBufferView;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer;
    if (Buffer.isBuffer(view)) return Buffer.from(bytes);
    const Constructor = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView;
    return new Constructor(bytes);
  }
}

/** Documented by Node as the hook of serialisers, but missing from its types. */
const readHostObject = (DefaultDeserializer.prototype as unknown as { _readHostObject(): unknown })._readHostObject;

export function corrupt(operator: string, fault: string): MillraceError {
  return new MillraceError(
    "STATE_CORRUPT",
    `the saved state of "${operator}" cannot be restored: ${fault}. Restore an earlier checkpoint or savepoint`,
    { operator },
  );
}
