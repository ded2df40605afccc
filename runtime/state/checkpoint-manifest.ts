/**
 * The manifest of a checkpoint: what it consists of. It is written last; a checkpoint without one does not exist.
 *
 *   offset  0  u32  magic "MRCM"
 *           4  u8   format version: 3 when it lists retained output, 2 when it lists blocks in flight, else 1
 *           5  …    three zero bytes
 *           8  u32  length of the whole manifest
 *          12  u32  crc32 of all other bytes
 *          16  …    JSON, UTF-8
 *
 * A delta's manifest names its own blocks and the manifests that it builds on, each with its checksum, so its size goes
 * with what has changed. `docs/checkpoint-format.md` tells the fields.
 */

import { crc32 } from "node:zlib";
import { MillraceError } from "../../core/errors.ts";
import type { KeyKind } from "../../core/key.ts";
import type { CheckpointName } from "./checkpoint-store.ts";
import type { OperatorDeclaration } from "./operator-declaration.ts";
import type { Section } from "./state-block.ts";

const MAGIC = 0x4d43524d;
const VERSION = 1;
/** As those that know only the other could restore the state without what was in flight. */
const VERSION_IN_FLIGHT = 2;
/** Likewise without the output that may have to be written again. */
const VERSION_OUTPUT = 3;
const CRC_AT = 12;
const HEADER_BYTES = 16;

/** Bytes as base64, whose meaning is the business of whoever wrote them. */
export type Opaque = string;

export interface CheckpointManifest {
  readonly checkpoint: number;
  /** Whose state it is: a job, and all that continue it. */
  readonly lineage: string;
  readonly savepoint: boolean;
  readonly createdAtMs: number;
  /** How many key groups the job has. */
  readonly keyGroups: number;
  /** The manifests that this one builds on, oldest first; the first one is self-contained. Empty: this one is. */
  readonly chain: readonly ChainLink[];
  readonly operators: readonly OperatorRecord[];
  /** The stores that have its blocks, by the workers that wrote them; absent where everyone reaches the same store. */
  readonly holders?: Readonly<Record<string, readonly string[]>>;
  /** What sources and their enumerators have to continue from, by name. */
  readonly positions: Readonly<Record<string, Opaque>>;
  /** What sinks have to know of their part in it, by name. */
  readonly markers: Readonly<Record<string, Opaque>>;
}

export interface ChainLink {
  readonly name: CheckpointName;
  /** The checksum in that manifest's header. */
  readonly crc: number;
  /** Of the blocks that it lists; absent in checkpoints of older versions. */
  readonly bytes?: number;
}

export interface OperatorRecord {
  /** Its stable id. */
  readonly operator: string;
  readonly parallelism: number;
  /** What the program said that it keeps; absent: nothing. */
  readonly declared?: OperatorDeclaration;
  readonly states: readonly StateRecord[];
  /** In the order in which they have to be restored. */
  readonly blocks: readonly BlockRecord[];
  /** What else its subtasks keep: watermarks and operator state. */
  readonly rest: readonly Opaque[];
}

export interface StateRecord {
  readonly name: string;
  readonly section: Section;
  /** The schema id that its blocks carry, and the text that it is the checksum of. */
  readonly schema: number;
  readonly schemaText: string;
  /** What its keys are; absent: not known, or they are numbers of key groups. */
  readonly keys?: readonly KeyKind[];
}

export interface BlockRecord {
  readonly worker: string;
  readonly number: number;
  readonly name: string;
  readonly section: Section;
  readonly schema: number;
  readonly rows: number;
  readonly bytes: number;
  readonly crc: number;
  /** The key groups that it is about, both inclusive. */
  readonly first: number;
  readonly last: number;
}

export function encodeManifest(manifest: CheckpointManifest): Uint8Array {
  const text = Buffer.from(JSON.stringify(manifest), "utf8");
  const bytes = Buffer.alloc(HEADER_BYTES + text.length);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt8(versionOf(manifest), 4);
  bytes.writeUInt32LE(bytes.length, 8);
  text.copy(bytes, HEADER_BYTES);
  bytes.writeUInt32LE(checksum(bytes), CRC_AT);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @throws STATE_CORRUPT when it is damaged, CHECKPOINT_FORMAT when it is whole but of another version. */
export function decodeManifest(manifest: Uint8Array, name: CheckpointName): CheckpointManifest {
  const bytes = Buffer.from(manifest.buffer, manifest.byteOffset, manifest.byteLength);
  const fault = faultOf(bytes);
  if (fault !== undefined) throw damaged(name, `its manifest ${fault}`);
  const version = bytes.readUInt8(4);
  if (version < VERSION || version > VERSION_OUTPUT) {
    throw new MillraceError(
      "CHECKPOINT_FORMAT",
      `the checkpoint ${name} has format ${version}; this Millrace reads formats ${VERSION} to ${VERSION_OUTPUT}. Restore it with the version that wrote it`,
    );
  }
  return JSON.parse(bytes.toString("utf8", HEADER_BYTES)) as CheckpointManifest; // undamaged and of this version: ours
}

/** Whether it holds what was on its way between subtasks: an unaligned one. */
export function holdsInFlight(manifest: Pick<CheckpointManifest, "operators">): boolean {
  return holds(manifest, "inFlight");
}

function holds({ operators }: Pick<CheckpointManifest, "operators">, wanted: Section): boolean {
  return operators.some(({ blocks }) => blocks.some(({ section }) => section === wanted));
}

function versionOf(manifest: CheckpointManifest): number {
  if (holds(manifest, "output")) return VERSION_OUTPUT;
  return holdsInFlight(manifest) ? VERSION_IN_FLIGHT : VERSION;
}

function faultOf(bytes: Buffer): string | undefined {
  if (bytes.length < HEADER_BYTES) return `has ${bytes.length} bytes, less than a header`;
  if (bytes.readUInt32LE(0) !== MAGIC) return "does not start with the mark of a manifest";
  const length = bytes.readUInt32LE(8);
  if (length !== bytes.length) return `has ${bytes.length} bytes instead of ${length}`;
  const stored = bytes.readUInt32LE(CRC_AT);
  const computed = checksum(bytes);
  return stored === computed ? undefined : `has checksum ${computed} instead of ${stored}`;
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(CRC_AT + 4), crc32(bytes.subarray(0, CRC_AT)));
}

/** The checksum in a manifest's header: what a chain knows it by. REQUIRES: bytes of a manifest. */
export function manifestCrc(manifest: Uint8Array): number {
  return Buffer.from(manifest.buffer, manifest.byteOffset, manifest.byteLength).readUInt32LE(CRC_AT);
}

export function damaged(name: CheckpointName, fault: string): MillraceError {
  return new MillraceError(
    "STATE_CORRUPT",
    `the checkpoint ${name} cannot be restored: ${fault}. Restore an earlier checkpoint or savepoint`,
  );
}
