/**
 * Jobs that wait for slots, in the order of their submission.
 *
 * Who waits for slots that others use is not overtaken, so that a large job is not starved by small ones. Who waits for
 * workers that are not there lets others pass: they could only wait for nothing.
 */

import type { WorkerId } from "../cluster-ids.ts";
import type { JobManager } from "./job-manager.ts";
import type { PlacementStrategy, WorkerCapacity } from "./placement.ts";

export interface WaitingOptions {
  readonly strategy: PlacementStrategy;
  readonly slotTimeoutMs: number;
  callAfter(ms: number, callback: () => void): () => void;
  /** Of workers that may be given work. */
  capacities(): readonly WorkerCapacity[];
  /** Gives a job what it waits for: a worker for each of its wanted slots. */
  place(job: JobManager, workers: readonly WorkerId[]): void;
}

export class WaitingJobs {
  readonly #options: WaitingOptions;
  readonly #timeouts = new Map<JobManager, () => void>();

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Whether a job waits. */
  has(job: JobManager): boolean {
    return this.#timeouts.has(job);
  }

  add(job: JobManager): void {
    if (this.#timeouts.has(job)) return;
    const { callAfter, slotTimeoutMs } = this.#options;
    const cancel = callAfter(slotTimeoutMs, () => {
      // Who has been waiting behind others may never have been looked at.
      this.#tryPlace(job);
      if (!this.#timeouts.delete(job)) return;
      job.slotsMissing(`job "${job.plan.name}" ${job.missing}; they did not come within ${slotTimeoutMs} ms`);
    });
    this.#timeouts.set(job, cancel);
  }

  remove(job: JobManager): void {
    this.#timeouts.get(job)?.();
    this.#timeouts.delete(job);
  }

  /** Places all that can be placed now. */
  schedule(): void {
    const jobs = [...this.#timeouts.keys()].sort((a, b) => a.record.serial - b.record.serial);
    for (const job of jobs) if (this.#tryPlace(job) === "others use its slots") return;
  }

  #tryPlace(job: JobManager): "placed" | "others use its slots" | "workers are missing" {
    const placement = this.#options.strategy.place(job.wantedSlots(), this.#options.capacities());
    if (placement.kind === "missing") {
      job.missing = placement.what;
      return placement.fitsWhenIdle ? "others use its slots" : "workers are missing";
    }
    this.remove(job);
    job.missing = "";
    this.#options.place(job, placement.workers);
    return "placed";
  }

  close(): void {
    for (const cancel of this.#timeouts.values()) cancel();
    this.#timeouts.clear();
  }
}
