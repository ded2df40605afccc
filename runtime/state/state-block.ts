/**
 * State blocks: the bytes that keyed state and timers are saved in. A block holds up to about 1000 rows of one state, table
 * or timer domain of one operator, sorted by key group, and can be read without any other.
 *
 *   offset  0  u32  magic "MRSB"
 *           4  u8   format version, 2
 *           5  u8   section: 1 value, 2 list, 3 map, 4 reducing, 5 table, 6 drops, 7 timers, 8 in flight,
 *                   9 output
 *           6  u16  flags: 1 rows have values, 2 keys are key groups' numbers, 4 keys are encoded, 8 event-time stamps,
 *                   16 processing-time stamps
 *           8  u32  length of the whole block
 *          12  u32  crc32 of all other bytes
 *          16  u32  rows
 *          20  u32  schema id: crc32 of the schema's text
 *          24  u16  first key group that the block is about
 *          26  u16  last key group
 *          28  u16  float64 columns of a table
 *          30  u16  g, key groups in the index
 *          32  …    name of the state, table or domain: u16 length and UTF-8
 *           …  …    index: g × (u16 key group, u32 its first row), ascending
 *           …  …    columns (`column-codec.ts`), in the order that the section gives
 *
 * All numbers little-endian. `docs/state-block.md` tells the columns of each section.
 */

import { crc32 } from "node:zlib";
import { MillraceError } from "../../core/errors.ts";
import { decodeKey, encodeKey, type Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateSnapshot } from "../../core/state-backend.ts";
import { ByteSink, ByteSource } from "./byte-sink.ts";
import { areNumbersOrTexts, type Column, OwnColumn, readColumn, writeColumn } from "./column-codec.ts";
import { EncodedTuples } from "./encoded-tuples.ts";

/** Large enough that the cost of a block disappears in its rows', small enough to be encoded in about a millisecond. */
export const BLOCK_ROWS = 1000;

/** A block is cut before it is about so large, so that large values do not make a long pause of it. */
export const BLOCK_BYTES_TARGET = 128 * 1024;

const MAGIC = 0x4253524d;
const VERSION = 2;
const CRC_AT = 12;
const HEADER_BYTES = 32;

export const sections = ["value", "list", "map", "reducing", "table", "drops", "timers", "inFlight", "output"] as const;
export type Section = (typeof sections)[number];

/** Sections that are no state: they hold for the checkpoint itself, and not for those that build on it. */
export type PassingSection = "inFlight" | "output";

export function passes(section: Section): section is PassingSection {
  return section === "inFlight" || section === "output";
}

const flags = { values: 1, named: 2, encodedKeys: 4, event: 8, processing: 16 } as const;

/** What the rows of a state look like. */
export interface StateShape {
  readonly section: Section;
  /** Of a table: its float64 columns, whether rows have values, and whether a key is a key group's number. */
  readonly numbers: number;
  readonly values: boolean;
  readonly named: boolean;
  /** The time in which values age. */
  readonly stamps: "event" | "processing" | undefined;
}

export function shapeOf(section: Section, stamps?: StateShape["stamps"]): StateShape {
  return { section, numbers: 0, values: false, named: false, stamps };
}

/** The schema of a state as text: two states with the same text hold the same kind of rows. */
export function schemaText({ section, numbers, values, named, stamps }: StateShape): string {
  if (section === "table") return JSON.stringify({ kind: section, numbers, values, keyGroup: named ? "key" : "hash" });
  return JSON.stringify(stamps === undefined ? { kind: section } : { kind: section, ages: stamps });
}

export function schemaId(shape: StateShape): number {
  return crc32(schemaText(shape));
}

export interface BlockContent {
  readonly name: string;
  readonly shape: StateShape;
  /** The key group of each row, ascending. Empty for a block without rows of key groups, which then is about `about`. */
  readonly groups: ArrayLike<number>;
  readonly about?: KeyGroupRange;
  /** Absent where rows have no keys; of those that write themselves all are numbers, or all texts, or tuples. */
  readonly keys?: ArrayLike<Key> | OwnColumn;
  readonly rows: number;
  readonly columns: readonly (Column | OwnColumn)[];
}

/** What is read from a block's header: all that a manifest says of it. */
export interface BlockHeader {
  readonly name: string;
  readonly shape: StateShape;
  readonly schema: number;
  readonly keyGroups: KeyGroupRange;
  readonly rows: number;
  readonly bytes: number;
  readonly crc: number;
}

/** Blocks are encoded one behind the other, in the same memory. */
const out = new ByteSink();

