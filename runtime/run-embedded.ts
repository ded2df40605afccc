/** What `run` does: plans the job, starts a thread a slot, and follows the job to its end. */

import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { checkpointSettings } from "../core/checkpoints.ts";
import { type Job, watchdogMs } from "../core/job.ts";
import { CHECKPOINT_INTERVAL_MS } from "../core/limits.ts";
import { RESTART_DEFAULT } from "../core/restart.ts";
import { systemCallAfter, systemClock } from "./clock.ts";
import { LocalJob, type LocalJobOptions } from "./coordinator/local-job.ts";
import type { AttemptSlots } from "./coordinator/restarting-job.ts";
import { planJob } from "./graph/plan.ts";
import { type JobMetrics, summarise } from "./job-metrics.ts";
import type { FolderCheckpoints, JobHandle, RunOptions } from "./run.ts";
import { createLog, type Log } from "./telemetry/pino-log.ts";
import { refuseInSlot, SlotPool } from "./worker/slot-pool.ts";

interface EmbeddedJob {
  readonly local: Pick<LocalJob, "run" | "cancel" | "state" | "reports" | "busyMs" | "collected">;
  /** Ends its threads, which the job does by itself where it may have to start anew. */
  readonly end: () => Promise<void>;
}

/** All but where slots come from. */
type Common = Omit<LocalJobOptions, "startSlot">;

/** @throws MillraceError when the program, its parameters or options are not valid. */
export async function runEmbedded(job: Job, options: RunOptions): Promise<JobHandle> {
  refuseInSlot(job.name);
  const plan = planJob(job, options);
  const log: Log = createLog({ level: options.logLevel ?? "warn" });
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
  const common: Common = {
    jobId,
    jobName: job.name,
    module: job.module,
    plan,
    showRecordsInErrors: job.options.showRecordsInErrors ?? false,
    freeze: options.freeze ?? false,
    workingDirectory: process.cwd(),
    log,
    onReport: () => options.onProgress?.(metrics()),
    callAfter: systemCallAfter,
  };
  const openSlots = (): AttemptSlots => openPool(job, options, plan.executionGraph.slots, log);
  const { checkpoints } = options;
  const { local, end } =
    checkpoints === undefined ? onSlots(openSlots(), common) : await restarting(job, checkpoints, common, openSlots);
  const cancel = (): void => local.cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const result = local
    .run()
    .finally(end)
    .then(metrics)
    .finally(() => options.signal?.removeEventListener("abort", cancel));
  if (options.signal?.aborted === true) cancel();
  return { jobId, result, metrics, collect: <T>(name: string) => local.collected(name) as readonly T[], cancel };
}

function openPool(job: Job, { slotHeapMb }: RunOptions, slots: number, log: Log): AttemptSlots {
  const pool = new SlotPool({
    slots,
    slotHeapMb,
    onStrayError: (error) =>
      log("error", "an error in a thread whose slot had ended", { job: job.name, error: error.message }),
  });
  const watchdog = watchdogMs(job.name, job.options);
  return { start: (deployment) => pool.start(deployment, watchdog), close: () => pool.close() };
}

/** A job that ends with its first failure. */
function onSlots(slots: AttemptSlots, common: Common): EmbeddedJob {
  const local = new LocalJob({ ...common, startSlot: (deployment) => slots.start(deployment) });
  return { local, end: () => slots.close() };
}

/** Loaded by those alone that take checkpoints. */
async function restarting(
  job: Job,
  { directory, ...given }: FolderCheckpoints,
  common: Common,
  openSlots: () => AttemptSlots,
): Promise<EmbeddedJob> {
  const interval = { milliseconds: CHECKPOINT_INTERVAL_MS };
  const settings = checkpointSettings({ interval, ...job.options.checkpoints, ...given }, "checkpoints");
  const folder = resolve(directory);
  const [{ RestartingJob }, { openDirectoryStore }, { LineageFile }, { mergeInThread }, { restartRule }] =
    await Promise.all([
      import("./coordinator/restarting-job.ts"),
      import("./state/directory-store.ts"),
      import("./checkpoints/lineage-file.ts"),
      import("./checkpoints/merge-in-thread.ts"),
      import("./coordinator/restart-strategy.ts"),
    ]);
  const store = await openDirectoryStore(folder);
  const local = new RestartingJob({
    ...{ ...common, openSlots, callAfter: systemCallAfter, store, settings },
    lineage: await LineageFile.open(folder, job.name, randomUUID),
    nowMs: () => systemClock.now(),
    random: () => Math.random(),
    merge: (name) => mergeInThread(store, name),
    restart: restartRule(job.options.restart ?? RESTART_DEFAULT),
  });
  return { local, end: () => Promise.resolve() };
}
