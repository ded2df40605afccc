/**
 * Where a cluster keeps checkpoints: folders that the coordinator and all workers reach by the same path, on one machine or
 * on a file system that the machines share.
 *
 *   checkpoints/<job>/<region>/    a region's own (`directory-store.ts`), which go with the job
 *   savepoints/<job>-<time>/       savepoints, which stay until somebody deletes them
 */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { mergeInThread } from "../checkpoints/merge-in-thread.ts";
import type { JobId } from "../cluster-ids.ts";
import type { CheckpointName, CheckpointStore } from "../state/checkpoint-store.ts";
import { openDirectoryStore } from "../state/directory-store.ts";
import { jobFolder } from "./job-paths.ts";
import type { CheckpointStorage } from "./job-store.ts";

export class CheckpointFolders implements CheckpointStorage {
  readonly #root: string;
  readonly #savepoints: string;

  constructor(data: string) {
    this.#root = join(data, "checkpoints");
    this.#savepoints = join(data, "savepoints");
  }

  savepointFolder(job: JobId, nowMs: number): string {
    return `${jobFolder(this.#savepoints, job)}-${nowMs}`;
  }

  folderOf(job: JobId, region: number): string {
    return join(jobFolder(this.#root, job), String(region));
  }

  open(folder: string): Promise<CheckpointStore> {
    return openDirectoryStore(folder);
  }

  merge(folder: string, name: CheckpointName): Promise<CheckpointName> {
    return mergeInThread(folder, name);
  }

  async remove(job: JobId): Promise<void> {
    await rm(jobFolder(this.#root, job), { recursive: true, force: true });
  }
}