/** @throws BAD_RECORD for values that cannot be saved. */
export function encodeBlock(content: BlockContent, operator: string): Uint8Array<ArrayBuffer> {
  const { name, shape, groups, keys, columns } = content;
  const index = indexOf(groups);
  const encoded = keys instanceof OwnColumn ? keys instanceof EncodedTuples : keys && !areNumbersOrTexts(keys);
  out.clear();
  out.u32(MAGIC);
  out.u8(VERSION);
  out.u8(1 + sections.indexOf(shape.section));
  out.u16(flagsOf(shape) | (encoded ? flags.encodedKeys : 0));
  out.u32(0);
  out.u32(0);
  out.u32(content.rows);
  out.u32(schemaId(shape));
  out.u16(content.about?.first ?? (groups[0] as number));
  out.u16(content.about?.last ?? (groups[groups.length - 1] as number));
  out.u16(shape.numbers);
  out.u16(index.length);
  out.name(name);
  for (const [group, row] of index) {
    out.u16(group);
    out.u32(row);
  }
  try {
    if (keys !== undefined) writeColumn(out, encoded ? encodedKeys(keys, operator) : keys);
    for (const column of columns) writeColumn(out, column);
  } catch (cause) {
    throw notSaveable(shape.section, name, operator, cause);
  }
  out.patchU32(8, out.length);
  out.patchU32(CRC_AT, checksum(out.view()));
  return out.finish();
}

function encodedKeys(keys: ArrayLike<Key> | OwnColumn, operator: string): readonly string[] | OwnColumn {
  return keys instanceof OwnColumn ? keys : Array.from(keys, (key) => encodeKey(key, operator));
}

function flagsOf({ values, named, stamps }: StateShape): number {
  return (values ? flags.values : 0) | (named ? flags.named : 0) | (stamps === undefined ? 0 : flags[stamps]);
}

function indexOf(groups: ArrayLike<number>): (readonly [group: number, row: number])[] {
  const index: (readonly [number, number])[] = [];
  for (let row = 0; row < groups.length; row++) {
    if (row === 0 || groups[row] !== groups[row - 1]) index.push([groups[row] as number, row]);
  }
  return index;
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(CRC_AT + 4), crc32(bytes.subarray(0, CRC_AT)));
}

export function notSaveable(section: Section, name: string, operator: string, cause: unknown): MillraceError {
  return new MillraceError(
    "BAD_RECORD",
    `the ${section === "table" ? "table" : "state"} "${name}" of "${operator}" holds a value that cannot be saved: ${String(cause)}. ` +
      "Keep plain data, typed arrays, dates, maps and sets in state; no functions, symbols or promises",
    { operator, cause },
  );
}

/** What a block's header says. @throws STATE_CORRUPT for anything that is no whole, undamaged block of this version. */
export function readHeader(block: Uint8Array, where: string, operator: string): BlockHeader {
  return open(block, where, operator).header;
}

function open(block: Uint8Array, where: string, operator: string): { header: BlockHeader; source: ByteSource } {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const fault = faultOf(bytes);
  if (fault !== undefined) throw corrupt(operator, `${where} ${fault}`);
  const bits = bytes.readUInt16LE(6);
  const source = new ByteSource(bytes);
  source.position = HEADER_BYTES;
  const shape: StateShape = {
    section: sections[bytes.readUInt8(5) - 1] as Section,
    numbers: bytes.readUInt16LE(28),
    values: (bits & flags.values) !== 0,
    named: (bits & flags.named) !== 0,
    stamps: (bits & flags.event) !== 0 ? "event" : (bits & flags.processing) !== 0 ? "processing" : undefined,
  };
  const schema = bytes.readUInt32LE(20);
  if (schema !== schemaId(shape))
    throw corrupt(operator, `${where} has the schema ${schema}, which this Millrace does not know`);
  const header: BlockHeader = {
    name: source.name(),
    shape,
    schema,
    keyGroups: { first: bytes.readUInt16LE(24), last: bytes.readUInt16LE(26) },
    rows: bytes.readUInt32LE(16),
    bytes: bytes.length,
    crc: bytes.readUInt32LE(CRC_AT),
  };
  return { header, source };
}

function faultOf(bytes: Buffer): string | undefined {
  if (bytes.length < HEADER_BYTES) return `has ${bytes.length} bytes, less than a header`;
  if (bytes.readUInt32LE(0) !== MAGIC) return "does not start with the mark of a state block";
  const version = bytes.readUInt8(4);
  if (version !== VERSION) return `has format version ${version}; this Millrace reads version ${VERSION}`;
  const length = bytes.readUInt32LE(8);
  if (length !== bytes.length) return `has ${bytes.length} bytes instead of ${length}`;
  const stored = bytes.readUInt32LE(CRC_AT);
  const computed = checksum(bytes);
  if (stored !== computed) return `has checksum ${computed} instead of ${stored}`;
  if (sections[bytes.readUInt8(5) - 1] === undefined) return `has an unknown section ${bytes.readUInt8(5)}`;
  if (bytes.readUInt16LE(6) >= 32) return `has unknown flags ${bytes.readUInt16LE(6)}`;
  return undefined;
}

