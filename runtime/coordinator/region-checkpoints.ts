/**
 * The checkpoints of one region: does what comes out of their life (`checkpoint-life.ts`), puts manifests together from
 * what the slots say, and keeps the store tidy. Serves the embedded runtime and the cluster alike.
 *
 *   1. All slots are told; what they say is gathered.
 *   2. When all have acknowledged, the enumerators are asked; when these have answered, the rows that are kept here are made
 *      safe and the manifest is written.
 *   3. What is complete is made known (`completed`) before sinks hear of it: from then on nothing older may be restored.
 *   4. The store is tidied up (`tidy-store.ts`), beside the job.
 */

import { MillraceError } from "../../core/errors.ts";
import type { VertexId } from "../../core/ids.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import { holdersIn, manifestOf } from "../checkpoints/manifest-parts.ts";
import type { Acknowledgement } from "../checkpoints/slot-snapshots.ts";
import { fromErrorReport } from "../error-report.ts";
import { faultPoint } from "../fault-point.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { ErrorReport, FromSlot, JobEnd, SubtaskSnapshot } from "../protocol.ts";
import {
  type BlockRecord,
  type ChainLink,
  type CheckpointManifest,
  encodeManifest,
} from "../state/checkpoint-manifest.ts";
import {
  type CheckpointName,
  type CheckpointStore,
  checkpointName,
  checkpointNumber,
} from "../state/checkpoint-store.ts";
import {
  type CheckpointEffect,
  type CheckpointEvent,
  type CheckpointLife,
  type CheckpointRules,
  createCheckpointLife,
  nextCheckpointLife,
} from "./checkpoint-life.ts";
import type { CheckpointStats } from "./checkpoint-stats.ts";
import { linkTo, tidyStore } from "./tidy-store.ts";

/** The slots of the region's present attempt, as its checkpoints see them. */
export interface CheckpointedSlots {
  readonly slots: readonly number[];
  /** The sources of the region, with the slots that run their enumerators. */
  readonly dealers: ReadonlyMap<VertexId, number>;
  /** `savepoint`: where to and what comes behind it; undefined: one for the region's own store. */
  begin(checkpoint: number, savepoint: Pick<SavepointRequest, "folder" | "ends"> | undefined): void;
  /** Barriers overtake what is on its way. */
  overtake(checkpoint: number): void;
  cut(checkpoint: number, source: VertexId, lastSerials: readonly number[]): void;
  ended(checkpoint: number, complete: boolean): void;
  /** No checkpoint will follow. */
  released(): void;
}

export interface RegionCheckpointsOptions {
  readonly region: number;
  readonly lineage: string;
  readonly jobGraph: JobGraph;
  readonly rules: CheckpointRules;
  readonly retained: number;
  store(): Promise<CheckpointStore>;
  readonly stats: CheckpointStats;
  /** Of the wall clock: for people. */
  nowMs(): number;
  /** By which intervals and timeouts are told: the wall clock may jump. */
  monotonicMs(): number;
  callAfter(ms: number, callback: () => void): () => void;
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Writes a chain again as one: the name of the copy. */
  merge(name: CheckpointName): Promise<CheckpointName>;
  /** Whether one of these could have more copies than it has. Absent: they have none. */
  lackCopies?(names: readonly CheckpointName[]): Promise<boolean>;
  /** Resolves when what is kept here of the region's output is safe: a checkpoint counts on it. */
  keepOutput(): Promise<void>;
  /** Resolves when it is safe that this one was complete; the sinks hear of it after that. */
  completed(manifest: CheckpointManifest): Promise<void>;
  /** The region cannot go on, as its checkpoints fail. */
  fail(error: MillraceError): void;
}

export interface SavepointRequest {
  /** A number above all that the job has given. */
  readonly checkpoint: number;
  readonly folder: string;
  /** How the job ends with it, and sinks publish what it holds; undefined: it goes on. */
  readonly ends: JobEnd | undefined;
}

/** What has been said of the checkpoint under way. */
interface Gathered {
  readonly acknowledgements: Acknowledgement[];
  readonly beganMs: number;
}

interface Savepoint extends SavepointRequest {
  readonly taken: PromiseWithResolvers<CheckpointManifest>;
}

/** What slots say of checkpoints to whoever decides on them. */
export type FromCheckpointedSlot = Extract<
  FromSlot,
  { readonly kind: "declined" | "enumeratorCut" | "wantsCheckpoint" | "atEnd" }
>;

type Cut = Extract<FromSlot, { readonly kind: "enumeratorCut" }>;

type Untimed<Event> = Event extends { readonly nowMs: number } ? Omit<Event, "nowMs"> : never;

