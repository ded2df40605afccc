/**
 * The attempts of a job's regions: does what comes out of a region's life (`region-life.ts`), and tells it what came of
 * that. One attempt a region at a time.
 */

import type { AttemptId } from "../cluster-ids.ts";
import type { SlotPlacement } from "../cluster-protocol.ts";
import { faultPoint } from "../fault-point.ts";
import type { RegionEffect, RegionEvent } from "./region-life.ts";
import { RegionRun, type RunSurroundings } from "./region-run.ts";
import type { SlotBoard } from "./slot-board.ts";

/** What the job that the regions belong to does for them. */
export interface RegionJob {
  event(region: number, event: RegionEvent): void;
  /** Some of its regions want slots. */
  request(): void;
  /** A region wants none any more. */
  withdraw(): void;
  /** Resolves when the attempt's number is stored, what it goes on from is known, and what goes beyond that is gone. */
  store(region: number, run: RegionRun): Promise<void>;
  deploy(region: number, run: RegionRun, tooLate: () => void): void;
  /** Not all slots have run in time. */
  stuck(region: number, run: RegionRun): void;
  killed(run: RegionRun, slots: readonly number[]): void;
  /** The region has no slots any more; `finished`: as it has come to its end. */
  dropped(region: number, run: RegionRun, finished: boolean): void;
  /** It cannot start: its number was not stored, or there is nothing that it can go on from. */
  notStored(region: number, cause: Error): void;
  nowMs(): number;
}

export interface RegionRunsSurroundings extends RunSurroundings {
  readonly board: SlotBoard;
}

export class RegionRuns {
  readonly #job: RegionJob;
  readonly #surroundings: RegionRunsSurroundings;
  readonly #runs = new Map<number, RegionRun>();
  readonly #delays = new Map<number, () => void>();

  constructor(job: RegionJob, surroundings: RegionRunsSurroundings) {
    this.#job = job;
    this.#surroundings = surroundings;
  }

  /** The attempt of a region that has slots now. */
  get(region: number): RegionRun | undefined {
    return this.#runs.get(region);
  }

  all(): readonly (readonly [region: number, run: RegionRun])[] {
    return [...this.#runs];
  }

  /** Takes the slots. */
  begin(region: number, attempt: AttemptId, number: number, placements: readonly SlotPlacement[]): void {
    for (const { slot, worker } of placements) this.#surroundings.board.reserve(worker, attempt, slot);
    this.#runs.set(region, new RegionRun(attempt, number, placements, this.#surroundings));
  }

  do(region: number, effect: RegionEffect): void {
    switch (effect.kind) {
      case "request":
        this.#job.request();
        break;
      case "withdraw":
        this.#job.withdraw();
        break;
      case "finished":
      case "ended":
        this.#drop(region, effect.kind === "finished");
        break;
      case "delay":
        this.#delay(region, this.#runs.get(region)?.number ?? 0, effect.ms);
        this.#drop(region, false);
        break;
      case "store":
      case "deploy":
      case "running":
      case "release":
      case "end": {
        const run = this.#runs.get(region);
        if (run !== undefined) this.#doWith(region, run, effect.kind);
        break;
      }
    }
  }

  #doWith(region: number, run: RegionRun, kind: "store" | "deploy" | "running" | "release" | "end"): void {
    const { board } = this.#surroundings;
    switch (kind) {
      case "store":
        this.#job.store(region, run).then(
          () => this.#job.event(region, { kind: "stored", attempt: run.number }),
          (cause: Error) => this.#job.notStored(region, cause),
        );
        break;
      case "deploy":
        board.forAttempt("deploy", run.attempt);
        this.#job.deploy(region, run, () => this.#job.stuck(region, run));
        faultPoint("coordinator.deployed");
        break;
      case "running":
        run.running(this.#job.nowMs());
        break;
      case "release":
        board.forAttempt("release", run.attempt);
        this.#drop(region, false);
        break;
      case "end":
        board.forAttempt("end", run.attempt);
        run.end((slots) => this.#job.killed(run, slots));
        faultPoint("coordinator.ending");
        break;
    }
  }

  #drop(region: number, finished: boolean): void {
    const run = this.#runs.get(region);
    if (run === undefined) return;
    run.close();
    this.#runs.delete(region);
    this.#job.dropped(region, run, finished);
  }

  #delay(region: number, attempt: number, ms: number): void {
    const over = (): void => this.#job.event(region, { kind: "delayOver", attempt });
    this.#delays.set(region, this.#surroundings.callAfter(ms, over));
  }

  /** No time runs any more. */
  close(): void {
    for (const run of this.#runs.values()) run.close();
    for (const cancel of this.#delays.values()) cancel();
  }
}
