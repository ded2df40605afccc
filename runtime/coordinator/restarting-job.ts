/**
 * An embedded job that takes checkpoints: after a failure it starts again, by its restart strategy, from the newest one
 * that is whole; and so does the next process that runs it on the same folder.
 *
 *   attempt ── ends ──► done
 *    ▲    └── fails ──► the strategy: gives up, or waits ──┐
 *    └─────────────────────────────────────────────────────┘
 */

import type { CheckpointSettings } from "../../core/checkpoints.ts";
import { MillraceError } from "../../core/errors.ts";
import type { OperatorId } from "../../core/ids.ts";
import { chooseCheckpoint } from "../checkpoints/choose-checkpoint.ts";
import { heldRows, publishes } from "../checkpoints/collected-rows.ts";
import type { LineageFile } from "../checkpoints/lineage-file.ts";
import { checkUpgrade } from "../checkpoints/upgrade.ts";
import { toErrorReport } from "../error-report.ts";
import { slotsOf } from "../graph/execution-graph.ts";
import type { SlotDeployment, SubtaskReport } from "../protocol.ts";
import type { CheckpointManifest } from "../state/checkpoint-manifest.ts";
import { type OpenCheckpoint, openCheckpoint } from "../state/checkpoint-reader.ts";
import { type CheckpointName, type CheckpointStore, checkpointNumber } from "../state/checkpoint-store.ts";
import { CheckpointStats } from "./checkpoint-stats.ts";
import { canRestart } from "./job-life.ts";
import type { JobState } from "./job-state.ts";
import { KeptRows } from "./kept-rows.ts";
import { LocalCheckpoints, type LocalRestore } from "./local-checkpoints.ts";
import { LocalJob, type LocalJobOptions, type StartedSlot } from "./local-job.ts";
import { RegionCheckpoints } from "./region-checkpoints.ts";
import { decideRestart, noFailures, type RestartHistory, type RestartRule } from "./restart-strategy.ts";

/** Threads for one attempt. */
export interface AttemptSlots {
  start(deployment: SlotDeployment): StartedSlot;
  close(): Promise<void>;
}

export interface RestartingJobOptions
  extends Omit<LocalJobOptions, "startSlot" | "callAfter" | "attempt" | "rows" | "checkpoints"> {
  readonly openSlots: () => AttemptSlots;
  readonly callAfter: (ms: number, callback: () => void) => () => void;
  readonly nowMs: () => number;
  /** Does not jump. */
  readonly monotonicMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly store: CheckpointStore;
  /** What it goes on from as long as the store has nothing. */
  readonly from: LocalRestore | undefined;
  readonly lineage: LineageFile;
  readonly settings: CheckpointSettings;
  readonly merge: (name: CheckpointName) => Promise<CheckpointName>;
  readonly restart: RestartRule;
}

export class RestartingJob {
  readonly stats = new CheckpointStats();
  readonly #options: RestartingJobOptions;
  readonly #rows = new KeptRows();
  readonly #checkpoints: RegionCheckpoints;
  readonly #cancelled = Promise.withResolvers<void>();
  #isCancelled = false;
  #local: LocalJob | undefined;
  /** What an earlier process left: its rows are not here. */
  #inherited = 0;