/** A verified block and its columns. */
export interface OpenBlock {
  readonly header: BlockHeader;
  /** The first row of each key group, ascending, and the end. */
  readonly index: readonly (readonly [group: number, row: number])[];
  readonly keys: readonly Key[] | Float64Array | Int32Array;
  readonly columns: readonly Column[];
}

/** How many columns follow the keys, by section; the rows of some are not the block's. */
export interface ColumnPlan {
  readonly keys: boolean;
  /** Reads the columns behind the keys. */
  read(next: (rows: number) => Column, header: BlockHeader): readonly Column[];
}

/** @throws STATE_CORRUPT */
export function openBlock(block: Uint8Array, plan: ColumnPlan, where: string, operator: string): OpenBlock {
  const { header, source } = open(block, where, operator);
  const bits = Buffer.from(block.buffer, block.byteOffset, block.byteLength).readUInt16LE(6);
  const groups = Buffer.from(block.buffer, block.byteOffset, block.byteLength).readUInt16LE(30);
  try {
    const index = Array.from({ length: groups }, () => [source.u16(), source.u32()] as const);
    const keys = plan.keys ? readKeys(source, header.rows, (bits & flags.encodedKeys) !== 0) : [];
    const columns = plan.read((rows) => readColumn(source, rows), header);
    if (source.left > 0) throw new RangeError(`${source.left} bytes are left over`);
    return { header, index, keys, columns };
  } catch (cause) {
    throw corrupt(operator, `${where} cannot be decoded: ${String(cause)}`, cause);
  }
}

/** Where the column of keys is, and whether they are encoded. REQUIRES: a verified block whose rows have keys. */
export function keysAt(bytes: Buffer): { readonly at: number; readonly encoded: boolean } {
  const at = HEADER_BYTES + 2 + bytes.readUInt16LE(HEADER_BYTES) + 6 * bytes.readUInt16LE(30);
  return { at, encoded: (bytes.readUInt16LE(6) & flags.encodedKeys) !== 0 };
}

function readKeys(source: ByteSource, rows: number, encoded: boolean): OpenBlock["keys"] {
  const column = readColumn(source, rows);
  return encoded ? Array.from(column, (text) => decodeKey(text as string)) : (column as OpenBlock["keys"]);
}

/** The rows of a block that are in a range of key groups: contiguous, as blocks are sorted. */
export function rowsWithin({ header, index }: OpenBlock, range: KeyGroupRange): readonly [from: number, to: number] {
  const from = index.find(([group]) => group >= range.first)?.[1] ?? header.rows;
  const to = index.find(([group]) => group > range.last)?.[1] ?? header.rows;
  return [from, to];
}

/** The key group of each row. */
export function groupsOf({ header, index }: OpenBlock): Uint16Array {
  const groups = new Uint16Array(header.rows);
  index.forEach(([group, row]) => {
    groups.fill(group, row);
  });
  return groups;
}

export function intersects(a: KeyGroupRange, b: KeyGroupRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** The blocks of a snapshot that are about some of the given key groups, with a name for each in errors. */
export function* blocksWithin(
  snapshot: StateSnapshot,
  range: KeyGroupRange,
  operator: string,
): Generator<{ readonly block: Uint8Array; readonly where: string; readonly header: BlockHeader }> {
  for (const [keyGroup, blocks] of snapshot) {
    if (keyGroup < range.first || keyGroup > range.last) continue;
    for (const [position, block] of blocks.entries()) {
      const where = `block ${position} of key group ${keyGroup}`;
      const header = readHeader(block, where, operator);
      if (header.keyGroups.first !== keyGroup || header.keyGroups.last !== keyGroup)
        throw corrupt(operator, `${where} belongs to key groups ${header.keyGroups.first}–${header.keyGroups.last}`);
      yield { block, where, header };
    }
  }
}

export function corrupt(operator: string, fault: string, cause?: unknown): MillraceError {
  return new MillraceError(
    "STATE_CORRUPT",
    `the saved state of "${operator}" cannot be restored: ${fault}. Restore an earlier checkpoint or savepoint`,
    { operator, ...(cause === undefined ? {} : { cause }) },
  );
}
