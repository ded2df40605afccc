/**
 * Running a job in the calling thread, many slots under one seeded scheduler and a virtual clock: for tests.
 *
 * The subtasks, the channels between slots with their codec, and the control plane are those of production. The job is
 * passed in directly, so it may be defined anywhere; a seed that fails once fails again.
 */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionMode } from "../../core/execution.ts";
import type { Job, Params } from "../../core/job.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { BatchJob, type BatchJobOptions } from "../coordinator/batch-job.ts";
import { KeptRows } from "../coordinator/kept-rows.ts";
import { LocalJob, type LocalJobOptions } from "../coordinator/local-job.ts";
import { restartRule } from "../coordinator/restart-strategy.ts";
import { planJob } from "../graph/plan.ts";
import { type JobMetrics, summarise } from "../job-metrics.ts";
import type { JobHandle } from "../run.ts";
import { type InThreadCheckpoints, type InThreadCrash, runWithCheckpoints } from "./checkpointed-run.ts";
import { InThreadSlot } from "./in-thread-slot.ts";
import { Scheduler } from "./scheduler.ts";
import { SeededRandom } from "./seeded-random.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface InThreadOptions {
  /** Overrides the job's own parallelism. */
  readonly parallelism?: number;
  readonly params?: Params;
  /** Overrides the job's own: executed as a stream, or as a batch of stages. */
  readonly execution?: ExecutionMode;
  /** Decides who runs next; default 1. */
  readonly seed?: number;
  /** The time of the run; by default it begins at 0. It moves by itself when every slot sleeps. */
  readonly clock?: VirtualClock;
  /** Freezes records and state values and refuses records that could not travel, in chains too. Default true. */
  readonly freeze?: boolean;
  /** Takes checkpoints. Sinks that do not take part in them may get records more than once after a crash. */
  readonly checkpoints?: InThreadCheckpoints;
  /** Drops the job's attempts one after the other, each of which goes on from the last complete checkpoint. */
  readonly crashes?: readonly InThreadCrash[];
  /** Cancels the job. */
  readonly signal?: AbortSignal;
  /** Stops the job: sources end as if they had read everything. */
  readonly stop?: AbortSignal;
  readonly log?: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * Starts the job; `await (await runInThread(job)).result` waits for its end. Same job, options and seed: same order of
 * everything, as long as the job does nothing asynchronous of its own.
 * @throws MillraceError when the program, its parameters or options are not valid.
 */
export async function runInThread<P extends Params>(job: Job<P>, options: InThreadOptions = {}): Promise<JobHandle> {
  const anyJob = job as unknown as Job;
  const saves = options.checkpoints !== undefined || options.crashes !== undefined;
  const plan = planJob(anyJob, {
    ...options,
    workingDirectory: process.cwd(),
    notInBatch: saves ? "checkpoints" : undefined,
  });
  const random = new SeededRandom(options.seed ?? 1);
  const clock = options.clock ?? new VirtualClock();
  const startedAt = clock.now();
  const scheduler = new Scheduler(random, clock);
  const slots: InThreadSlot[] = [];
  const jobId = `in-thread-${options.seed ?? 1}`;
  if (saves) return checkpointedHandle(anyJob, options, jobId, random, clock);
  const startSlot: LocalJobOptions["startSlot"] = (deployment) => {
    const slot = new InThreadSlot(anyJob, deployment, scheduler, random, clock);
    slots.push(slot);
    return slot;
  };
  const common = {
    jobId,
    jobName: job.name,
    module: job.module,
    plan,
    showRecordsInErrors: job.options.showRecordsInErrors ?? false,
    freeze: options.freeze ?? true,
    workingDirectory: process.cwd(),
    log: options.log ?? (() => {}),
  };
  const local =
    plan.stages === undefined ? new LocalJob({ ...common, startSlot }) : batchJob(anyJob, common, startSlot);
  const metrics = (): JobMetrics => {
    for (const slot of slots) slot.report();
    const { reports, busyMs, state } = local;
    return summarise({ jobName: job.name, state: state.kind, reports, busyMs, elapsedMs: clock.now() - startedAt });
  };
  const cancel = (): void => local.cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  options.stop?.addEventListener("abort", () => local.stop(), { once: true });
  const result = runToEnd(local, scheduler).then(metrics);
  // The caller may look at the result later, or only at the metrics.
  result.catch(() => {}).finally(() => options.signal?.removeEventListener("abort", cancel));
  if (options.signal?.aborted === true) cancel();
  return { jobId, result, metrics, collect: <T>(name: string) => local.collected(name) as readonly T[], cancel };
}

function batchJob(
  job: Job,
  common: Omit<BatchJobOptions, "folder" | "openSlots" | "restart" | "nowMs" | "random" | "callAfter">,
  start: LocalJobOptions["startSlot"],
): BatchJob {
  return new BatchJob({
    ...common,
    folder: mkdtempSync(join(tmpdir(), "millrace-batch-")),
    openSlots: () => ({ start, close: async () => {} }),
    restart: restartRule(job.options.restart ?? { kind: "none" }),
    // A stage is redone at once: time moves only while slots sleep, and none is there.
    callAfter: (_, callback) => {
      queueMicrotask(callback);
      return () => {};
    },
    nowMs: () => 0,
    random: () => 0,
  });
}

function checkpointedHandle(
  job: Job,
  options: InThreadOptions,
  jobId: string,
  random: SeededRandom,
  clock: VirtualClock,
): JobHandle {
  const rows = new KeptRows();
  const startedAt = clock.now();
  let state: "running" | "finished" | "failed" = "running";
  const abort = new AbortController();
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal]);
  const metrics = (): JobMetrics =>
    summarise({ jobName: job.name, state, reports: [], busyMs: [], elapsedMs: clock.now() - startedAt });
  const result = runWithCheckpoints({ job, options: { ...options, signal }, random, clock, rows }).then(
    () => {
      state = "finished";
      return metrics();
    },
    (cause) => {
      state = "failed";
      throw cause;
    },
  );
  result.catch(() => {}); // the caller may look at the result later
  return {
    jobId,
    result,
    metrics,
    collect: <T>(name: string) => rows.of(name) as readonly T[],
    cancel: () => abort.abort(),
  };
}

async function runToEnd(local: Pick<LocalJob, "run">, scheduler: Scheduler): Promise<void> {
  let outcome: Promise<void> = Promise.resolve();
  let ended = false;
  const start = (): void => {
    outcome = local.run().finally(() => {
      ended = true;
    });
    outcome.catch(() => {}); // thrown below, once the scheduler has ended
  };
  await scheduler.run(start, () => ended);
  await outcome;
}
