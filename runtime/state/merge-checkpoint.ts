/**
 * Merging: a checkpoint that builds on others, written again as one that stands alone. Runs beside the job that goes on
 * writing deltas; the next ones may build on the merged copy, and the chain behind it is discarded when nothing needs it.
 *
 *   1. For each operator, its key groups are cut into ranges that fit into memory.
 *   2. Of each range the chain is restored into a backend of its own and captured as a whole, timers by themselves.
 *   3. What was in flight at the newest, and what output it retains, is copied as it is.
 *   4. Blocks are written as they come, the manifest last.
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import type { CheckpointManifest, OperatorRecord } from "./checkpoint-manifest.ts";
import { encodeManifest } from "./checkpoint-manifest.ts";
import { type OpenCheckpoint, openCheckpoint, readOperator, readPassing } from "./checkpoint-reader.ts";
import {
  type CheckpointName,
  type CheckpointReads,
  type CheckpointStore,
  type CheckpointWrites,
  checkpointName,
} from "./checkpoint-store.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { joinedStates } from "./joined-states.ts";
import { createMemoryBackend } from "./memory-backend.ts";
import { TimerFold } from "./timer-rows.ts";

/** Bytes of blocks that are restored together; as objects they take some times more. */
const RANGE_BYTES = 32 * 1024 * 1024;

/** What one worker has written of an operator. */
export type MergedBlocks = Pick<OperatorRecord, "operator" | "states" | "blocks">;

/** @returns the name of the copy. @throws STATE_CORRUPT, CHECKPOINT_FORMAT, CHECKPOINT_STORE */
export async function mergeCheckpoint(
  store: CheckpointStore,
  name: CheckpointName,
  options: { readonly worker: string; readonly rangeBytes?: number },
): Promise<CheckpointName> {
  const checkpoint = await openCheckpoint(store, name);
  const merged = checkpointName(checkpoint.manifest.checkpoint, true);
  const written = await mergeBlocks(store, checkpoint, options);
  await store.writeManifest(merged, encodeManifest(mergedManifest(checkpoint.manifest, written)));
  return merged;
}

/** Writes the blocks alone. @returns what the copy's manifest has to say of them. @throws as above */
export async function mergeBlocks(
  store: CheckpointReads & CheckpointWrites,
  checkpoint: OpenCheckpoint,
  options: { readonly worker: string; readonly rangeBytes?: number },
): Promise<readonly MergedBlocks[]> {
  const { manifest } = checkpoint;
  const writer = new CheckpointWriter(store, checkpointName(manifest.checkpoint, true), options.worker);
  for (const { operator } of manifest.operators) {
    for (const range of rangesOf(checkpoint, operator, options.rangeBytes ?? RANGE_BYTES))
      await mergeRange(store, checkpoint, operator, range, writer);
    await copyPassing(store, checkpoint, operator, writer);
  }
  await writer.flush();
  return writer.records();
}

/** As much of a checkpoint as one worker has written. REQUIRES: its subtasks have written all of their key groups' state. */
export function writtenBy({ name, manifest, layers }: OpenCheckpoint, writer: string): OpenCheckpoint {
  const own = (of: CheckpointManifest): CheckpointManifest => ({
    ...of,
    operators: of.operators.map((record) => ({
      ...record,
      blocks: record.blocks.filter(({ worker }) => worker === writer),
    })),
  });
  return {
    name,
    manifest: own(manifest),
    layers: layers.map((layer) => ({ ...layer, manifest: own(layer.manifest) })),
  };
}

/** The manifest of a copy. `written`: of an operator there may be several, of other workers each. */
export function mergedManifest(manifest: CheckpointManifest, written: readonly MergedBlocks[]): CheckpointManifest {
  const operators = manifest.operators.map((record): OperatorRecord => {
    const own = written.filter(({ operator }) => operator === record.operator);
    return {
      ...record,
      states: joinedStates(own.flatMap(({ states }) => states)),
      blocks: own.flatMap(({ blocks }) => blocks),
    };
  });
  return { ...manifest, chain: [], operators };
}

/** Consecutive ranges of key groups with about so many bytes of blocks each, taking a block's bytes as spread evenly. */
export function rangesOf({ manifest, layers }: OpenCheckpoint, operator: string, rangeBytes: number): KeyGroupRange[] {
  const bytes = new Float64Array(manifest.keyGroups);
  for (const layer of layers) {
    for (const record of layer.manifest.operators) {
      if (record.operator !== operator) continue;
      for (const { first, last, bytes: size } of record.blocks)
        for (let group = first; group <= last; group++) (bytes[group] as number) += size / (last - first + 1);
    }
  }
  const ranges: KeyGroupRange[] = [];
  let first = 0;
  let sum = 0;
  bytes.forEach((size, group) => {
    if (sum > 0 && sum + size > rangeBytes) {
      ranges.push({ first, last: group - 1 });
      first = group;
      sum = 0;
    }
    sum += size;
  });
  return [...ranges, { first, last: manifest.keyGroups - 1 }];
}

async function mergeRange(
  store: CheckpointReads,
  checkpoint: OpenCheckpoint,
  operator: string,
  keyGroups: KeyGroupRange,
  writer: CheckpointWriter,
): Promise<void> {
  const backend = createMemoryBackend({ operator, keyGroups, keyGroupCount: checkpoint.manifest.keyGroups });
  const timers = new TimerFold(operator, keyGroups);
  for await (const { block, header, where } of readOperator(store, checkpoint, operator, keyGroups)) {
    if (header.shape.section === "timers") timers.restoreBlock(block, where);
    else backend.restoreBlock(block, where);
  }
  const capture = backend.capture(checkpoint.manifest.checkpoint, { full: true });
  const put = async (block: Uint8Array | undefined): Promise<void> => {
    if (block !== undefined) writer.add(operator, block);
    if (writer.isFull) await writer.flush();
  };
  while (!capture.done) await put(capture.step());
  for (const block of timers.blocks()) await put(block);
  backend.close();
}

async function copyPassing(
  store: CheckpointReads,
  checkpoint: OpenCheckpoint,
  operator: string,
  writer: CheckpointWriter,
): Promise<void> {
  const keyGroups = { first: 0, last: checkpoint.manifest.keyGroups - 1 };
  for await (const { block } of readPassing(store, checkpoint, operator, keyGroups)) {
    writer.add(operator, block);
    if (writer.isFull) await writer.flush();
  }
}
