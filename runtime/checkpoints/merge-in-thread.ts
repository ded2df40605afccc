/** Merges checkpoints in a thread of its own (`merge-entry.ts`), which reads and writes them through this one. */

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { MillraceError } from "../../core/errors.ts";
import { faultPoint } from "../fault-point.ts";
import { encodeManifest } from "../state/checkpoint-manifest.ts";
import { openCheckpoint } from "../state/checkpoint-reader.ts";
import {
  type CheckpointName,
  type CheckpointReads,
  type CheckpointStore,
  type CheckpointWrites,
  checkpointName,
} from "../state/checkpoint-store.ts";
import { type MergedBlocks, mergedManifest } from "../state/merge-checkpoint.ts";
import type { FromMerge, FromStore, MergeTask, ToStore } from "./merge-entry.ts";

/** By which name a whole checkpoint is merged. */
const MERGER = "merged";

type Store = CheckpointReads & CheckpointWrites;

/** @returns the name of the copy. @throws CHECKPOINT_STORE, with what went wrong in the thread as its cause. */
export async function mergeInThread(store: CheckpointStore, name: CheckpointName): Promise<CheckpointName> {
  const written = await mergeBlocksInThread(store, { name, worker: MERGER, ownOnly: false });
  faultPoint("coordinator.chain-merged");
  const { manifest } = await openCheckpoint(store, name);
  const merged = checkpointName(manifest.checkpoint, true);
  await store.writeManifest(merged, encodeManifest(mergedManifest(manifest, written)));
  return merged;
}

/** The blocks alone. @throws as above */
export async function mergeBlocksInThread(store: Store, task: MergeTask): Promise<readonly MergedBlocks[]> {
  const entry = new URL(`./merge-entry${extname(import.meta.filename)}`, import.meta.url);
  const thread = new Worker(entry, { workerData: task });
  // Whoever ends its process does not wait for what can be done again.
  thread.unref();
  return await new Promise((resolve, reject) => {
    const failed = (cause: unknown): void =>
      reject(
        new MillraceError("CHECKPOINT_STORE", `checkpoint ${task.name} could not be merged: ${String(cause)}`, {
          cause,
        }),
      );
    thread.on("message", (message: FromMerge) => {
      if (message.kind === "merged") resolve(message.written);
      else void answer(store, message.ask).then((found) => thread.postMessage(found));
    });
    thread.once("error", failed);
    thread.once("exit", (code) => failed(`its thread ended with ${code}`));
  });
}

async function answer(store: Store, ask: ToStore): Promise<FromStore> {
  const { serial } = ask;
  try {
    return { serial, found: await answered(store, ask) };
  } catch (cause) {
    return { serial, error: cause as Error };
  }
}

async function answered(store: Store, ask: ToStore): Promise<readonly (Uint8Array | undefined)[]> {
  switch (ask.kind) {
    case "readManifest":
      return [await store.readManifest(ask.name)];
    case "readBlocks": {
      const blocks: (Uint8Array | undefined)[] = [];
      for await (const block of store.readBlocks(ask.places)) blocks.push(block);
      return blocks;
    }
    case "writeBlocks":
      await store.writeBlocks(ask.batch);
      return [];
  }
}
