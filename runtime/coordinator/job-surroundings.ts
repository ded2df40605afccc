/** What a job of a cluster needs of the coordinator. */

import type { Clock } from "../../core/time.ts";
import type { AttemptId, WorkerId } from "../cluster-ids.ts";
import type { JobManager } from "./job-manager.ts";
import type { CheckpointStorage, JobLogs, JobResults, JobStore } from "./job-store.ts";
import type { RegionRunsSurroundings } from "./region-runs.ts";

export interface JobSurroundings extends RegionRunsSurroundings {
  readonly clock: Clock;
  /** In [0, 1). */
  random(): number;
  readonly store: JobStore;
  readonly logs: JobLogs;
  readonly results: JobResults;
  readonly storage: CheckpointStorage;
  /** The worker as people know it: host:pid. */
  endpointOf(worker: WorkerId): string | undefined;
  /** Some of its regions wait for slots. */
  request(job: JobManager): void;
  /** None of its regions does any more. */
  withdraw(job: JobManager): void;
  attemptBegan(attempt: AttemptId, job: JobManager, region: number): void;
  attemptEnded(attempt: AttemptId): void;
  over(job: JobManager): void;
  storeFailed(cause: Error): void;
}
