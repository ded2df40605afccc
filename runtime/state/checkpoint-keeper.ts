/**
 * What is kept: the newest checkpoints, savepoints, all that these build on, and what is being written. The rest goes:
 * manifests first, so that no manifest is ever without its blocks, then blocks, leftovers of checkpoints that came to
 * nothing among them.
 */

import { MillraceError } from "../../core/errors.ts";
import { faultPoint } from "../fault-point.ts";
import { decodeManifest } from "./checkpoint-manifest.ts";
import { checkpointsToTry } from "./checkpoint-reader.ts";
import { type CheckpointName, type CheckpointStore, checkpointNumber } from "./checkpoint-store.ts";

export interface KeepOptions {
  /** How many complete checkpoints are kept, beside savepoints. At least 1. */
  readonly retained: number;
  /** Checkpoints from this number on may be under way: what they have written so far stays. */
  readonly underWayFrom: number;
}

/** Removes what is not kept any more. @returns what it removed. @throws CHECKPOINT_STORE */
export async function discardOld(
  store: CheckpointStore,
  { retained, underWayFrom }: KeepOptions,
): Promise<readonly CheckpointName[]> {
  const kept = await keptNames(store, retained);
  const goes = (name: CheckpointName) => !kept.has(name) && checkpointNumber(name) < underWayFrom;
  const manifests = (await store.manifests()).filter(goes);
  for (const name of manifests.toReversed()) {
    await store.deleteManifest(name); // none is ever without what it builds on
    faultPoint("store.manifest-deleted");
  }
  const leftovers = (await store.checkpointsWithBlocks()).filter(goes);
  for (const name of leftovers) {
    await store.deleteBlocks(name);
    faultPoint("store.blocks-deleted");
  }
  return [...new Set([...manifests, ...leftovers])].sort();
}

/** Checkpoints that are retained, and those that they build on. One whose manifest is damaged counts for none. */
async function keptNames(store: CheckpointStore, retained: number): Promise<ReadonlySet<CheckpointName>> {
  const kept = new Set<CheckpointName>();
  const numbers = new Set<number>();
  for (const name of await checkpointsToTry(store)) {
    const bytes = await store.readManifest(name);
    const manifest = bytes === undefined ? undefined : readable(bytes, name);
    if (manifest === undefined) continue;
    if (!manifest.savepoint) {
      // What a merged copy was made from is the same checkpoint; it stays only if another one builds on it.
      if (numbers.has(manifest.checkpoint) || numbers.size >= retained) continue;
      numbers.add(manifest.checkpoint);
    }
    kept.add(name);
    for (const link of manifest.chain) kept.add(link.name);
  }
  return kept;
}

function readable(bytes: Uint8Array, name: CheckpointName): ReturnType<typeof decodeManifest> | undefined {
  try {
    return decodeManifest(bytes, name);
  } catch (error) {
    // A damaged one is of no use; one of a newer format is, to others, and must not go.
    if (error instanceof MillraceError && error.code === "STATE_CORRUPT") return undefined;
    throw error;
  }
}
