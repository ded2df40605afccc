/**
 * `millrace diff SAVEPOINT job.ts`: what would become of the savepoint's state if the job went on from it. Nothing is
 * started or stopped; every block of the savepoint is read, so that a damaged one is named too.
 */

import { jobOf } from "../checkpoints/lineage.ts";
import { savepointFolder } from "../checkpoints/savepoint-folder.ts";
import { decideUpgrade, type Upgrade } from "../checkpoints/upgrade.ts";
import { outcomesText, upgradeText } from "../checkpoints/upgrade-text.ts";
import { planJob } from "../graph/plan.ts";
import { type OpenCheckpoint, verifyCheckpoint } from "../state/checkpoint-reader.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import type { JobOptions } from "./job-options.ts";
import { loadJob } from "./load-job.ts";
import { print } from "./output.ts";
import { parseParams } from "./param-values.ts";
import { type UpgradeArguments, upgradeOptions } from "./upgrade-options.ts";

export interface DiffOptions extends JobOptions, UpgradeArguments {}

/**
 * @returns done when the job can go on, failed when something is refused
 * @throws NOT_FOUND, CHECKPOINT_FOREIGN, CHECKPOINT_FORMAT, STATE_CORRUPT, BAD_OPTION, and what is wrong with the program
 */
export async function diffCommand(folder: string, path: string, options: DiffOptions): Promise<ExitCode> {
  const job = await loadJob(path);
  const { jobGraph } = planJob(job, { params: parseParams(job, options.param), parallelism: options.parallelism });
  const { store, opened } = await savepointFolder(folder);
  const judged = async (): Promise<Upgrade> => {
    await verifyCheckpoint(store, opened);
    return decideUpgrade(opened, jobGraph, upgradeOptions(options));
  };
  const upgrade = await judged().finally(() => store.close());
  print(options, dataOf(opened, job.name, upgrade), () => textOf(opened, job.name, upgrade));
  return upgrade.refused ? exitCodes.failed : exitCodes.done;
}

function textOf({ name, manifest }: OpenCheckpoint, job: string, { decisions, refused }: Upgrade): string {
  const what = `${manifest.savepoint ? "savepoint" : "checkpoint"} ${name} of "${jobOf(manifest.lineage)}"`;
  const answer = refused ? "cannot go on from it" : "can go on from it";
  return `${what}: job "${job}" ${answer}: ${outcomesText(decisions)}\n${upgradeText(decisions)}\n`;
}

function dataOf({ name, manifest }: OpenCheckpoint, job: string, { decisions, refused }: Upgrade): unknown {
  const { checkpoint, savepoint, createdAtMs, keyGroups, lineage } = manifest;
  return {
    savepoint: { name, checkpoint, savepoint, createdAtMs, keyGroups, job: jobOf(lineage) },
    job,
    possible: !refused,
    states: decisions,
  };
}
