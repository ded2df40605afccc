/**
 * The checkpoints of a job on a cluster: each region takes its own, into a folder of its own, and restarts from them; a
 * savepoint is taken by all regions under one number and is one manifest.
 */

import { MillraceError } from "../../core/errors.ts";
import type { OperatorId } from "../../core/ids.ts";
import {
  CHECKPOINT_TIMEOUT_MS,
  CHECKPOINTS_RETAINED,
  CHECKPOINTS_TOLERATED,
  STORE_RETRY_MS_MAX,
  STORE_RETRY_MS_MIN,
  STORE_WAIT_MS,
} from "../../core/limits.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { type ChosenCheckpoint, chooseCheckpoint } from "../checkpoints/choose-checkpoint.ts";
import { heldRows, publishes } from "../checkpoints/collected-rows.ts";
import { joinManifests } from "../checkpoints/manifest-parts.ts";
import type { FromWorker, RestoredCheckpoint, StoredCheckpoint } from "../cluster-protocol.ts";
import { toErrorReport } from "../error-report.ts";
import { faultPoint } from "../fault-point.ts";
import { dealersOf } from "../graph/dealers.ts";
import { slotsOf } from "../graph/execution-graph.ts";
import { operatorsOf, type Region } from "../graph/regions.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { ErrorReport, JobEnd } from "../protocol.ts";
import { type CheckpointManifest, encodeManifest } from "../state/checkpoint-manifest.ts";
import { openCheckpoint } from "../state/checkpoint-reader.ts";
import { type CheckpointStore, checkpointName, checkpointNumber } from "../state/checkpoint-store.ts";
import { CheckpointStats } from "./checkpoint-stats.ts";
import type { JobRecord } from "./job-record.ts";
import type { CheckpointStorage, JobResults } from "./job-store.ts";
import { type FromCheckpointedSlot, RegionCheckpoints } from "./region-checkpoints.ts";
import type { RegionRun } from "./region-run.ts";

export interface JobCheckpointsSurroundings {
  readonly plan: PlannedJob;
  readonly regions: readonly Region[];
  readonly storage: CheckpointStorage;
  readonly results: JobResults;
  record(): JobRecord;
  nowMs(): number;
  /** Does not jump. */
  monotonicMs(): number;
  callAfter(ms: number, callback: () => void): () => void;
  log(level: Exclude<LogLevel, "silent">, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Resolves when the record says that the region had this one. */
  completed(region: number, checkpoint: number, published: boolean): Promise<void>;
  /** A checkpoint was passed over, as it is damaged. */
  damaged(region: number, error: ErrorReport): void;
  /** The rows that a sink has after a restart. */
  kept(sink: OperatorId, rows: number): void;
  fail(region: number, error: MillraceError): void;
}

interface CheckpointedRegion {
  readonly checkpoints: RegionCheckpoints;
  readonly folder: string;
  readonly store: () => Promise<CheckpointStore>;
  last: number;
}

export class JobCheckpoints {
  readonly stats = new CheckpointStats();
  readonly #surroundings: JobCheckpointsSurroundings;
  readonly #regions = new Map<number, CheckpointedRegion>();

