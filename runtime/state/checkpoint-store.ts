/**
 * Where checkpoints are kept: what a store must do. Fulfilled by `level-store.ts` (LevelDB), `directory-store.ts` (a folder,
 * also of a shared file system) and `memory-store.ts` (for simulations); `test/conformance/checkpoint-store.ts` holds
 * every implementation to it.
 *
 * A checkpoint is blocks, which several workers write, and a manifest, written last by whoever completes it. A store
 * knows nothing of what is in them. Blocks without a manifest are leftovers, and `checkpoint-keeper.ts` discards them.
 */

import { assert } from "../../core/assert.ts";
import { type ErrorCode, MillraceError } from "../../core/errors.ts";
import type { ExpectedBlock } from "./verify-blocks.ts";

declare const brand: unique symbol;

/** A checkpoint's place in a store: its number, or that of the merged copy of its chain. Sorted, names are in order. */
export type CheckpointName = string & { readonly [brand]: "checkpoint" };

/** Enough digits for a checkpoint a millisecond for three centuries. */
const NUMBER_DIGITS = 13;
const MERGED = "-merged";

export function checkpointName(checkpoint: number, merged = false): CheckpointName {
  assert(Number.isSafeInteger(checkpoint) && checkpoint >= 0, `${checkpoint} is no number of a checkpoint`);
  return `${String(checkpoint).padStart(NUMBER_DIGITS, "0")}${merged ? MERGED : ""}` as CheckpointName;
}

export function checkpointNumber(name: CheckpointName): number {
  return Number(name.slice(0, NUMBER_DIGITS));
}

export function isMerged(name: CheckpointName): boolean {
  return name.endsWith(MERGED);
}

/** What one worker writes at once. */
export interface BlockBatch {
  readonly checkpoint: CheckpointName;
  /** Letters, digits, dots, dashes and underscores. */
  readonly worker: string;
  /** The number of the first block; a worker counts its blocks of a checkpoint from 0. */
  readonly first: number;
  readonly blocks: readonly Uint8Array[];
}

export interface BlockPlace {
  readonly checkpoint: CheckpointName;
  readonly worker: string;
  readonly number: number;
}

export interface CheckpointStore {
  /** Which stores have all that was written here, where not everyone reaches the same one. */
  readonly holders?: readonly string[];

  /**
   * ENSURES: when it resolves, the blocks survive a loss of power, and nothing here reads the arrays that hold them any more.
   * @throws CHECKPOINT_STORE; some may have been written.
   */
  writeBlocks(batch: BlockBatch): Promise<void>;

  /** ENSURES: as above; the manifest is there whole or not at all. REQUIRES: its blocks were written. */
  writeManifest(name: CheckpointName, manifest: Uint8Array): Promise<void>;

  /** The bytes as they are kept, damaged or not; undefined: there is none. */
  readManifest(name: CheckpointName): Promise<Uint8Array | undefined>;

  /** Ascending. */
  manifests(): Promise<readonly CheckpointName[]>;

  /** The blocks in the order in which they are asked for, some at a time; undefined for those that are not there. */
  readBlocks(places: readonly BlockPlace[]): AsyncIterable<Uint8Array | undefined>;

  /** Which blocks are missing or damaged, where they can be looked at better than by reading them here. */
  damagedOf?(blocks: readonly ExpectedBlock[]): Promise<readonly ExpectedBlock[]>;

  /** Ascending names of checkpoints that have blocks, with or without a manifest. */
  checkpointsWithBlocks(): Promise<readonly CheckpointName[]>;

  /** Without effect when there is none. */
  deleteManifest(name: CheckpointName): Promise<void>;

  /** All blocks of a checkpoint. */
  deleteBlocks(name: CheckpointName): Promise<void>;

  close(): Promise<void>;
}

/** As much of a store as restoring needs. */
export type CheckpointReads = Pick<CheckpointStore, "readManifest" | "readBlocks" | "damagedOf">;

/** As much as writing blocks needs. */
export type CheckpointWrites = Pick<CheckpointStore, "writeBlocks" | "holders">;

/** Small documents beside the checkpoints, by name: letters, dots and dashes. Fulfilled by stores of embedded runs. */
export interface CheckpointNotes {
  readNote(name: string): Promise<Uint8Array | undefined>;

  /** ENSURES: when it resolves the note survives a loss of power; it is there whole, or as it was before. */
  writeNote(name: string, note: Uint8Array): Promise<void>;
}

/** Blocks that a store reads ahead of whoever restores them: with those of usual size some megabytes. */
export const BLOCKS_READ_AHEAD = 64;

const workerNames = /^[\w.-]{1,100}$/;

export function checkBatch({ worker, first }: BlockBatch): void {
  assert(workerNames.test(worker) && !/^\.+$/.test(worker), `"${worker}" is no name of a worker in a store`);
  assert(Number.isSafeInteger(first) && first >= 0, `${first} is no number of a block`);
}

/** What a store failed at, with the system's answer. */
export function storeFailed(what: string, place: string, cause: unknown): MillraceError {
  const code: ErrorCode = "CHECKPOINT_STORE";
  const answers: string[] = [];
  for (let error = cause; error instanceof Error; error = error.cause) answers.push(error.message);
  return new MillraceError(
    code,
    `the checkpoint store ${place} could not ${what}: ${(answers.join(": ") || String(cause)).replace(/\.$/, "")}. ` +
      "Check its disk, space and permissions; checkpoints that are complete are untouched",
    { cause },
  );
}