export class RegionCheckpoints {
  readonly #options: RegionCheckpointsOptions;
  #life: CheckpointLife = createCheckpointLife();
  #slots: CheckpointedSlots | undefined;
  #gathered: Gathered = { acknowledgements: [], beganMs: 0 };
  /** Of every subtask and source what it said last: those of slots that have ended say nothing more. */
  #subtasks = new Map<string, SubtaskSnapshot>();
  readonly #cuts = new Map<VertexId, Uint8Array>();
  /** On what the next one builds: the newest complete one of this attempt, and behind what it builds on. */
  #chain: readonly ChainLink[] = [];
  #savepoint: Savepoint | undefined;
  #wantedEarly = false;
  #cancelTimer: () => void = () => {};
  #writing: Promise<void> = Promise.resolve();
  #tidying: Promise<void> | undefined;
  #lastCause: Error | undefined;
  /** On how many hosts the last one was kept. */
  #copies: number | undefined;

  constructor(options: RegionCheckpointsOptions) {
    this.#options = options;
  }

  /** The number that was given last. */
  get last(): number {
    return this.#life.last;
  }

  /** All slots run. `last`: the greatest number that the store knows. */
  open(slots: CheckpointedSlots, last: number): void {
    this.#slots = slots;
    this.#subtasks = new Map();
    this.#cuts.clear();
    this.#chain = [];
    this.#apply({ kind: "opened", last, slots: slots.slots, dealers: slots.dealers });
    if (this.#wantedEarly) this.#wanted();
    this.#wantedEarly = false;
  }

  /** The region has ended, or its slots are to end. */
  close(): void {
    this.#apply({ kind: "closed" });
    this.#wantedEarly = false;
    this.#slots = undefined;
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#writing;
    await this.#tidying;
  }

  receive(slot: number, message: FromCheckpointedSlot): void {
    switch (message.kind) {
      case "declined":
        this.declined(message.checkpoint, message.error);
        break;
      case "enumeratorCut":
        this.#cut(message);
        break;
      case "wantsCheckpoint":
        this.#wanted();
        break;
      case "atEnd":
        this.#wanted(slot);
        break;
    }
  }

  /** `atEnd`: the slot that has come to its end and commits nothing. Before all run it wants one like any other. */
  #wanted(atEnd?: number): void {
    if (this.#life.phase === "closed") this.#wantedEarly = true;
    else this.#apply(atEnd === undefined ? { kind: "wanted" } : { kind: "atEnd", slot: atEnd });
  }

  /** Resolves with what it consists of; it is complete when `savepointWritten` says so. @throws SAVEPOINT_FAILED */
  takeSavepoint(request: SavepointRequest): Promise<CheckpointManifest> {
    const taken = Promise.withResolvers<CheckpointManifest>();
    // Refused before it is kept, as another one may be under way.
    if (this.#savepoint !== undefined) return Promise.reject(savepointFailed("another one is under way"));
    this.#savepoint = { ...request, taken };
    this.#apply({ kind: "savepointWanted", checkpoint: request.checkpoint });
    return taken.promise;
  }

  savepointWritten(checkpoint: number, failure?: Error): void {
    this.#written(checkpoint, failure);
    this.#savepoint = undefined;
  }

  acknowledged(acknowledgement: Acknowledgement): void {
    const { checkpoint, slots, written, subtasks, holders } = acknowledgement;
    if (this.#life.phase !== "pending" || this.#life.current?.checkpoint !== checkpoint) return;
    this.#gathered.acknowledgements.push(acknowledgement);
    faultPoint("coordinator.acknowledged");
    const blocks = written.flatMap((each) => each.blocks);
    const inFlight = blocks.filter(({ section }) => section === "inFlight");
    // A worker that had nothing to write has no copies of it either.
    const copies = blocks.length === 0 ? undefined : holders?.length;
    const aligned = subtasks.reduce((sum, { alignedBytes = 0 }) => sum + alignedBytes, 0);
    const bytes = { all: bytesOf(blocks), inFlight: bytesOf(inFlight), aligned };
    this.#options.stats.acknowledged(this.#key(checkpoint), slots.length, bytes, copies);
    for (const slot of slots) this.#apply({ kind: "acknowledged", checkpoint, slot });
  }

  declined(checkpoint: number, error: ErrorReport | Error): void {
    if (this.#life.current?.checkpoint === checkpoint) {
      this.#lastCause = error instanceof Error ? error : fromErrorReport(error);
    }
    this.#apply({ kind: "declined", checkpoint, reason: error.message });
  }

  #cut({ checkpoint, vertex, state }: Cut): void {
    if (this.#life.current?.checkpoint !== checkpoint) return;
    this.#cuts.set(vertex, state);
    faultPoint("coordinator.enumerator-cut");
    this.#apply({ kind: "cut", checkpoint, source: vertex });
  }

  slotEnded(slot: number): void {
    this.#apply({ kind: "slotEnded", slot });
  }

  #apply(event: Untimed<CheckpointEvent>): void {
    const timed = { ...event, nowMs: this.#options.monotonicMs() } as CheckpointEvent;
    const { state, effects } = nextCheckpointLife(this.#life, timed, this.#options.rules);
    this.#life = state;
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: CheckpointEffect): void {
    switch (effect.kind) {
      case "begin":
        this.#begin(effect.checkpoint, effect.savepoint);
        break;
      case "overtake":
        this.#options.stats.overtakes(this.#key(effect.checkpoint));
        this.#slots?.overtake(effect.checkpoint);
        break;
      case "cut":
        for (const source of effect.sources as VertexId[])
          this.#slots?.cut(effect.checkpoint, source, this.#lastSerials(source));
        break;
      case "complete":
        this.#complete(effect.checkpoint, effect.savepoint);
        break;
      case "completed":
        this.#completed(effect.checkpoint, effect.savepoint);
        break;
      case "aborted":
        this.#aborted(effect);
        break;
      case "savepointRefused":
        this.#savepointOver(effect.reason);
        break;
      case "released":
        this.#slots?.released();
        break;
      case "fail":
        this.#options.fail(
          new MillraceError(
            "CHECKPOINT_FAILED",
            `checkpoint ${effect.checkpoint} came to nothing, as did those before it; ${this.#options.rules.tolerated} in a row are tolerated: ${effect.reason}`,
            { cause: this.#lastCause },
          ),
        );
        break;
      case "timer":
        this.#cancelTimer();
        this.#cancelTimer = this.#timer(effect.atMs);
        break;
    }
  }

  #timer(atMs: number): () => void {
    if (atMs === Number.POSITIVE_INFINITY) return () => {};
    // A timer may come a little early, and then there is none that waits.
    const ring = (): void => {
      const leftMs = atMs - this.#options.monotonicMs();
      if (leftMs > 0) this.#cancelTimer = this.#options.callAfter(leftMs, ring);
      else this.#apply({ kind: "time" });
    };
    return this.#options.callAfter(Math.max(0, atMs - this.#options.monotonicMs()), ring);
  }

  #begin(checkpoint: number, savepoint: boolean): void {
    const { stats, region, nowMs } = this.#options;
    const beganMs = nowMs();
    const request = savepoint ? this.#savepoint : undefined;
    this.#gathered = { acknowledgements: [], beganMs };
    stats.began({ region, checkpoint, savepoint, beganMs, slots: this.#life.slots.size, path: request?.folder });
    this.#slots?.begin(checkpoint, request);
    faultPoint("coordinator.checkpoint-begun");
  }

  #complete(checkpoint: number, savepoint: boolean): void {
    const manifest = this.#manifest(checkpoint, savepoint);
    this.#remember();
    if (savepoint) {
      // Whoever wanted it writes it, with those of the job's other regions.
      this.#savepoint?.taken.resolve(manifest);
      return;
    }
    this.#writing = this.#write(manifest).then(
      () => this.#written(checkpoint, undefined),
      (cause: Error) => this.#written(checkpoint, cause),
    );
  }

  #written(checkpoint: number, failure: Error | undefined): void {
    const { stats, nowMs } = this.#options;
    if (this.#life.current?.checkpoint !== checkpoint) {
      // Its region has failed meanwhile: only people hear of it, and whoever looks into the store.
      if (failure === undefined) stats.completed(this.#key(checkpoint), nowMs());
      else stats.failed(this.#key(checkpoint), failure.message, nowMs());
    } else if (failure === undefined) this.#apply({ kind: "written", checkpoint });
    else {
      this.#lastCause = failure;
      this.#apply({ kind: "notWritten", checkpoint, reason: failure.message });
    }
  }

  async #write(manifest: CheckpointManifest): Promise<void> {
    const { store, keepOutput, completed } = this.#options;
    const slots = this.#slots;
    const name = checkpointName(manifest.checkpoint);
    const bytes = encodeManifest(manifest);
    faultPoint("coordinator.all-acknowledged");
    await keepOutput();
    await (await store()).writeManifest(name, bytes);
    faultPoint("coordinator.manifest-written");
    await completed(manifest);
    faultPoint("coordinator.completion-stored");
    // Another attempt begins a chain of its own.
    if (this.#slots === slots) this.#chain = [...manifest.chain, linkTo(name, manifest, bytes)];
  }

  #completed(checkpoint: number, savepoint: boolean): void {
    const { stats, nowMs, log, region } = this.#options;
    const commits = savepoint ? this.#savepoint?.ends !== undefined : true;
    stats.completed(this.#key(checkpoint), nowMs());
    if (!savepoint) this.#noteCopies(stats.latest.completed?.copies);
    log("debug", `${savepoint ? "savepoint" : "checkpoint"} ${checkpoint} is complete`, { region, checkpoint });
    if (savepoint) this.#savepoint = undefined;
    this.#slots?.ended(checkpoint, commits);
    faultPoint(savepoint ? "coordinator.savepoint-told" : "coordinator.completion-told");
    // A savepoint is elsewhere.
    if (savepoint) return;
    this.#tidying ??= this.#tidy().finally(() => {
      this.#tidying = undefined;
    });
  }

  #aborted({ checkpoint, savepoint, failed, reason }: Extract<CheckpointEffect, { kind: "aborted" }>): void {
    const { stats, nowMs, log, region } = this.#options;
    stats.failed(this.#key(checkpoint), reason, nowMs());
    const what = `${savepoint ? "savepoint" : "checkpoint"} ${checkpoint} came to nothing: ${reason}`;
    log(failed ? "warn" : "info", what, { region, checkpoint });
    this.#slots?.ended(checkpoint, false);
    if (savepoint) this.#savepointAborted(reason);
  }

  #savepointAborted(reason: string): void {
    const drained = this.#savepoint?.ends === "drain";
    this.#savepointOver(reason);
    // Windows have fired that are not complete.
    if (drained) this.#options.fail(savepointFailed(`${reason}. The job goes back to its last checkpoint`));
  }