  constructor(options: RestartingJobOptions) {
    this.#options = options;
    const { plan, settings, store, lineage, nowMs, monotonicMs, callAfter, log, merge } = options;
    this.#checkpoints = new RegionCheckpoints({
      ...{ region: 0, lineage: lineage.lineage, jobGraph: plan.jobGraph, rules: settings, retained: settings.retained },
      ...{ stats: this.stats, store: async () => store, nowMs, monotonicMs, callAfter, log, merge },
      // Rows are kept in memory, and are gone with the process anyway.
      keepOutput: async () => {},
      completed: (manifest) => this.#completed(manifest),
      fail: (error) => this.#local?.fail(error),
    });
  }

  get state(): JobState {
    const state = this.#local?.state ?? { kind: "created" };
    // Between two attempts it has not failed yet.
    return state.kind === "failed" || state.kind === "failing" ? { kind: "running" } : state;
  }

  get reports(): readonly SubtaskReport[] {
    return this.#local?.reports ?? [];
  }

  get busyMs(): readonly number[] {
    return this.#local?.busyMs ?? [];
  }

  collected(operator: string): readonly unknown[] {
    return this.#rows.of(operator);
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#cancelled.resolve();
    this.#local?.cancel();
  }

  /** Runs the job to its end. @throws what it failed with first, what it cannot go on from, or CANCELLED. */
  async run(): Promise<void> {
    let history = noFailures;
    let first: unknown;
    for (let attempt = 1; ; attempt++) {
      const startedMs = this.#options.nowMs();
      try {
        await this.#attempt(attempt);
        return;
      } catch (error) {
        if (history.failures === 0) first = error;
        history = await this.#afterFailure(error, first, history, startedMs);
      } finally {
        await this.#checkpoints.settled();
      }
    }
  }

  /** Resolves when it is time for the next attempt. @throws what the job has failed with. */
  async #afterFailure(
    error: unknown,
    first: unknown,
    history: RestartHistory,
    startedMs: number,
  ): Promise<RestartHistory> {
    const { nowMs, random, restart, log, jobName } = this.#options;
    const cause = toErrorReport(error);
    if (this.#isCancelled || !canRestart(cause)) throw error;
    const failure = { cause, nowMs: nowMs(), runningSinceMs: startedMs, random: random() };
    const decision = decideRestart(restart, history, failure);
    if (decision.kind === "giveUp") throw first;
    log("warn", `the job restarts in ${decision.afterMs} ms: ${cause.message}`, { job: jobName });
    await this.#wait(decision.afterMs);
    return decision.history;
  }

  async #wait(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const cancelTimer = this.#options.callAfter(ms, over.resolve);
    await Promise.race([over.promise, this.#cancelled.promise]);
    cancelTimer();
    if (!this.#isCancelled) return;
    throw new MillraceError("CANCELLED", `job "${this.#options.jobName}" was cancelled`);
  }

  async #attempt(attempt: number): Promise<void> {
    const { plan, openSlots, store, lineage } = this.#options;
    const { restore, last } = await this.#restore(attempt);
    const slots = openSlots();
    try {
      const taken = { checkpoints: this.#checkpoints, store, last, lineage: lineage.lineage };
      const checkpoints = new LocalCheckpoints({ plan, taken, restore });
      const startSlot = (deployment: SlotDeployment): StartedSlot => slots.start(deployment);
      this.#local = new LocalJob({ ...this.#options, startSlot, attempt, rows: this.#rows, checkpoints });
      if (this.#isCancelled) this.#local.cancel();
      await this.#local.run();
    } finally {
      this.#checkpoints.close();
      await slots.close();
    }
  }

  async #restore(attempt: number): Promise<{ readonly restore: LocalRestore | undefined; readonly last: number }> {
    const { store, lineage, log, jobName, plan, from } = this.#options;
    const { name, last, damaged } = await chooseCheckpoint(store, lineage.known);
    for (const error of damaged) log("error", error.message, { job: jobName, code: error.code });
    if (name === undefined) {
      this.#rows.clear();
      if (from !== undefined) this.#restored(from.checkpoint, true);
      return { restore: from, last: Math.max(last, from === undefined ? 0 : checkpointNumber(from.checkpoint)) };
    }
    const opened = await openCheckpoint(store, name);
    checkUpgrade(opened, plan.jobGraph);
    if (attempt === 1) this.#inherited = checkpointNumber(name);
    this.#keepRows(opened);
    this.#restored(name, false);
    return { restore: { checkpoint: name, store }, last };
  }

  #restored(name: CheckpointName, savepoint: boolean): void {
    const { log, jobName, nowMs } = this.#options;
    const checkpoint = checkpointNumber(name);
    this.stats.wasRestored({ region: 0, checkpoint, savepoint, atMs: nowMs(), path: undefined });
    const what = savepoint ? "the savepoint of checkpoint" : "checkpoint";
    log("info", `the job goes on from ${what} ${checkpoint}`, { job: jobName, checkpoint });
  }

  /** Rows that came behind the barrier will come again. */
  #keepRows({ name, manifest }: OpenCheckpoint): void {
    const { executionGraph, jobGraph } = this.#options.plan;
    if (checkpointNumber(name) <= this.#inherited) {
      this.#rows.clear();
      return;
    }
    for (const sink of this.#rows.sinks) {
      const id = sink as OperatorId; // under which they were added
      this.#rows.keep(sink, heldRows(manifest, id, slotsOf(jobGraph, executionGraph, id)));
    }
  }

  async #completed(manifest: CheckpointManifest): Promise<void> {
    const { lineage } = this.#options;
    const { checkpoint } = manifest;
    const committed = publishes(manifest) ? checkpoint : lineage.known.committed;
    await lineage.save({ completed: checkpoint, committed });
  }
}
