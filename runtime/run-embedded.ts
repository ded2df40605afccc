/** What `run` does: plans the job, starts a thread a slot, and follows the job to its end. */

import { randomUUID } from "node:crypto";
import { type Job, watchdogMs } from "../core/job.ts";
import { LocalJob } from "./coordinator/local-job.ts";
import { planJob } from "./graph/plan.ts";
import { type JobMetrics, summarise } from "./job-metrics.ts";
import type { JobHandle, RunOptions } from "./run.ts";
import { createLog, type Log } from "./telemetry/pino-log.ts";
import { refuseInSlot, SlotPool } from "./worker/slot-pool.ts";

/** @throws MillraceError when the program, its parameters or options are not valid. */
export function runEmbedded(job: Job, options: RunOptions): JobHandle {
  refuseInSlot(job.name);
  const plan = planJob(job, options);
  const log: Log = createLog({ level: options.logLevel ?? "warn" });
  const pool = new SlotPool({
    slots: plan.executionGraph.slots,
    slotHeapMb: options.slotHeapMb,
    onStrayError: (error) =>
      log("error", "an error in a thread whose slot had ended", { job: job.name, error: error.message }),
  });
  const watchdog = watchdogMs(job.name, job.options);
  const jobId = randomUUID();
  const startedAt = Date.now();
  const metrics = (): JobMetrics =>
    summarise({
      jobName: job.name,
      state: local.state.kind,
      reports: local.reports,
      busyMs: local.busyMs,
      elapsedMs: Date.now() - startedAt,
    });
  const local = new LocalJob({
    jobId,
    jobName: job.name,
    module: job.module,
    plan,
    showRecordsInErrors: job.options.showRecordsInErrors ?? false,
    freeze: options.freeze ?? false,
    workingDirectory: process.cwd(),
    startSlot: (deployment) => pool.start(deployment, watchdog),
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
