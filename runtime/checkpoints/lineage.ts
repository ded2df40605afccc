/** Whose state a checkpoint is: `job name@id of the first start`, the same for all that goes on from it. */

export function newLineage(jobName: string, id: string): string {
  return `${jobName}@${id}`;
}

/** The job's name. */
export function jobOf(lineage: string): string {
  return lineage.slice(0, lineage.lastIndexOf("@"));
}

/** The id of the first start. */
export function idOf(lineage: string): string {
  return lineage.slice(lineage.lastIndexOf("@") + 1);
}

/** That of a job which goes on from a checkpoint: the checkpoint's own, unless that is another job's. */
export function continuedLineage(lineage: string, jobName: string, newId: () => string): string {
  return jobOf(lineage) === jobName ? lineage : newLineage(jobName, newId());
}