  #savepointOver(reason: string): void {
    const savepoint = this.#savepoint;
    this.#savepoint = undefined;
    savepoint?.taken.reject(savepointFailed(reason));
  }

  #manifest(checkpoint: number, savepoint: boolean): CheckpointManifest {
    const { lineage, jobGraph } = this.#options;
    const { acknowledgements, beganMs } = this.#gathered;
    return manifestOf({
      ...{ checkpoint, lineage, savepoint, jobGraph, createdAtMs: beganMs },
      chain: savepoint ? [] : this.#chain,
      written: acknowledgements.flatMap(({ written }) => written),
      holders: holdersIn(acknowledgements),
      subtasks: [...this.#newest().values()],
      cuts: this.#cuts,
    });
  }

  /** What slots that end from now on have said. */
  #remember(): void {
    this.#subtasks = this.#newest();
  }

  #newest(): Map<string, SubtaskSnapshot> {
    const newest = new Map(this.#subtasks);
    for (const { subtasks } of this.#gathered.acknowledgements)
      for (const subtask of subtasks) newest.set(`${subtask.vertex}/${subtask.subtask}`, subtask);
    return newest;
  }

  #lastSerials(source: VertexId): readonly number[] {
    const parallelism = this.#options.jobGraph.vertices.find(({ id }) => id === source)?.parallelism ?? 0;
    const newest = this.#newest();
    return Array.from({ length: parallelism }, (_, at) => newest.get(`${source}/${at}`)?.source?.lastSerial ?? 0);
  }

  async #tidy(): Promise<void> {
    const { last, current } = this.#life;
    const slots = this.#slots;
    const copy = await tidyStore(this.#options, current ? last : last + 1, () => this.#chain);
    // Another attempt begins a chain of its own.
    if (copy === undefined || this.#slots !== slots) return;
    const later = this.#chain.filter(({ name }) => checkpointNumber(name) > checkpointNumber(copy.name));
    this.#chain = [copy, ...later];
  }

  /** A host is lost, or there again. */
  #noteCopies(copies: number | undefined): void {
    const { log, region } = this.#options;
    const before = this.#copies ?? copies;
    this.#copies = copies;
    if (copies === undefined || before === undefined || copies === before) return;
    const what = `checkpoints are kept on ${copies} ${copies === 1 ? "host" : "hosts"} instead of ${before}`;
    log(copies < before ? "warn" : "info", what, { region, copies });
  }

  #key(checkpoint: number): { readonly region: number; readonly checkpoint: number } {
    return { region: this.#options.region, checkpoint };
  }
}

function bytesOf(blocks: readonly BlockRecord[]): number {
  return blocks.reduce((sum, { bytes }) => sum + bytes, 0);
}

function savepointFailed(reason: string): MillraceError {
  return new MillraceError("SAVEPOINT_FAILED", `the savepoint came to nothing: ${reason}`);
}
