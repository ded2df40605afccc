/** A thread that merges one checkpoint: what is restored and encoded on the way would stand in the way of everything else. */

import { parentPort, workerData } from "node:worker_threads";
import type { CheckpointName } from "../state/checkpoint-store.ts";
import { openDirectoryStore } from "../state/directory-store.ts";
import { mergeCheckpoint } from "../state/merge-checkpoint.ts";

export interface MergeTask {
  readonly folder: string;
  readonly name: CheckpointName;
}

const { folder, name } = workerData as MergeTask; // `merge-in-thread.ts` starts it
const store = await openDirectoryStore(folder);
parentPort?.postMessage(await mergeCheckpoint(store, name, { worker: "merged" }));
