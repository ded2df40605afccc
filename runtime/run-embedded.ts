/** What `run` does: plans the job, starts a thread a slot, and follows the job to its end. */

import { randomUUID } from "node:crypto";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { type CheckpointSettings, checkpointSettings } from "../core/checkpoints.ts";
import { type Job, watchdogMs } from "../core/job.ts";
import { CHECKPOINT_INTERVAL_MS, SLOT_YOUNG_HEAP_MB } from "../core/limits.ts";
import { RESTART_DEFAULT } from "../core/restart.ts";
import { stateSettings } from "../core/state-options.ts";
import { systemCallAfter, systemClock } from "./clock.ts";
import type { LocalCheckpoints, LocalRestore } from "./coordinator/local-checkpoints.ts";
import { LocalJob, type LocalJobOptions } from "./coordinator/local-job.ts";
import type { AttemptSlots } from "./coordinator/restarting-job.ts";
import { checkSinks } from "./graph/fitting-sinks.ts";
import { type Plan, planJob, recordsKept } from "./graph/plan.ts";
import { type JobMetrics, summarise } from "./job-metrics.ts";
import type { FolderCheckpoints, JobHandle, RunOptions, SavepointOptions } from "./run.ts";
import type { CheckpointStore } from "./state/checkpoint-store.ts";
import { createLog, type Log } from "./telemetry/pino-log.ts";
import { refuseInSlot, SlotPool } from "./worker/slot-pool.ts";

interface EmbeddedJob {
  readonly local: Pick<LocalJob, "run" | "cancel" | "state" | "reports" | "busyMs" | "collected">;
  /** Ends its threads, which the job does by itself where it may have to start anew. */
  readonly end: () => Promise<void>;
}

interface EmbeddedSavepoint {
  readonly restore: LocalRestore;
  readonly lineage: string;
}

/** All but where slots come from. */
type Common = Omit<LocalJobOptions, "startSlot">;

/** @throws MillraceError when the program, its parameters or options are not valid. */
export async function runEmbedded(job: Job, options: RunOptions): Promise<JobHandle> {
  refuseInSlot(job.name);
  const plan = planJob(job, { ...options, workingDirectory: process.cwd(), notInBatch: notInBatch(options) });
  const log: Log = createLog({ level: options.logLevel ?? "warn" });
  const settings = checkpointsOf(job, options);
  for (const warning of checkSinks(plan.graph, settings)) log("warn", warning, { job: job.name });
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
  const spilling = await spillingOf(job, options, jobId);
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
    state: spilling?.state,
  };
  const ahead = new SlotsAhead(() => openPool(job, options, plan, log));
  const { local, end } = await embedded(job, options, settings, common, ahead).catch(async (error: unknown) => {
    await ahead.close();
    throw error;
  });
  const cancel = (): void => local.cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const result = local
    .run()
    .finally(end)
    .finally(() => ahead.close())
    .finally(() => spilling?.folder.close())
    .then(metrics)
    .finally(() => options.signal?.removeEventListener("abort", cancel));
  if (options.signal?.aborted === true) cancel();
  return { jobId, result, metrics, collect: <T>(name: string) => local.collected(name) as readonly T[], cancel };
}

/** The slots of the first attempt, whose threads start while all else is got ready; and then those of each other one. */
class SlotsAhead {
  readonly #open: () => AttemptSlots;
  #ready: AttemptSlots | undefined;

  constructor(open: () => AttemptSlots) {
    this.#open = open;
    this.#ready = open();
  }

  take(): AttemptSlots {
    const slots = this.#ready ?? this.#open();
    this.#ready = undefined;
    return slots;
  }

  /** Ends those that nobody has taken. */
  async close(): Promise<void> {
    const slots = this.#ready;
    this.#ready = undefined;
    await slots?.close();
  }
}

async function embedded(
  job: Job,
  options: RunOptions,
  settings: CheckpointSettings | undefined,
  common: Common,
  ahead: SlotsAhead,
): Promise<EmbeddedJob> {
  const { checkpoints, from: savepoint } = options;
  const openSlots = (): AttemptSlots => ahead.take();
  const from = async () => (savepoint === undefined ? undefined : await savepointFor(common.plan, savepoint));
  if (common.plan.stages !== undefined) return await inStages(job, options, common, openSlots);
  return checkpoints === undefined || settings === undefined
    ? await onSlots(openSlots, common, await from())
    : await restarting(job, { directory: checkpoints.directory, settings }, common, openSlots, from);
}

/** Undefined: it takes none. */
function checkpointsOf({ options }: Job, { checkpoints }: RunOptions): CheckpointSettings | undefined {
  if (checkpoints === undefined) return undefined;
  const interval = { milliseconds: CHECKPOINT_INTERVAL_MS };
  return checkpointSettings({ interval, ...options.checkpoints, ...checkpoints }, "checkpoints");
}

function openPool(job: Job, { slotHeapMb }: RunOptions, plan: Plan, log: Log): AttemptSlots {
  const pool = new SlotPool({
    slots: plan.executionGraph.slots,
    slotHeapMb,
    youngHeapMb: SLOT_YOUNG_HEAP_MB[recordsKept(plan)],
    loadsAhead: { module: job.module },
    onStrayError: (error) =>
      log("error", "an error in a thread whose slot had ended", { job: job.name, error: error.message }),
  });
  const watchdog = watchdogMs(job.name, job.options);
  return { start: (deployment) => pool.start(deployment, watchdog), close: () => pool.close() };
}

