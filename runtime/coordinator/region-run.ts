/**
 * One attempt of a region: who has its slots, what they are told, and the times within which they have to follow.
 *
 *   deployed ── not all slots run within deployTimeoutMs ──► a failure
 *   told to end ── stopGraceMs ──► killed ── killGraceMs ──► the workers that still have slots are taken for lost
 */

import type { AttemptId, WorkerId } from "../cluster-ids.ts";
import type { RegionDeployment, RestoredCheckpoint, SlotPlacement, ToWorker } from "../cluster-protocol.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { ToSlot } from "../protocol.ts";
import { Alignment } from "./alignment.ts";
import type { JobRecord } from "./job-record.ts";

type CheckpointMessage = Extract<ToWorker, { readonly kind: "checkpoint" }>;

export interface RunSurroundings {
  callAfter(ms: number, callback: () => void): () => void;
  send(worker: WorkerId, epoch: number, message: ToWorker): void;
  /** It does not do what it is told: nothing that it has can be counted on. */
  workerStuck(worker: WorkerId, epoch: number, reason: string): void;
  readonly times: RunTimes;
}

export interface RunTimes {
  readonly deployTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly killGraceMs: number;
}

export class RegionRun {
  readonly attempt: AttemptId;
  readonly number: number;
  readonly placements: readonly SlotPlacement[];
  /** Epoch milliseconds; undefined until all its slots run. */
  runningSinceMs: number | undefined;
  /** What it goes on from; undefined: it begins. Known when it is deployed. */
  restore: RestoredCheckpoint | undefined;
  readonly alignment = new Alignment();
  /** Whether it is over: what still comes of it counts for nothing. */
  closed = false;
  readonly #surroundings: RunSurroundings;
  readonly #open: Set<number>;
  #cancelTimer: () => void = () => {};

  constructor(attempt: AttemptId, number: number, placements: readonly SlotPlacement[], surroundings: RunSurroundings) {
    this.attempt = attempt;
    this.number = number;
    this.placements = placements;
    this.#surroundings = surroundings;
    this.#open = new Set(placements.map(({ slot }) => slot));
  }

  /** Of the execution graph. */
  placementOf(slot: number): SlotPlacement | undefined {
    return this.placements.find((placement) => placement.slot === slot);
  }

  slotsOn(worker: WorkerId, epoch: number): readonly number[] {
    return this.placements.filter((each) => each.worker === worker && each.epoch === epoch).map(({ slot }) => slot);
  }

  /** Threads start while it is found out what the attempt goes on from. */
  prepare(): void {
    for (const { worker, epoch } of onePerWorker(this.placements))
      this.#surroundings.send(worker, epoch, { kind: "prepare", slots: this.slotsOn(worker, epoch).length });
  }

  deploy(deployment: RegionDeployment, tooLate: () => void): void {
    this.#tellWorkers(this.placements, { kind: "deploy", deployment });
    this.#within(this.#surroundings.times.deployTimeoutMs, tooLate);
  }

  running(nowMs: number): void {
    this.runningSinceMs = nowMs;
    this.#cancelTimer();
  }

  sendToSlot(slot: number, message: ToSlot): void {
    const placement = this.placementOf(slot);
    if (placement === undefined || !this.#open.has(slot)) return;
    const { worker, epoch } = placement;
    this.#surroundings.send(worker, epoch, { kind: "toSlot", attempt: this.attempt, slot, message });
  }

  checkpoint(asked: Omit<CheckpointMessage, "kind" | "attempt">): void {
    this.#tellWorkers(this.#openPlacements(), { kind: "checkpoint", attempt: this.attempt, ...asked });
  }

  checkpointEnded(checkpoint: number, complete: boolean): void {
    const message = { kind: "checkpointEnded", attempt: this.attempt, checkpoint, complete } as const;
    this.#tellWorkers(this.#openPlacements(), message);
  }

  /** Sources end, and all that has come is brought to its end. */
  stop(): void {
    this.#tellOpen("stop");
  }

  end(onKill: (slots: readonly number[]) => void): void {
    const { stopGraceMs, killGraceMs } = this.#surroundings.times;
    this.#tellOpen("cancel");
    this.#within(stopGraceMs, () => {
      onKill([...this.#open]);
      this.#tellOpen("kill");
      this.#within(killGraceMs, () => this.#giveUpWorkers());
    });
  }

  slotEnded(slot: number): void {
    this.#open.delete(slot);
    if (this.#open.size === 0) this.#cancelTimer();
  }

  /** It is over: no time runs any more. */
  close(): void {
    this.closed = true;
    this.#cancelTimer();
  }

  #giveUpWorkers(): void {
    const { workerStuck, times } = this.#surroundings;
    const reason = `it has not ended a slot within ${times.killGraceMs} ms after it was told to kill it`;
    for (const { worker, epoch } of onePerWorker(this.#openPlacements())) workerStuck(worker, epoch, reason);
  }

  #openPlacements(): readonly SlotPlacement[] {
    return this.placements.filter(({ slot }) => this.#open.has(slot));
  }

  #tellOpen(how: "cancel" | "stop" | "kill"): void {
    this.#tellWorkers(this.#openPlacements(), { kind: "end", attempt: this.attempt, how });
  }

  #tellWorkers(placements: readonly SlotPlacement[], message: ToWorker): void {
    for (const { worker, epoch } of onePerWorker(placements)) this.#surroundings.send(worker, epoch, message);
  }

  #within(ms: number, callback: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#surroundings.callAfter(ms, callback);
  }
}

function onePerWorker(placements: readonly SlotPlacement[]): readonly SlotPlacement[] {
  return [...Map.groupBy(placements, ({ worker }) => worker).values()].map(([first]) => first as SlotPlacement);
}

/** What the workers of an attempt have to know. */
export function deploymentOf(
  { id, submission, lineage }: JobRecord,
  plan: PlannedJob,
  run: RegionRun,
): RegionDeployment {
  return {
    attempt: run.attempt,
    jobId: id,
    jobName: plan.name,
    attemptNumber: run.number,
    bundle: submission.bundle,
    params: plan.params,
    workingDirectory: submission.workingDirectory,
    jobGraph: plan.jobGraph,
    executionGraph: plan.executionGraph,
    graphHash: plan.graphHash,
    showRecordsInErrors: plan.showRecordsInErrors,
    watchdogMs: plan.watchdogMs,
    slotHeapMb: submission.slotHeapMb,
    placement: run.placements,
    checkpointing: plan.checkpoints !== undefined,
    lineage,
    state: plan.state,
    restore: run.restore,
  };
}
