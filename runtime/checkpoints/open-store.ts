/** Opens checkpoints by their location. */

import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type CheckpointNotes, type CheckpointStore, storeFailed } from "../state/checkpoint-store.ts";

const LEVEL = "level:";
const S3 = "s3://";

/** Whether it is a plain folder. */
export function isFolder(location: string): boolean {
  return !location.startsWith(LEVEL) && !location.startsWith(S3);
}

/** The folder that it is in; undefined: none of this machine. */
export function folderOf(location: string): string | undefined {
  if (location.startsWith(S3)) return undefined;
  return location.startsWith(LEVEL) ? location.slice(LEVEL.length) : location;
}

/** With the folder in it as it is called from everywhere. */
export function absoluteLocation(location: string): string {
  if (location.startsWith(S3)) return location;
  return location.startsWith(LEVEL) ? `${LEVEL}${resolve(location.slice(LEVEL.length))}` : resolve(location);
}

/** A part of a location. */
export function locationBelow(location: string, name: string): string {
  return isFolder(location) ? join(location, name) : `${location.replace(/\/+$/, "")}/${name}`;
}

/** Removes all that is at a location, without effect when nothing is. @throws CHECKPOINT_STORE */
export async function removeCheckpoints(location: string): Promise<void> {
  if (location.startsWith(S3)) {
    const { removeFromS3 } = await import("../state/s3-store.ts");
    await removeFromS3(location);
    return;
  }
  const folder = location.startsWith(LEVEL) ? location.slice(LEVEL.length) : location;
  await rm(folder, { recursive: true, force: true }).catch((cause: unknown) => {
    throw storeFailed("be removed", location, cause);
  });
}

/**
 * `s3://bucket/prefix` is an object store, `level:FOLDER` is LevelDB, which one process has open at a time; anything else is a folder, which may be on a file system
 * that hosts share. @throws CHECKPOINT_STORE
 */
export async function openCheckpointStore(location: string): Promise<CheckpointStore & CheckpointNotes> {
  if (location.startsWith(S3)) {
    const { openS3Store } = await import("../state/s3-store.ts");
    return await openS3Store(location);
  }
  if (location.startsWith(LEVEL)) {
    const { openLevelStore } = await import("../state/level-store.ts");
    return await openLevelStore(location.slice(LEVEL.length));
  }
  const { openDirectoryStore } = await import("../state/directory-store.ts");
  return await openDirectoryStore(location);
}
