/** The savepoint in a folder, as a submission may go on from it: it is whole, and of the job that is submitted. */

import { access } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { checkFits } from "../checkpoints/lineage.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import { checkpointsToTry, openCheckpoint, verifyCheckpoint } from "../state/checkpoint-reader.ts";
import { openDirectoryStore } from "../state/directory-store.ts";
import type { SubmittedSavepoint } from "./job-record.ts";

/** @throws NOT_FOUND, CHECKPOINT_FOREIGN, CHECKPOINT_FORMAT, STATE_CORRUPT, CHECKPOINT_STORE */
export async function savepointIn(folder: string, jobGraph: JobGraph): Promise<SubmittedSavepoint> {
  // Looked at first: a store makes the folder that it is given.
  await access(join(folder, "manifests")).catch((cause: unknown) => {
    throw new MillraceError("NOT_FOUND", `there is no savepoint in ${folder}`, { cause });
  });
  const store = await openDirectoryStore(folder);
  const [checkpoint] = await checkpointsToTry(store);
  if (checkpoint === undefined) throw new MillraceError("NOT_FOUND", `the savepoint in ${folder} has no manifest`);
  const opened = await openCheckpoint(store, checkpoint);
  checkFits(opened, jobGraph);
  await verifyCheckpoint(store, opened);
  return { folder, checkpoint, lineage: opened.manifest.lineage };
}
