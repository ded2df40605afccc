/** The savepoint in a folder, as a submission may go on from it: it is whole, and its state fits to the job. */

import { savepointFolder } from "../checkpoints/savepoint-folder.ts";
import { checkUpgrade, type UpgradeOptions } from "../checkpoints/upgrade.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import { verifyCheckpoint } from "../state/checkpoint-reader.ts";
import type { SubmittedSavepoint } from "./job-record.ts";

/** @throws NOT_FOUND, CHECKPOINT_FOREIGN, UPGRADE_REFUSED, BAD_OPTION, CHECKPOINT_FORMAT, STATE_CORRUPT, CHECKPOINT_STORE */
export async function savepointIn(
  folder: string,
  jobGraph: JobGraph,
  upgrade: UpgradeOptions | undefined,
): Promise<SubmittedSavepoint> {
  const { store, opened } = await savepointFolder(folder);
  try {
    checkUpgrade(opened, jobGraph, upgrade);
    await verifyCheckpoint(store, opened);
  } finally {
    await store.close();
  }
  const { name, manifest } = opened;
  return { folder, checkpoint: name, lineage: manifest.lineage, ...(upgrade === undefined ? {} : { upgrade }) };
}
