/**
 * Running a job embedded in the own process, on slots in worker threads.
 *
 * What runs jobs is loaded by the first `run` only: job modules are imported in every slot's thread, which needs none of it.
 */

import { enableCompileCache } from "node:module";
import type { CheckpointOptions } from "../core/checkpoints.ts";
import type { ExecutionMode } from "../core/execution.ts";
import type { Job, Params } from "../core/job.ts";
import type { StateOptions } from "../core/state-options.ts";
import type { LogLevel } from "../core/telemetry.ts";
import type { UpgradeOptions } from "./checkpoints/upgrade.ts";
import type { JobMetrics } from "./job-metrics.ts";
import { setSlotFlags } from "./v8-flags.ts";

export interface RunOptions {
  /** Overrides the job's own parallelism. */
  readonly parallelism?: number;
  readonly params?: Params;
  /** Cancels the job. */
  readonly signal?: AbortSignal;
  /** Overrides the job's own: executed as a stream, or as a batch of stages. */
  readonly execution?: ExecutionMode;
  /** What is logged to standard error; default "warn". */
  readonly logLevel?: LogLevel | "silent";
  /**
   * Called with the metrics about five times a second while the job runs, as soon as a `collectTo` sink has its first rows,
   * and once at the end.
   */
  readonly onProgress?: (metrics: JobMetrics) => void;
  /** Freezes records and state values, so that a function that changes them throws. For tests: it costs time. */
  readonly freeze?: boolean;
  /** How large the JavaScript heap of each slot's thread may grow. A slot that needs more fails the job. */
  readonly slotHeapMb?: number;
  /** Where the job's state is while it runs; overrides what the job says. */
  readonly state?: StateOptions & {
    /** The folder for what exceeds the memory; default: one in the system's folder for temporary files. */
    readonly directory?: string;
  };
  /** Takes checkpoints into a folder, and goes on from the newest one in it; overrides what the job says of checkpoints. */
  readonly checkpoints?: FolderCheckpoints;
  /**
   * Goes on from the savepoint in this folder, or the newest checkpoint, unless the folder of the job's own checkpoints has
   * one. The program may be another one than it is of: what fits is kept or converted, the rest is refused.
   */
  readonly from?: string | SavepointOptions;
}

export interface SavepointOptions extends UpgradeOptions {
  readonly directory: string;
}

export interface FolderCheckpoints extends Partial<CheckpointOptions> {
  /**
   * A folder, which is made when it is not there; `level:FOLDER`, a LevelDB there; or `s3://bucket/prefix`. One job's, and
   * of one process at a time.
   */
  readonly directory: string;
}

/** A submitted job. */
export interface JobHandle {
  readonly jobId: string;
  /** Resolves with the final metrics; rejects with what the job failed with, or CANCELLED. */
  readonly result: Promise<JobMetrics>;
  /** The latest metrics. */
  metrics(): JobMetrics;
  /** The rows that sink `collectTo(name)` has got so far. */
  collect<T = unknown>(name: string): readonly T[];
  cancel(): void;
}

/**
 * Submits the job and resolves with its handle when it was accepted: `await (await run(job)).result` waits for the end.
 * @throws MillraceError when the program, its parameters or options are not valid, or what it is to go on from does not fit.
 */
export async function run<P extends Params>(job: Job<P>, options: RunOptions = {}): Promise<JobHandle> {
  setSlotFlags();
  enableCompileCache();
  const { runEmbedded } = await import("./run-embedded.ts");
  return await runEmbedded(job as unknown as Job, options);
}
