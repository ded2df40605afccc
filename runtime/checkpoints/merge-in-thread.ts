/** Merges a checkpoint of a folder in a thread of its own. */

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { MillraceError } from "../../core/errors.ts";
import type { CheckpointName } from "../state/checkpoint-store.ts";
import type { MergeTask } from "./merge-entry.ts";

/** @returns the name of the copy. @throws CHECKPOINT_STORE, with what went wrong in the thread as its cause. */
export async function mergeInThread(folder: string, name: CheckpointName): Promise<CheckpointName> {
  const entry = new URL(`./merge-entry${extname(import.meta.filename)}`, import.meta.url);
  const workerData: MergeTask = { folder, name };
  const thread = new Worker(entry, { workerData });
  // Whoever ends its process does not wait for what can be done again.
  thread.unref();
  return await new Promise((resolve, reject) => {
    const failed = (cause: unknown): void =>
      reject(
        new MillraceError("CHECKPOINT_STORE", `checkpoint ${name} could not be merged: ${String(cause)}`, { cause }),
      );
    thread.once("message", resolve);
    thread.once("error", failed);
    thread.once("exit", (code) => failed(`its thread ended with ${code}`));
  });
}