  constructor(surroundings: JobCheckpointsSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Whether checkpoints are taken without being asked for. */
  get regular(): boolean {
    return this.#surroundings.plan.checkpoints !== undefined;
  }

  /**
   * What a region's next attempt goes on from; undefined: it begins. The sinks' rows are then those that it holds. A store
   * that cannot be read is tried again for a while, unless the attempt is over.
   * @throws CHECKPOINT_BEHIND_OUTPUT, STATE_CORRUPT, CHECKPOINT_FORMAT, CHECKPOINT_STORE
   */
  async restore(index: number, isOver: () => boolean): Promise<RestoredCheckpoint | undefined> {
    const own = this.regular ? await this.#patiently(isOver, () => this.#chooseOwn(index)) : undefined;
    if (own !== undefined) return own;
    const { from } = this.#surroundings.record().submission;
    if (from !== undefined) {
      this.#region(index).last = Math.max(this.#region(index).last, checkpointNumber(from.checkpoint));
      this.#restored(index, from, true);
    }
    return from;
  }

  /** All slots of the region run. `slots`: those that have not ended. */
  running(index: number, run: RegionRun, slots: readonly number[]): void {
    const { plan, regions, storage } = this.#surroundings;
    const region = this.#region(index);
    const vertices = regions[index]?.vertices ?? [];
    const dealers = [...dealersOf(plan.jobGraph, plan.executionGraph)].filter(([vertex]) => vertices.includes(vertex));
    region.checkpoints.open(
      {
        slots,
        dealers: new Map(dealers),
        begin: (checkpoint, savepoint) => {
          const { folder, ends } = savepoint ?? { folder: region.folder, ends: undefined };
          const workers = run.placements.map(({ worker }) => worker);
          const copyTo = storage.copyTo?.(folder, workers, plan.checkpoints?.copies);
          run.checkpoint({ checkpoint, full: savepoint !== undefined, ends, folder, copyTo });
        },
        overtake: (checkpoint) => {
          for (const slot of slots) run.sendToSlot(slot, { kind: "overtake", checkpoint });
        },
        cut: (checkpoint, vertex, lastSerials) => {
          const slot = dealers.find(([source]) => source === vertex)?.[1];
          if (slot !== undefined) run.sendToSlot(slot, { kind: "cutEnumerator", checkpoint, vertex, lastSerials });
        },
        ended: (checkpoint, complete) => run.checkpointEnded(checkpoint, complete),
        released: () => {
          for (const slot of slots) run.sendToSlot(slot, { kind: "released" });
        },
      },
      region.last,
    );
  }

  /** Its slots have ended, or are told to. */
  ending(index: number): void {
    this.#regions.get(index)?.checkpoints.close();
  }

  slotEnded(index: number, slot: number): void {
    this.#regions.get(index)?.checkpoints.slotEnded(slot);
  }

  /** What a worker's slots gave to a checkpoint is safe, or why not. */
  snapshot(index: number, message: Extract<FromWorker, { readonly kind: "snapshot" | "snapshotDeclined" }>): void {
    const { checkpoints } = this.#region(index);
    if (message.kind === "snapshot") checkpoints.acknowledged(message);
    else checkpoints.declined(message.checkpoint, message.error);
  }

  receive(index: number, slot: number, message: FromCheckpointedSlot): void {
    this.#region(index).checkpoints.receive(slot, message);
  }

  /**
   * A savepoint of the regions, which all have to run. Resolves when it is complete.
   * @param ends how the job ends with it; undefined: it goes on.
   * @throws SAVEPOINT_FAILED
   */
  async savepoint(indices: readonly number[], folder: string, ends: JobEnd | undefined): Promise<void> {
    this.#checkCanTake();
    const regions = indices.map((index) => this.#region(index).checkpoints);
    await this.#checkEmpty(folder);
    const checkpoint = Math.max(0, ...regions.map(({ last }) => last)) + 1;
    const taken = await Promise.allSettled(regions.map((region) => region.takeSavepoint({ checkpoint, folder, ends })));
    const failed = taken.find((each) => each.status === "rejected");
    const manifests = taken.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const failure = failed === undefined ? await this.#write(folder, manifests) : (failed.reason as Error);
    for (const [at, region] of regions.entries())
      if (taken[at]?.status === "fulfilled") region.savepointWritten(checkpoint, failure);
    if (failure === undefined) return;
    if (failure instanceof MillraceError && failure.code === "SAVEPOINT_FAILED") throw failure;
    throw new MillraceError("SAVEPOINT_FAILED", `the savepoint could not be written: ${failure.message}`, {
      cause: failure,
    });
  }

  /** Its slots were made with or without what a checkpoint needs. */
  #checkCanTake(): void {
    if (this.regular) return;
    const { name } = this.#surroundings.plan;
    throw new MillraceError(
      "SAVEPOINT_FAILED",
      `job "${name}" takes no checkpoints, and so no savepoints; give it the option checkpoints: { interval: "1m" }`,
    );
  }

  /** A second one in the same folder could be taken for the first. */
  async #checkEmpty(folder: string): Promise<void> {
    const store = await this.#surroundings.storage.open(folder);
    const { length } = [...(await store.manifests()), ...(await store.checkpointsWithBlocks())];
    if (length > 0)
      throw new MillraceError("SAVEPOINT_FAILED", `${folder} holds a savepoint already; name another folder`);
  }

  async #write(folder: string, manifests: readonly CheckpointManifest[]): Promise<Error | undefined> {
    try {
      const joined = joinManifests(manifests);
      const store = await this.#surroundings.storage.open(folder);
      await store.writeManifest(checkpointName(joined.checkpoint), encodeManifest(joined));
      faultPoint("coordinator.savepoint-written");
      return undefined;
    } catch (cause) {
      return cause as Error;
    }
  }

