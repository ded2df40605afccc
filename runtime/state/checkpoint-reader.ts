/**
 * Reading checkpoints: which there are, whether one is whole, and the blocks of an operator in some key groups.
 *
 * A checkpoint is opened by its manifest and those that it builds on; every block is held to what its manifest says of it
 * when it is read. What does not agree is refused by name, never passed over.
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import {
  type BlockRecord,
  type ChainLink,
  type CheckpointManifest,
  damaged,
  decodeManifest,
  manifestCrc,
} from "./checkpoint-manifest.ts";
import {
  type CheckpointName,
  type CheckpointReads,
  type CheckpointStore,
  checkpointNumber,
  isMerged,
} from "./checkpoint-store.ts";
import { type BlockHeader, corrupt, intersects, readHeader } from "./state-block.ts";

/** A checkpoint with all that it builds on, oldest first and itself last. */
export interface OpenCheckpoint {
  readonly name: CheckpointName;
  readonly manifest: CheckpointManifest;
  readonly layers: readonly {
    readonly name: CheckpointName;
    readonly crc: number;
    readonly manifest: CheckpointManifest;
  }[];
}

/** What restoring asks of a state backend and of a timer queue. */
export interface RestoreTarget {
  restoreBlock(block: Uint8Array, where: string): void;
}

/** @throws STATE_CORRUPT, CHECKPOINT_FORMAT, CHECKPOINT_STORE */
export async function openCheckpoint(store: CheckpointReads, name: CheckpointName): Promise<OpenCheckpoint> {
  const bytes = await store.readManifest(name);
  if (bytes === undefined) throw damaged(name, "it has no manifest");
  const manifest = decodeManifest(bytes, name);
  if (manifest.checkpoint !== checkpointNumber(name)) throw damaged(name, `it is checkpoint ${manifest.checkpoint}`);
  const layers: OpenCheckpoint["layers"][number][] = [];
  for (const link of manifest.chain) layers.push(await openLink(store, name, manifest, link));
  layers.push({ name, crc: manifestCrc(bytes), manifest });
  return { name, manifest, layers };
}

async function openLink(
  store: CheckpointReads,
  name: CheckpointName,
  { lineage, keyGroups }: CheckpointManifest,
  link: ChainLink,
): Promise<OpenCheckpoint["layers"][number]> {
  const bytes = await store.readManifest(link.name);
  if (bytes === undefined) throw damaged(name, `it builds on ${link.name}, which has no manifest`);
  const manifest = decodeManifest(bytes, link.name);
  if (manifestCrc(bytes) !== link.crc || manifest.lineage !== lineage || manifest.keyGroups !== keyGroups)
    throw damaged(name, `it builds on another checkpoint than ${link.name} is`);
  return { name: link.name, crc: link.crc, manifest };
}

/**
 * The names of checkpoints by which a job could go on, best first: the newest, and of one that was merged the merged copy.
 * Savepoints are among them.
 */
export async function checkpointsToTry(store: CheckpointStore): Promise<readonly CheckpointName[]> {
  const names = await store.manifests();
  return [...names].sort(
    (a, b) => checkpointNumber(b) - checkpointNumber(a) || Number(isMerged(b)) - Number(isMerged(a)),
  );
}

export interface ReadBlock {
  readonly block: Uint8Array;
  readonly header: BlockHeader;
  /** Names the block in errors. */
  readonly where: string;
}

/** An operator's blocks that are about some of the key groups, verified, in the order in which they have to be applied. */
export async function* readOperator(
  store: CheckpointReads,
  checkpoint: OpenCheckpoint,
  operator: string,
  keyGroups: KeyGroupRange,
): AsyncGenerator<ReadBlock> {
  for (const { name, manifest } of checkpoint.layers) {
    const records = manifest.operators
      .filter((record) => record.operator === operator)
      .flatMap(({ blocks }) => blocks)
      .filter(({ first, last }) => intersects({ first, last }, keyGroups));
    const places = records.map(({ worker, number }) => ({ checkpoint: name, worker, number }));
    let next = 0;
    for await (const block of store.readBlocks(places)) {
      const record = records[next++] as BlockRecord;
      const where = `block ${record.number} of worker ${record.worker} in checkpoint ${name}`;
      if (block === undefined) throw corrupt(operator, `${where} is missing`);
      yield { block, header: verified(block, record, where, operator), where };
    }
    if (next !== records.length) throw corrupt(operator, `${records.length - next} blocks of ${name} were not read`);
  }
}

function verified(block: Uint8Array, record: BlockRecord, where: string, operator: string): BlockHeader {
  const header = readHeader(block, where, operator);
  const { keyGroups, shape } = header;
  const agrees =
    header.crc === record.crc &&
    header.bytes === record.bytes &&
    header.rows === record.rows &&
    header.name === record.name &&
    header.schema === record.schema &&
    shape.section === record.section &&
    keyGroups.first === record.first &&
    keyGroups.last === record.last;
  if (!agrees) throw corrupt(operator, `${where} is whole, but not the one that the manifest lists`);
  return header;
}

/** Applies an operator's state to its backend, and its timers to their queue. */
export async function restoreOperator(
  store: CheckpointReads,
  checkpoint: OpenCheckpoint,
  operator: string,
  keyGroups: KeyGroupRange,
  state: RestoreTarget | undefined,
  timers: RestoreTarget | undefined,
): Promise<void> {
  for await (const { block, header, where } of readOperator(store, checkpoint, operator, keyGroups)) {
    const target = header.shape.section === "timers" ? timers : state;
    target?.restoreBlock(block, where);
  }
}

/** Reads every block of a checkpoint. @throws STATE_CORRUPT at the first that is missing or damaged. */
export async function verifyCheckpoint(store: CheckpointReads, checkpoint: OpenCheckpoint): Promise<void> {
  const { keyGroups } = checkpoint.manifest;
  const operators = new Set(
    checkpoint.layers.flatMap(({ manifest }) => manifest.operators.map(({ operator }) => operator)),
  );
  for (const operator of operators) {
    for await (const { block } of readOperator(store, checkpoint, operator, { first: 0, last: keyGroups - 1 })) {
      if (block.length === 0) throw corrupt(operator, "a block is empty");
    }
  }
}
