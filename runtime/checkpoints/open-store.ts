/** Opens checkpoints by their location. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointNotes, type CheckpointStore, storeFailed } from "../state/checkpoint-store.ts";

const LEVEL = "level:";

/** A part of a location. */
export function locationBelow(location: string, name: string): string {
  return location.includes(":") ? `${location.replace(/\/+$/, "")}/${name}` : join(location, name);
}

/** Removes all that is at a location, without effect when nothing is. @throws CHECKPOINT_STORE */
export async function removeCheckpoints(location: string): Promise<void> {
  const folder = location.startsWith(LEVEL) ? location.slice(LEVEL.length) : location;
  await rm(folder, { recursive: true, force: true }).catch((cause: unknown) => {
    throw storeFailed("be removed", location, cause);
  });
}

/**
 * `level:FOLDER` is LevelDB, which one process has open at a time; anything else is a folder, which may be on a file system
 * that hosts share. @throws CHECKPOINT_STORE
 */
export async function openCheckpointStore(location: string): Promise<CheckpointStore & CheckpointNotes> {
  if (location.startsWith(LEVEL)) {
    const { openLevelStore } = await import("../state/level-store.ts");
    return await openLevelStore(location.slice(LEVEL.length));
  }
  const { openDirectoryStore } = await import("../state/directory-store.ts");
  return await openDirectoryStore(location);
}
