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
import { type BlockHeader, corrupt, intersects, type PassingSection, passes } from "./state-block.ts";
import { type ExpectedBlock, verified, whereOf } from "./verify-blocks.ts";

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

/**
 * An operator's state in some of the key groups: the blocks that are about these, verified, in the order in which they have
 * to be applied.
 */
export async function* readOperator(
  store: CheckpointReads,
  checkpoint: OpenCheckpoint,
  operator: string,
  keyGroups: KeyGroupRange,
): AsyncGenerator<ReadBlock> {
  for (const layer of checkpoint.layers)
    yield* readRecords(store, layer, operator, keyGroups, ({ section }) => !passes(section));
}

/**
 * What the checkpoint itself holds beside an operator's state and may be for these key groups, of each of its former subtasks
 * in order. That of checkpoints on which this one builds is over: it has been taken in, or published. `name`: of one name only.
 */
export async function* readPassing(
  store: CheckpointReads,
  checkpoint: Pick<OpenCheckpoint, "name" | "manifest">,
  operator: string,
  keyGroups: KeyGroupRange,
  wanted: { readonly section?: PassingSection; readonly name?: string } = {},
): AsyncGenerator<ReadBlock> {
  yield* readRecords(store, checkpoint, operator, keyGroups, ({ section, name }) => {
    return passes(section) && (wanted.section ?? section) === section && (wanted.name ?? name) === name;
  });
}

/** What was on its way to an operator. */
export function readInFlight(
  store: CheckpointReads,
  checkpoint: Pick<OpenCheckpoint, "name" | "manifest">,
  operator: string,
  keyGroups: KeyGroupRange,
): AsyncGenerator<ReadBlock> {
  return readPassing(store, checkpoint, operator, keyGroups, { section: "inFlight" });
}

async function* readRecords(
  store: CheckpointReads,
  { name, manifest }: Pick<OpenCheckpoint, "name" | "manifest">,
  operator: string,
  keyGroups: KeyGroupRange,
  isWanted: (record: BlockRecord) => boolean,
): AsyncGenerator<ReadBlock> {
  const records = manifest.operators
    .filter((record) => record.operator === operator)
    .flatMap(({ blocks }) => blocks)
    .filter((record) => isWanted(record) && intersects(record, keyGroups));
  const places = records.map(({ worker, number }) => ({ checkpoint: name, worker, number }));
  let next = 0;
  for await (const block of store.readBlocks(places)) {
    const expected = { checkpoint: name, operator, record: records[next++] as BlockRecord };
    const header = verified(block, expected);
    yield { block: block as Uint8Array, header, where: whereOf(expected) }; // there, as its header is
  }
  if (next !== records.length) throw corrupt(operator, `${records.length - next} blocks of ${name} were not read`);
}

/** All blocks that a checkpoint consists of. */
export function expectedBlocks({ layers }: Pick<OpenCheckpoint, "layers">): readonly ExpectedBlock[] {
  return layers.flatMap(({ name: checkpoint, manifest: { operators } }) =>
    operators.flatMap(({ operator, blocks }) => blocks.map((record) => ({ checkpoint, operator, record }))),
  );
}

/** Reads every block of a checkpoint. @throws STATE_CORRUPT at the first that is missing or damaged. */
export async function verifyCheckpoint(store: CheckpointReads, checkpoint: OpenCheckpoint): Promise<void> {
  const { keyGroups } = checkpoint.manifest;
  if (store.damagedOf !== undefined) {
    const [damagedOne] = await store.damagedOf(expectedBlocks(checkpoint));
    if (damagedOne === undefined) return;
    throw corrupt(damagedOne.operator, `${whereOf(damagedOne)} is missing or damaged, as are all copies of it`);
  }
  const operators = new Set(
    checkpoint.layers.flatMap(({ manifest }) => manifest.operators.map(({ operator }) => operator)),
  );
  const all = { first: 0, last: keyGroups - 1 };
  for (const operator of operators) {
    for (const read of [readOperator, readPassing]) {
      for await (const { block } of read(store, checkpoint, operator, all))
        if (block.length === 0) throw corrupt(operator, "a block is empty");
    }
  }
}
