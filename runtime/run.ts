/** Running a job embedded in the own process, on slots in worker threads. */

import { randomUUID } from "node:crypto";
import { enableCompileCache } from "node:module";
import type { Job, Params } from "../core/job.ts";
import type { LogLevel } from "../core/telemetry.ts";
import { LocalJob } from "./coordinator/local-job.ts";
import { planJob } from "./graph/plan.ts";
import { type JobMetrics, summarise } from "./job-metrics.ts";
import { createLog, type Log } from "./telemetry/pino-log.ts";
import { refuseInSlot, SlotPool } from "./worker/slot-pool.ts";

export interface RunOptions {
  /** Overrides the job's own parallelism. */
  readonly parallelism?: number;
  readonly params?: Params;
  /** Cancels the job. */
  readonly signal?: AbortSignal;
  /** What is logged to standard error; default "warn". */
  readonly logLevel?: LogLevel | "silent";
  /** Called with the metrics about five times a second while the job runs, and once at its end. */
  readonly onProgress?: (metrics: JobMetrics) => void;
  /** Freezes records and state values, so that a function that changes them throws. For tests: it costs time. */
  readonly freeze?: boolean;
  /** How large the JavaScript heap of each slot's thread may grow. A slot that needs more fails the job. */
  readonly slotHeapMb?: number;
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
 * @throws MillraceError when the program, its parameters or options are not valid.
 */
export async function run<P extends Params>(job: Job<P>, options: RunOptions = {}): Promise<JobHandle> {
  refuseInSlot(job.name);
  enableCompileCache();
  const plan = planJob(job as unknown as Job, options);
  const log: Log = createLog({ level: options.logLevel ?? "warn" });
  const pool = new SlotPool({
    slots: plan.executionGraph.slots,
    slotHeapMb: options.slotHeapMb,
    onStrayError: (error) => log("error", "an error in a thread whose slot had ended", { job: job.name, error: error.message }),
  });
  const jobId = randomUUID();
  const startedAt = Date.now();
  const metrics = (): JobMetrics => summarise({ jobName: job.name, state: local.state.kind, reports: local.reports, busyMs: local.busyMs, elapsedMs: Date.now() - startedAt });
  const local = new LocalJob({
    jobId,
    jobName: job.name,
    module: job.module,
    plan,
    showRecordsInErrors: job.options.showRecordsInErrors ?? false,
    freeze: options.freeze ?? false,
    startSlot: (deployment) => pool.start(deployment),
    log,
    onReport: () => options.onProgress?.(metrics()),
    callAfter: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  });
  const cancel = (): void => local.cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const result = runToEnd(local, pool, metrics).finally(() => options.signal?.removeEventListener("abort", cancel));
  if (options.signal?.aborted === true) cancel();
  return { jobId, result, metrics, collect: <T>(name: string) => local.collected(name) as readonly T[], cancel };
}

async function runToEnd(local: LocalJob, pool: SlotPool, metrics: () => JobMetrics): Promise<JobMetrics> {
  try {
    await local.run();
    return metrics();
  } finally {
    await pool.close();
  }
}
