/** Whose state a checkpoint is: `job name@id of the first start`, the same for all that goes on from it. */

import { MillraceError } from "../../core/errors.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { OpenCheckpoint } from "../state/checkpoint-reader.ts";

export function newLineage(jobName: string, id: string): string {
  return `${jobName}@${id}`;
}

/** The job's name. */
export function jobOf(lineage: string): string {
  return lineage.slice(0, lineage.lastIndexOf("@"));
}

/**
 * Whether a job can go on from a checkpoint: it is of this job, has as many key groups, and every state and position in it
 * has an operator. @throws CHECKPOINT_FOREIGN
 */
export function checkFits({ name, manifest, layers }: OpenCheckpoint, jobGraph: JobGraph): void {
  const { jobName, keyGroups, vertices } = jobGraph;
  if (jobOf(manifest.lineage) !== jobName) {
    throw foreign(`checkpoint ${name} is of job "${jobOf(manifest.lineage)}", not of "${jobName}"`);
  }
  if (manifest.keyGroups !== keyGroups) {
    throw foreign(`checkpoint ${name} has ${manifest.keyGroups} key groups, job "${jobName}" has ${keyGroups}`);
  }
  const known = new Set<string>(vertices.flatMap(({ operators }) => operators.map(({ id }) => id)));
  const owners = layers.flatMap(({ manifest: { operators, positions, markers } }) => [
    ...operators.map(({ operator }) => operator),
    ...Object.keys(positions),
    ...Object.keys(markers),
  ]);
  const lost = [...new Set(owners)].filter((owner) => !known.has(owner));
  if (lost.length === 0) return;
  const names = lost.map((owner) => `"${owner}"`).join(", ");
  throw foreign(`checkpoint ${name} holds state of ${names}, which job "${jobName}" does not have`);
}

function foreign(message: string): MillraceError {
  return new MillraceError("CHECKPOINT_FOREIGN", message);
}
