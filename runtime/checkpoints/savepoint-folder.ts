/** The savepoint in a folder; or of a folder of checkpoints the newest one. */

import { access } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { checkpointsToTry, type OpenCheckpoint, openCheckpoint } from "../state/checkpoint-reader.ts";
import type { CheckpointStore } from "../state/checkpoint-store.ts";
import { absoluteLocation, folderOf, isFolder, openCheckpointStore } from "./open-store.ts";

export interface FoundSavepoint {
  /** To be closed by whoever asked for it. */
  readonly store: CheckpointStore;
  readonly opened: OpenCheckpoint;
}

/**
 * Its blocks have not been looked at. @param location a folder, relative or not, or what else `open-store.ts` opens
 * @throws NOT_FOUND, CHECKPOINT_FORMAT, STATE_CORRUPT, CHECKPOINT_STORE
 */
export async function savepointFolder(location: string): Promise<FoundSavepoint> {
  await checkIsThere(location);
  const store = await openCheckpointStore(absoluteLocation(location));
  try {
    const [checkpoint] = await checkpointsToTry(store);
    if (checkpoint === undefined) throw new MillraceError("NOT_FOUND", `the savepoint in ${location} has no manifest`);
    return { store, opened: await openCheckpoint(store, checkpoint) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Looked at first: a store makes the folder that it is given. @throws NOT_FOUND */
async function checkIsThere(location: string): Promise<void> {
  const folder = folderOf(location);
  if (folder === undefined) return;
  await access(isFolder(location) ? join(folder, "manifests") : folder).catch((cause: unknown) => {
    throw new MillraceError("NOT_FOUND", `there is no savepoint in ${location}`, { cause });
  });
}
