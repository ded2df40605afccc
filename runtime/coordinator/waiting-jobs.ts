/**
 * Jobs that wait for slots, in the order of their submission.
 *
 * Who waits for slots that others use is not overtaken, so that a large job is not starved by small ones, and waits as
 * long as the others take. Who waits for workers that are not there lets others pass, as they could only wait for nothing,
 * and gives up when none has come in time.
 */

import type { WorkerId } from "../cluster-ids.ts";
import type { JobManager } from "./job-manager.ts";
import type { Placement, PlacementStrategy, WorkerCapacity } from "./placement.ts";

export interface WaitingOptions {
  readonly strategy: PlacementStrategy;
  /** How long a job waits for workers that are not there. */
  readonly slotTimeoutMs: number;
  callAfter(ms: number, callback: () => void): () => void;
  /** Of workers that may be given work. */
  capacities(): readonly WorkerCapacity[];
  /** Gives a job what it waits for: a worker for each of its wanted slots. */
  place(job: JobManager, workers: readonly WorkerId[]): void;
}

interface Wait {
  /** At the last look. */
  lacksWorkers: boolean;
  stop: () => void;
}

export class WaitingJobs {
  readonly #options: WaitingOptions;
  readonly #waits = new Map<JobManager, Wait>();

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Whether a job waits. */
  has(job: JobManager): boolean {
    return this.#waits.has(job);
  }

  add(job: JobManager): void {
    if (this.#waits.has(job)) return;
    const wait: Wait = { lacksWorkers: false, stop: () => {} };
    this.#waits.set(job, wait);
    this.#lookLater(job, wait);
  }

  remove(job: JobManager): void {
    this.#waits.get(job)?.stop();
    this.#waits.delete(job);
  }

  /** Places all that can be placed now. */
  schedule(): void {
    const jobs = [...this.#waits].sort(([a], [b]) => a.record.serial - b.record.serial);
    for (const [job, wait] of jobs) {
      const placement = this.#look(job, wait);
      if (placement.kind === "placed") this.#place(job, placement.workers);
      else if (!wait.lacksWorkers) return;
    }
  }

  close(): void {
    for (const { stop } of this.#waits.values()) stop();
    this.#waits.clear();
  }

  /** Who waits behind others is not looked at by `schedule`, and so is at least now and then. */
  #lookLater(job: JobManager, wait: Wait): void {
    const { callAfter, slotTimeoutMs } = this.#options;
    wait.stop();
    wait.stop = callAfter(slotTimeoutMs, () => {
      const lackedWorkers = wait.lacksWorkers;
      this.#lookLater(job, wait);
      this.#look(job, wait);
      if (!lackedWorkers || !wait.lacksWorkers) return;
      this.remove(job);
      job.slotsMissing(`job "${job.plan.name}" ${job.missing}; they did not come within ${slotTimeoutMs} ms`);
    });
  }

  #look(job: JobManager, wait: Wait): Placement {
    const placement = this.#options.strategy.place(job.wantedSlots(), this.#options.capacities());
    if (placement.kind === "missing") job.missing = placement.what;
    const lackedWorkers = wait.lacksWorkers;
    wait.lacksWorkers = placement.kind === "missing" && !placement.fitsWhenIdle;
    // From now on its time runs.
    if (wait.lacksWorkers && !lackedWorkers) this.#lookLater(job, wait);
    return placement;
  }

  #place(job: JobManager, workers: readonly WorkerId[]): void {
    this.remove(job);
    job.missing = "";
    this.#options.place(job, workers);
  }
}
