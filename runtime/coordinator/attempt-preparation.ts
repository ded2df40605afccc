/**
 * What comes before an attempt is deployed: what it goes on from is chosen, the rows that it will bring again are taken
 * back, and its number is stored. One attempt of a region after the other, as one that came to nothing meanwhile may still
 * be at it.
 */

import type { JobId } from "../cluster-ids.ts";
import { faultPoint } from "../fault-point.ts";
import { operatorsOf, type Region } from "../graph/regions.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { JobCheckpoints } from "./job-checkpoints.ts";
import type { SubmittedSavepoint } from "./job-record.ts";
import type { JobResults } from "./job-store.ts";
import type { RegionRun } from "./region-run.ts";

export interface PreparationSurroundings {
  readonly job: JobId;
  readonly plan: PlannedJob;
  readonly regions: readonly Region[];
  readonly checkpoints: JobCheckpoints;
  readonly results: JobResults;
  readonly from: SubmittedSavepoint | undefined;
  /** These sinks have no rows any more. */
  forget(sinks: readonly string[]): void;
  /** Resolves when the job's record is stored as it is now. */
  saved(): Promise<void>;
}

export class AttemptPreparation {
  readonly #surroundings: PreparationSurroundings;
  readonly #underWay = new Map<number, Promise<void>>();

  constructor(surroundings: PreparationSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Resolves when the attempt may be deployed. @throws what it cannot go on from, or the store's failure. */
  async store(region: number, run: RegionRun): Promise<void> {
    const before = this.#underWay.get(region) ?? Promise.resolve();
    const storing = before.then(() => this.#prepare(region, run));
    this.#underWay.set(
      region,
      storing.catch(() => {}),
    );
    await storing;
  }

  async #prepare(region: number, run: RegionRun): Promise<void> {
    const { checkpoints, from, saved } = this.#surroundings;
    if (run.closed) return;
    try {
      run.restore = await checkpoints.restore(region, () => run.closed);
    } catch (error) {
      // The next attempt looks for itself.
      if (!run.closed) throw error;
    }
    if (run.closed) return;
    const { folder } = run.restore ?? {};
    if (folder === undefined || folder === from?.folder) await this.#begin(region, run);
    await saved();
    faultPoint("coordinator.attempt-stored");
  }

  /** Nothing that an earlier attempt has collected counts. */
  async #begin(region: number, run: RegionRun): Promise<void> {
    const { job, plan, regions, results, forget } = this.#surroundings;
    const sinks = operatorsOf(regions[region], plan.jobGraph);
    forget(sinks);
    if (run.number > 1) await results.clear(job, sinks);
  }
}