/** What the job goes on from: whole, and its state fits. */
async function savepointFor(plan: Plan, given: string | SavepointOptions): Promise<EmbeddedSavepoint> {
  const { directory, ...upgrade } = typeof given === "string" ? { directory: given } : given;
  const [{ savepointFolder }, { checkUpgrade }, { verifyCheckpoint }] = await Promise.all([
    import("./checkpoints/savepoint-folder.ts"),
    import("./checkpoints/upgrade.ts"),
    import("./state/checkpoint-reader.ts"),
  ]);
  const { store, opened } = await savepointFolder(directory);
  try {
    checkUpgrade(opened, plan.jobGraph, upgrade);
    await verifyCheckpoint(store, opened);
  } catch (error) {
    await store.close();
    throw error;
  }
  return { restore: { checkpoint: opened.name, store, upgrade }, lineage: opened.manifest.lineage };
}

/** Where its slots put what exceeds their memory; undefined: all state is on the heap. */
async function spillingOf(job: Job, { state: given }: RunOptions, jobId: string) {
  const options = given ?? job.options.state;
  const settings = options && stateSettings(options, `state of job "${job.name}"`);
  if (settings?.backend !== "level") return undefined;
  const { SpillFolder } = await import("./worker/spill-folder.ts");
  const folder = new SpillFolder(stateRoot(given?.directory), jobId);
  return { folder, state: { ...settings, folder: await folder.of("slots") } };
}

/** What is asked that batches do not have. */
function notInBatch({ checkpoints, from }: RunOptions): string | undefined {
  if (checkpoints !== undefined) return "checkpoints, of which it has no need, as a failed stage is redone";
  return from === undefined ? undefined : "a savepoint to go on from";
}

/** A job that is executed as a batch. */
async function inStages(
  job: Job,
  { state }: RunOptions,
  common: Common,
  openSlots: () => AttemptSlots,
): Promise<EmbeddedJob> {
  const [{ BatchJob }, { SpillFolder }, { restartRule }] = await Promise.all([
    import("./coordinator/batch-job.ts"),
    import("./worker/spill-folder.ts"),
    import("./coordinator/restart-strategy.ts"),
  ]);
  const spill = new SpillFolder(stateRoot(state?.directory), `batch-${common.jobId}`);
  const local = new BatchJob({
    ...{ ...common, openSlots, callAfter: systemCallAfter, folder: await spill.of("stages") },
    restart: restartRule(job.options.restart ?? { kind: "none" }),
    nowMs: () => systemClock.now(),
    random: () => Math.random(),
  });
  return { local, end: () => spill.close() };
}

function stateRoot(directory: string | undefined): string {
  return resolve(directory ?? join(tmpdir(), `millrace-state-${userInfo().uid}`));
}

/** A job that ends with its first failure. */
async function onSlots(
  openSlots: () => AttemptSlots,
  common: Common,
  from: EmbeddedSavepoint | undefined,
): Promise<EmbeddedJob> {
  const restored = from && { checkpoints: await withoutCheckpoints(common.plan, from) };
  const slots = openSlots();
  const startSlot: LocalJobOptions["startSlot"] = (deployment) => slots.start(deployment);
  return { local: new LocalJob({ ...common, startSlot, ...restored }), end: () => closed(slots, from?.restore.store) };
}

async function withoutCheckpoints(plan: Plan, { restore }: EmbeddedSavepoint): Promise<LocalCheckpoints> {
  const { LocalCheckpoints } = await import("./coordinator/local-checkpoints.ts");
  return new LocalCheckpoints({ plan, taken: undefined, restore });
}

/** Loaded by those alone that take checkpoints. */
async function restarting(
  job: Job,
  { directory, settings }: Pick<FolderCheckpoints, "directory"> & { readonly settings: CheckpointSettings },
  common: Common,
  openSlots: () => AttemptSlots,
  savepoint: () => Promise<EmbeddedSavepoint | undefined>,
): Promise<EmbeddedJob> {
  const [
    { RestartingJob },
    { absoluteLocation, openCheckpointStore },
    { LineageFile },
    { mergeInThread },
    { restartRule },
    { idOf, jobOf },
  ] = await Promise.all([
    import("./coordinator/restarting-job.ts"),
    import("./checkpoints/open-store.ts"),
    import("./checkpoints/lineage-file.ts"),
    import("./checkpoints/merge-in-thread.ts"),
    import("./coordinator/restart-strategy.ts"),
    import("./checkpoints/lineage.ts"),
  ]);
  const location = absoluteLocation(directory);
  const store = await openCheckpointStore(location);
  // Who starts a job again starts it by the same words, though it has come further since, and the savepoint may be gone.
  const from =
    (await store.manifests()).length > 0 ? undefined : await savepoint().catch((error) => closedWith(store, error));
  const newId = (): string => (from && jobOf(from.lineage) === job.name ? idOf(from.lineage) : randomUUID());
  const local = new RestartingJob({
    ...{ ...common, from: from?.restore, openSlots, callAfter: systemCallAfter, store, settings },
    lineage: await LineageFile.open(store, location, job.name, newId).catch((error) => closedWith(store, error)),
    nowMs: () => systemClock.now(),
    monotonicMs: () => systemClock.monotonicMs(),
    random: () => Math.random(),
    merge: (name) => mergeInThread(store, name),
    restart: restartRule(job.options.restart ?? RESTART_DEFAULT),
  });
  return { local, end: () => closed(store, from?.restore.store) };
}

/** @throws the error */
async function closedWith(store: CheckpointStore, error: unknown): Promise<never> {
  await store.close();
  throw error;
}

async function closed(...all: readonly ({ close(): Promise<void> } | undefined)[]): Promise<void> {
  for (const each of all) await each?.close();
}
