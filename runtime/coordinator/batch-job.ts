/**
 * A job that is executed as a batch: its stages one after the other, each a job of its own on local slots.
 *
 *   for each stage:  run ──► all slots ended ──► its folder is complete; the next stage reads it
 *                     ▲            │ failed
 *                     └────────────┘ again from its input, in a new folder, as the restart strategy says; or the job fails
 *
 * The law: what a stage has left is read only when all of it is there, and stays until all of its readers are through, so a
 * failed stage is redone by itself. Rows that a failed attempt has collected are forgotten; what its sinks have written
 * outside is theirs to keep apart, as after any restart.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { toErrorReport } from "../error-report.ts";
import type { Plan } from "../graph/plan.ts";
import { type Stage, writerOf } from "../graph/stages.ts";
import type { SlotBatch, SubtaskReport } from "../protocol.ts";
import type { JobState } from "./job-state.ts";
import { KeptRows } from "./kept-rows.ts";
import { LocalJob, type LocalJobOptions } from "./local-job.ts";
import { decideRestart, noFailures, type RestartHistory, type RestartRule } from "./restart-strategy.ts";
import type { AttemptSlots } from "./restarting-job.ts";

export interface BatchJobOptions
  extends Omit<LocalJobOptions, "startSlot" | "plan" | "attempt" | "rows" | "checkpoints" | "batch" | "callAfter"> {
  /** Of a batch. */
  readonly plan: Plan;
  readonly callAfter: (ms: number, callback: () => void) => () => void;
  /** Where stages leave their records; it is made, and removed at the end. */
  readonly folder: string;
  /** Slots for all stages, one after the other, until one has failed. */
  readonly openSlots: () => AttemptSlots;
  readonly restart: RestartRule;
  readonly nowMs: () => number;
  readonly random: () => number;
}

export class BatchJob {
  readonly #options: BatchJobOptions;
  /** The last attempt of each stage that has begun. */
  readonly #attempts: { readonly local: LocalJob; readonly folder: string }[] = [];
  #cancelled = false;
  #stopped = false;
  #wakeUp: (() => void) | undefined;
  #slots: AttemptSlots | undefined;

  constructor(options: BatchJobOptions) {
    this.#options = options;
  }

  get #stages(): readonly Stage[] {
    return this.#options.plan.stages ?? [];
  }

  /** That of the stage at hand: a job whose stages have all finished has. */
  get state(): JobState {
    const last = this.#attempts.at(-1)?.local.state ?? { kind: "created" as const };
    const more = this.#attempts.length < this.#stages.length;
    return last.kind === "finished" && more ? { kind: "running" } : last;
  }

  get reports(): readonly SubtaskReport[] {
    return this.#attempts.flatMap(({ local }) => local.reports);
  }

  /** Milliseconds that each slot has worked: of the stage with the most slots there are that many. */
  get busyMs(): readonly number[] {
    const ofStages = this.#attempts.map(({ local }) => local.busyMs);
    const slots = Math.max(0, ...ofStages.map(({ length }) => length));
    return Array.from({ length: slots }, (_, slot) => ofStages.reduce((sum, busy) => sum + (busy[slot] ?? 0), 0));
  }

  collected(operator: string): readonly unknown[] {
    return this.#attempts.flatMap(({ local }) => local.collected(operator));
  }

  /** Runs all stages. @throws what the job failed with, or CANCELLED. */
  async run(): Promise<void> {
    const { folder } = this.#options;
    try {
      for (const stage of this.#stages) {
        await this.#runStage(stage);
        this.#removeRead(stage);
      }
    } finally {
      await this.#slots?.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  cancel(): void {
    this.#cancelled = true;
    this.#wakeUp?.();
    this.#attempts.at(-1)?.local.cancel();
  }

  /** Sources end as if they had read everything. */
  stop(): void {
    this.#stopped = true;
    this.#attempts.at(-1)?.local.stop();
  }

  async #runStage(stage: Stage): Promise<void> {
    let history: RestartHistory = noFailures;
    for (let attempt = 1; ; attempt++) {
      const startedMs = this.#options.nowMs();
      try {
        await this.#tryStage(stage, attempt);
        return;
      } catch (cause) {
        await this.#slots?.close();
        this.#slots = undefined;
        if (this.#cancelled) throw cause;
        history = await this.#beforeAgain(stage, cause as Error, history, startedMs);
      }
    }
  }

  async #tryStage(stage: Stage, attempt: number): Promise<void> {
    const { plan, folder, openSlots } = this.#options;
    if (this.#cancelled) throw new MillraceError("CANCELLED", `job "${this.#options.jobName}" was cancelled`);
    const writes = join(folder, `${stage.index + 1}-${attempt}`);
    mkdirSync(writes, { recursive: true, mode: 0o700 });
    this.#slots ??= openSlots();
    const slots = this.#slots;
    const local = new LocalJob({
      ...this.#options,
      plan: { ...plan, jobGraph: stage.jobGraph, executionGraph: stage.executionGraph },
      startSlot: (deployment) => slots.start(deployment),
      rows: new KeptRows(),
      attempt,
      batch: this.#batchOf(stage, writes),
    });
    this.#attempts[stage.index] = { local, folder: writes };
    if (this.#cancelled) local.cancel();
    if (this.#stopped) local.stop();
    await local.run();
  }

  #batchOf({ jobGraph: { edges } }: Stage, writes: string): SlotBatch {
    const { jobGraph } = this.#options.plan;
    const blocking = edges.filter((edge) => edge.blocking === true);
    const folderOf = (stage: number): string => this.#attempts[stage]?.folder ?? "";
    return {
      writes,
      reads: Object.fromEntries(blocking.map((edge) => [edge.index, folderOf(writerOf(edge, this.#stages))])),
      consumers: Object.fromEntries(
        blocking.map(({ index, to }) => [index, jobGraph.vertices.find(({ id }) => id === to)?.parallelism ?? 1]),
      ),
    };
  }

  /** Waits until the stage is to be tried again. @throws the first cause, where it is not */
  async #beforeAgain(
    stage: Stage,
    cause: Error,
    before: RestartHistory,
    runningSinceMs: number,
  ): Promise<RestartHistory> {
    const { restart, nowMs, random, log, jobName, callAfter } = this.#options;
    const report = toErrorReport(cause);
    const failure = { cause: report, nowMs: nowMs(), runningSinceMs, random: random() };
    const mayHelp = !(cause instanceof MillraceError) || cause.retry === "restart";
    const decision = decideRestart(restart, before, failure);
    if (!mayHelp || decision.kind === "giveUp") throw cause;
    log("warn", `stage ${stage.index + 1} is redone in ${decision.afterMs} ms: ${cause.message}`, { job: jobName });
    rmSync(this.#attempts[stage.index]?.folder ?? "", { recursive: true, force: true });
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve;
      callAfter(decision.afterMs, resolve);
    });
    return decision.history;
  }

  /** Removes what no later stage reads any more. */
  #removeRead(done: Stage): void {
    const stages = this.#stages;
    for (const stage of stages.slice(0, done.index + 1)) {
      const readers = stages.slice(done.index + 1);
      const isRead = readers.some(({ jobGraph }) =>
        jobGraph.edges.some(
          (edge) =>
            edge.blocking === true &&
            writerOf(edge, stages) === stage.index &&
            jobGraph.vertices.some(({ id }) => id === edge.to),
        ),
      );
      if (!isRead) rmSync(this.#attempts[stage.index]?.folder ?? "", { recursive: true, force: true });
    }
  }
}
