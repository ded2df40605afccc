/** The savepoint in a folder; or of a folder of checkpoints the newest one. */

import { access } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { checkpointsToTry, type OpenCheckpoint, openCheckpoint } from "../state/checkpoint-reader.ts";
import type { CheckpointStore } from "../state/checkpoint-store.ts";
import { isFolder, openCheckpointStore } from "./open-store.ts";

export interface FoundSavepoint {
  readonly store: CheckpointStore;
  readonly opened: OpenCheckpoint;
}

/** Its blocks have not been looked at. @throws NOT_FOUND, CHECKPOINT_FORMAT, STATE_CORRUPT, CHECKPOINT_STORE */
export async function savepointFolder(folder: string): Promise<FoundSavepoint> {
  // Looked at first: a store makes the folder that it is given.
  if (isFolder(folder))
    await access(join(folder, "manifests")).catch((cause: unknown) => {
      throw new MillraceError("NOT_FOUND", `there is no savepoint in ${folder}`, { cause });
    });
  const store = await openCheckpointStore(folder);
  const [checkpoint] = await checkpointsToTry(store);
  if (checkpoint === undefined) throw new MillraceError("NOT_FOUND", `the savepoint in ${folder} has no manifest`);
  return { store, opened: await openCheckpoint(store, checkpoint) };
}