  /** Workers and disks come back: nothing is given up for what lasts a moment. */
  async #patiently<T>(isOver: () => boolean, act: () => Promise<T>): Promise<T> {
    const { monotonicMs, callAfter, log } = this.#surroundings;
    const untilMs = monotonicMs() + STORE_WAIT_MS;
    for (let pauseMs = STORE_RETRY_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, STORE_RETRY_MS_MAX)) {
      try {
        return await act();
      } catch (error) {
        const unreadable = error instanceof MillraceError && error.code === "CHECKPOINT_STORE";
        if (!unreadable || isOver() || monotonicMs() >= untilMs) throw error;
        if (pauseMs === STORE_RETRY_MS_MIN) log("warn", `the newest checkpoint is waited for: ${error.message}`, {});
      }
      await new Promise<void>((resolve) => callAfter(pauseMs, resolve));
    }
  }

  async #chooseOwn(index: number): Promise<RestoredCheckpoint | undefined> {
    const { record, damaged, storage } = this.#surroundings;
    const region = this.#region(index);
    // What was being written when the attempt before ended may be complete.
    await region.checkpoints.settled();
    const store = await region.store();
    const chosen = await chooseCheckpoint(store, record().checkpoints[index] ?? { completed: 0, committed: 0 });
    region.last = chosen.last;
    for (const error of chosen.damaged) damaged(index, { ...toErrorReport(error), stack: undefined });
    if (chosen.name === undefined) return undefined;
    faultPoint("coordinator.checkpoint-chosen");
    await this.#keepRows(index, store, chosen);
    faultPoint("coordinator.rows-kept");
    const sources = await storage.sourcesOf?.(region.folder, chosen.name);
    const restored = { folder: region.folder, checkpoint: chosen.name, sources };
    this.#restored(index, restored, false);
    return restored;
  }

  async #keepRows(index: number, store: CheckpointStore, { name }: ChosenCheckpoint): Promise<void> {
    const { plan, regions, results, record, kept } = this.#surroundings;
    if (name === undefined) return;
    const { manifest } = await openCheckpoint(store, name);
    for (const sink of operatorsOf(regions[index], plan.jobGraph)) {
      const slotOf = slotsOf(plan.jobGraph, plan.executionGraph, sink);
      // The record may know less than there is: a coordinator was killed before it wrote down what it had collected.
      const rows = await results.keep(record().id, sink, heldRows(manifest, sink, slotOf));
      if (rows > 0 || record().collected[sink] !== undefined) kept(sink, rows);
    }
  }

  #restored(index: number, { folder, checkpoint: name }: StoredCheckpoint, savepoint: boolean): void {
    const { log, nowMs } = this.#surroundings;
    const checkpoint = checkpointNumber(name);
    const path = savepoint ? folder : undefined;
    this.stats.wasRestored({ region: index, checkpoint, savepoint, atMs: nowMs(), path });
    const what = savepoint ? `the savepoint in ${folder}` : `checkpoint ${checkpoint}`;
    log("info", `region ${index + 1} goes on from ${what}`, { region: index, checkpoint });
  }

  #region(index: number): CheckpointedRegion {
    const known = this.#regions.get(index);
    if (known !== undefined) return known;
    const region = this.#create(index);
    this.#regions.set(index, region);
    return region;
  }

  #create(index: number): CheckpointedRegion {
    const { plan, regions, storage, results, record, completed, fail } = this.#surroundings;
    const { nowMs, monotonicMs, callAfter, log } = this.#surroundings;
    const { checkpoints: settings } = plan;
    const folder = storage.folderOf(record().id, index);
    let opened: Promise<CheckpointStore> | undefined;
    const store = (): Promise<CheckpointStore> => {
      opened ??= storage.open(folder, settings?.copies);
      opened.catch(() => {
        opened = undefined;
      });
      return opened;
    };
    const checkpoints = new RegionCheckpoints({
      ...{ region: index, lineage: record().lineage, jobGraph: plan.jobGraph, stats: this.stats },
      ...{ store, nowMs, monotonicMs, callAfter, log, retained: settings?.retained ?? CHECKPOINTS_RETAINED },
      rules: {
        intervalMs: settings?.intervalMs,
        minPauseMs: settings?.minPauseMs ?? 0,
        timeoutMs: settings?.timeoutMs ?? CHECKPOINT_TIMEOUT_MS,
        tolerated: settings?.tolerated ?? CHECKPOINTS_TOLERATED,
        alignMs: settings?.alignMs,
        atEnd: settings?.atEnd,
      },
      merge: (name) => storage.merge(folder, name, settings?.copies),
      lackCopies: async (names) => (await storage.lackCopies?.(await store(), names)) ?? false,
      keepOutput: () => results.sync(record().id, operatorsOf(regions[index], plan.jobGraph)),
      completed: (manifest) => completed(index, manifest.checkpoint, publishes(manifest)),
      fail: (error) => fail(index, error),
    });
    return { checkpoints, folder, store, last: 0 };
  }
}
