/**
 * From which checkpoint a region goes on: the newest one that is whole. Every block of it is read before anything starts.
 *
 *   whole               it is the one
 *   damaged             it is named, and the one before it is looked at
 *   of a newer format   nobody guesses: the error is thrown
 *
 * The law: never behind output that others have seen. Where a sink has committed a later checkpoint than the newest whole
 * one, what came in between would be written again.
 */

import { MillraceError } from "../../core/errors.ts";
import { checkpointsToTry, openCheckpoint, verifyCheckpoint } from "../state/checkpoint-reader.ts";
import { type CheckpointName, type CheckpointStore, checkpointNumber } from "../state/checkpoint-store.ts";

export interface KnownCheckpoints {
  /** The last one that is known to have been complete; 0: none. */
  readonly completed: number;
  /** The last one with which a sink may have made output visible; 0: none. */
  readonly committed: number;
}

export interface ChosenCheckpoint {
  /** Undefined: there has never been one. */
  readonly name: CheckpointName | undefined;
  /** The greatest number that anything in the store has. */
  readonly last: number;
  /** What was passed over. */
  readonly damaged: readonly MillraceError[];
}

/** @throws CHECKPOINT_BEHIND_OUTPUT, STATE_CORRUPT when none is whole, CHECKPOINT_FORMAT, CHECKPOINT_STORE */
export async function chooseCheckpoint(
  store: CheckpointStore,
  { completed, committed }: KnownCheckpoints,
): Promise<ChosenCheckpoint> {
  const names = await checkpointsToTry(store);
  const all = [...names, ...(await store.checkpointsWithBlocks())].map(checkpointNumber);
  const last = Math.max(completed, committed, ...all);
  const damaged: MillraceError[] = [];
  for (const name of names) {
    const fault = await faultOf(store, name);
    if (fault === undefined) {
      if (checkpointNumber(name) < committed) throw behindOutput(name, committed, damaged);
      return { name, last, damaged };
    }
    damaged.push(fault);
  }
  if (committed > 0) throw behindOutput(undefined, committed, damaged);
  if (completed > 0 || damaged.length > 0) throw noneIsWhole(completed, damaged);
  return { name: undefined, last, damaged };
}

/** What is wrong with a checkpoint. */
async function faultOf(store: CheckpointStore, name: CheckpointName): Promise<MillraceError | undefined> {
  try {
    await verifyCheckpoint(store, await openCheckpoint(store, name));
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "STATE_CORRUPT") return error;
    throw error;
  }
}

function behindOutput(
  name: CheckpointName | undefined,
  committed: number,
  damaged: readonly MillraceError[],
): MillraceError {
  const newest = name === undefined ? "no checkpoint is readable" : `the newest readable checkpoint is ${name}`;
  return new MillraceError(
    "CHECKPOINT_BEHIND_OUTPUT",
    `${newest}, but sinks may have published their output up to checkpoint ${committed}: going on from there would ` +
      "write it again. Restore that checkpoint's files from a backup, or start the job anew with fresh outputs",
    { cause: damaged[0] },
  );
}

function noneIsWhole(completed: number, damaged: readonly MillraceError[]): MillraceError {
  const what = damaged.length > 0 ? `all ${damaged.length} are damaged` : `checkpoint ${completed} is gone`;
  return new MillraceError(
    "STATE_CORRUPT",
    `no checkpoint can be restored: ${what}. Start from a savepoint, or submit the job anew`,
    { cause: damaged[0] },
  );
}
