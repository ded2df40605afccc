/**
 * The cluster: its workers, the slots on them, and its jobs.
 *
 * Everything that it needs of the world comes from outside, so that a seed replays a whole cluster. Whoever holds the
 * connections calls `workerSaysHello`, `receive` and `connectionLost`; whoever serves people calls `submit`, `cancel`
 * and `stop`. Both may be wrong about who lives: what is not of a worker's present epoch and a region's present attempt
 * is dropped and counted.
 */

import { MillraceError } from "../../core/errors.ts";
import { JOBS_RETAINED, JOBS_UNFINISHED_MAX, LINK_LOST_AFTER_MS } from "../../core/limits.ts";
import { RESTART_DEFAULT } from "../../core/restart.ts";
import type { LogLevel } from "../../core/telemetry.ts";
import type { Clock } from "../../core/time.ts";
import type { AttemptId, BundleHash, JobId, WorkerId } from "../cluster-ids.ts";
import type { Envelope, FromWorker, Greeting, SlotPlacement, WorkerHello } from "../cluster-protocol.ts";
import { regionsOf } from "../graph/regions.ts";
import type { PlannedJob } from "../planned-job.ts";
import { isFinalStatus } from "./job-life.ts";
import { JobManager } from "./job-manager.ts";
import { createRecord, type Submission } from "./job-record.ts";
import type { CheckpointStorage, JobLogs, JobResults, JobStore } from "./job-store.ts";
import type { JobSurroundings } from "./job-surroundings.ts";
import { type PlacementStrategy, spreadPlacement, type WorkerCapacity } from "./placement.ts";
import type { RunTimes } from "./region-run.ts";
import { restartRule } from "./restart-strategy.ts";
import { SlotBoard } from "./slot-board.ts";
import { WaitingJobs } from "./waiting-jobs.ts";
import { type ControlConnection, type Worker, WorkerRegistry } from "./worker-registry.ts";

export interface ClusterOptions {
  readonly version: string;
  readonly clock: Clock;
  /** In [0, 1). */
  random(): number;
  /** Calls back after a time unless the returned function is called first. */
  callAfter(ms: number, callback: () => void): () => void;
  newJobId(): JobId;
  readonly store: JobStore;
  readonly logs: JobLogs;
  readonly results: JobResults;
  readonly storage: CheckpointStorage;
  readBundle(hash: BundleHash): Promise<Uint8Array | undefined>;
  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** A job was deleted, as newer ones have ended. */
  jobDeleted(id: JobId): void;
  readonly heartbeatEveryMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly slotTimeoutMs: number;
  readonly times: RunTimes;
  readonly placement?: PlacementStrategy;
  /** Default JOBS_RETAINED. */
  readonly jobsRetained?: number;
}

interface Attempt {
  readonly job: JobManager;
  readonly region: number;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #registry: WorkerRegistry;
  readonly #board = new SlotBoard();
  readonly #waiting: WaitingJobs;
  readonly #jobs = new Map<JobId, JobManager>();
  readonly #attempts = new Map<AttemptId, Attempt>();
  readonly #defaultRestart = restartRule(RESTART_DEFAULT);
  #stopBeating: () => void = () => {};
  #willSchedule = false;
  #serial = 0;
  #state: "new" | "open" | "closed" = "new";
  #storeFailure: Error | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#registry = new WorkerRegistry({
      ...options,
      cluster: options.store.cluster,
      generation: options.store.generation,
      joined: (worker) => this.#joined(worker),
      lost: (worker, reason) => this.#lost(worker, reason),
    });
    const registry = this.#registry;
    options.storage.stores?.attach({
      get workers() {
        return registry.all();
      },
      send: (worker, epoch, message) => registry.send(worker, epoch, message),
      knows: (job) => this.#jobs.has(job as JobId),
    });
    this.#waiting = new WaitingJobs({
      strategy: options.placement ?? spreadPlacement,
      slotTimeoutMs: options.slotTimeoutMs,
      callAfter: options.callAfter,
      capacities: () => this.#capacities(),
      place: (job, workers) => this.#place(job, workers),
    });
  }

  /** Takes up the jobs of the store, and begins to listen to heartbeats. */
  async recover(): Promise<void> {
    const stored = await this.#options.store.jobs();
    for (const { record, plan } of stored.toSorted((a, b) => a.record.serial - b.record.serial)) {
      this.#serial = Math.max(this.#serial, record.serial);
      this.#jobs.set(record.id, new JobManager(plan, record, this.#defaultRestart, this.#jobSurroundings()));
    }
    this.#state = "open";
    for (const job of this.#jobs.values()) job.start();
    this.#beatRegularly();
  }

  /** Whether workers may register and jobs be submitted. */
  get ready(): boolean {
    return this.#state === "open" && this.#storeFailure === undefined;
  }

  get jobs(): readonly JobManager[] {
    return [...this.#jobs.values()];
  }

  job(id: JobId): JobManager | undefined {
    return this.#jobs.get(id);
  }

  get workers(): readonly Worker[] {
    return this.#registry.all();
  }

  get slots(): SlotBoard {
    return this.#board;
  }

  /** Attempts that have slots. */
  get openAttempts(): number {
    return this.#attempts.size;
  }

  /** Messages that counted for nothing: of older epochs, attempts or unknown workers. */
  get staleMessages(): number {
    return this.#registry.stale;
  }

  /** The answer has to be the first that the worker gets by the connection. */
  workerSaysHello(hello: WorkerHello, connection: ControlConnection): Greeting {
    const greeting = this.#registry.hello(hello, connection);
    const { worker, host, pid } = hello.description;
    if (greeting.kind === "refused") {
      this.#options.log("warn", greeting.error.message, { worker, host, pid });
    }
    return greeting;
  }

  receive(id: WorkerId, envelope: Envelope<FromWorker>): void {
    if (this.#state !== "open") return;
    const message = this.#registry.receive(id, envelope);
    if (message === undefined) return;
    switch (message.kind) {
      case "heartbeat":
        break;
      case "bundleWanted":
        this.#sendBundle(id, envelope.epoch, message.hash);
        break;
      case "linkLost":
        // Where the peer has died, the link is the first to tell: the worker's loss is the better name for it.
        this.#options.callAfter(LINK_LOST_AFTER_MS, () => this.#linkLost(id, envelope.epoch, message));
        break;
      case "storeAnswer":
      case "stores":
        this.#options.storage.stores?.receive(this.#registry.get(id) as Worker, message); // it was heard of just now
        break;
      case "fromSlot":
      case "slotEnded":
        this.#fromSlot(id, message);
        break;
      case "snapshot":
      case "snapshotDeclined": {
        const found = this.#attemptOn(id, message.attempt);
        found?.job.checkpoints.snapshot(found.region, message);
        break;
      }
    }
  }

  connectionLost(id: WorkerId, epoch: number): void {
    if (this.#state === "open") this.#registry.leave(id, epoch, "its connection to the coordinator broke");
  }

  /** A job of about so many slots will be submitted: workers that it may be placed on start threads ahead. */
  expectSubmission(slots: number): void {
    if (this.#state !== "open") return;
    const capacities = this.#capacities();
    const free = capacities.reduce((sum, worker) => sum + worker.free, 0);
    const wanted = Array.from({ length: Math.min(slots, free) }, (_, slot) => ({ slot, labels: {} }));
    const placement = (this.#options.placement ?? spreadPlacement).place(wanted, capacities);
    if (placement.kind === "missing") return;
    for (const id of new Set(placement.workers)) {
      const { epoch } = this.#registry.get(id) as Worker;
      const count = placement.workers.filter((worker) => worker === id).length;
      this.#registry.send(id, epoch, { kind: "prepare", slots: count });
    }
  }

  /** Resolves when the job is safe in the store: from then on it survives the coordinator. */
  async submit(plan: PlannedJob, submission: Submission): Promise<JobManager> {
    this.#refuseSubmission();
    const { clock, newJobId, store, storage } = this.#options;
    storage.checkCopies?.(plan.checkpoints?.copies);
    const regions = regionsOf(plan.jobGraph, plan.executionGraph).length;
    const record = createRecord(newJobId(), ++this.#serial, submission, { name: plan.name, regions }, clock.now());
    const job = new JobManager(plan, record, this.#defaultRestart, this.#jobSurroundings());
    this.#jobs.set(job.id, job);
    try {
      await store.create({ record, plan });
    } catch (cause) {
      this.#jobs.delete(job.id);
      this.#storeFailed(cause as Error);
      throw new MillraceError("STORE_FAILED", `job "${plan.name}" could not be stored: ${String(cause)}`, { cause });
    }
    for (const warning of plan.warnings ?? []) job.log("warn", warning);
    if (this.#state === "open") job.start();
    return job;
  }

  /** Asks the workers to end, if they are to, and forgets them. Jobs that have not ended stay in the store. */
  close(shutdown?: string): void {
    this.#state = "closed";
    this.#stopBeating();
    this.#waiting.close();
    for (const job of this.#jobs.values()) job.close();
    for (const { epoch, connection } of this.workers) {
      if (shutdown !== undefined) connection.send({ epoch, message: { kind: "shutdown", reason: shutdown } });
      connection.close();
    }
  }

  #refuseSubmission(): void {
    if (this.#storeFailure !== undefined) {
      const cause = this.#storeFailure;
      throw new MillraceError(
        "STORE_FAILED",
        `the coordinator takes no submissions, as it cannot write to its store: ${cause.message}`,
        { cause },
      );
    }
    const unfinished = this.jobs.filter((job) => !isFinalStatus(job.status)).length;
    if (this.#state === "open" && unfinished < JOBS_UNFINISHED_MAX) return;
    throw new MillraceError(
      "NOT_READY",
      this.#state === "open"
        ? `the cluster has ${unfinished} jobs that have not ended, which is as many as it takes`
        : "the coordinator is starting or stopping; try again",
    );
  }

  #jobSurroundings(): JobSurroundings {
    const { clock, random, callAfter, store, logs, results, storage, times } = this.#options;
    return {
      ...{ clock, random, store, logs, results, storage, times, board: this.#board },
      // Nothing that was planned for later happens in a coordinator that has ended.
      callAfter: (ms, callback) => callAfter(ms, () => this.#state === "open" && callback()),
      send: (worker, epoch, message) => this.#registry.send(worker, epoch, message),
      workerStuck: (worker, epoch, reason) => this.#registry.leave(worker, epoch, reason),
      endpointOf: (worker) => this.#endpointOf(worker),
      request: (job) => {
        this.#waiting.add(job);
        this.#scheduleSoon();
      },
      withdraw: (job) => {
        this.#waiting.remove(job);
        this.#scheduleSoon();
      },
      attemptBegan: (attempt, job, region) => void this.#attempts.set(attempt, { job, region }),
      attemptEnded: (attempt) => {
        this.#attempts.delete(attempt);
        this.#scheduleSoon();
      },
      over: () => this.#deleteOldJobs(),
      storeFailed: (cause) => this.#storeFailed(cause),
    };
  }

  #joined(worker: Worker): void {
    const { worker: id, slots, labels, host, pid } = worker.description;
    this.#board.add(id, slots);
    this.#options.storage.stores?.joined(worker);
    this.#options.log("info", "a worker has joined", { worker: id, host, pid, epoch: worker.epoch, slots, labels });
    this.#scheduleSoon();
  }

  #lost(worker: Worker, reason: string): void {
    const { worker: id, host, pid } = worker.description;
    this.#options.log("warn", `a worker is lost: ${reason}`, { worker: id, host, pid, epoch: worker.epoch });
    this.#board.remove(id);
    this.#options.storage.stores?.lost(worker);
    for (const job of this.jobs) job.workerLost(id, worker.epoch, reason);
    this.#scheduleSoon();
  }

  #linkLost(id: WorkerId, epoch: number, message: Extract<FromWorker, { readonly kind: "linkLost" }>): void {
    if (this.#state !== "open" || this.#registry.get(id)?.epoch !== epoch) return;
    for (const attempt of message.attempts) {
      const found = this.#attemptOn(id, attempt);
      found?.job.linkLost(found.region, id, message.peer, message.reason);
    }
  }

  #fromSlot(id: WorkerId, message: Extract<FromWorker, { readonly kind: "fromSlot" | "slotEnded" }>): void {
    const { attempt, slot } = message;
    const found = this.#attemptOn(id, attempt, slot);
    if (found === undefined) return;
    if (message.kind === "slotEnded") {
      this.#board.forSlot("ended", id, attempt, slot);
      found.job.slotEnded(found.region, slot, message.lost);
      this.#scheduleSoon();
      return;
    }
    if (message.message.kind === "running") this.#board.forSlot("running", id, attempt, slot);
    found.job.receive(found.region, slot, message.message);
  }

  /** The attempt, if it is present and the worker has this slot, or any, of it. */
  #attemptOn(id: WorkerId, attempt: AttemptId, slot?: number): Attempt | undefined {
    const found = this.#attempts.get(attempt);
    const placements = found?.job.runOf(found.region)?.placements ?? [];
    if (placements.some((each) => each.worker === id && (slot === undefined || each.slot === slot))) return found;
    this.#registry.stale++;
    return undefined;
  }

  /** Not at once, as whoever asks for it may be in the middle of something. */
  #scheduleSoon(): void {
    if (this.#willSchedule || this.#state !== "open") return;
    this.#willSchedule = true;
    this.#options.callAfter(0, () => {
      this.#willSchedule = false;
      if (this.#state === "open") this.#waiting.schedule();
    });
  }

  #capacities(): readonly WorkerCapacity[] {
    return this.#registry.takers().map(({ description: { worker, slots, labels } }) => ({
      worker,
      slots,
      free: this.#board.count(worker, "free"),
      labels,
    }));
  }

  #place(job: JobManager, workers: readonly WorkerId[]): void {
    const placements = job.wantedSlots().map(({ slot }, at): SlotPlacement => {
      const { description, epoch } = this.#registry.get(workers[at] as WorkerId) as Worker;
      return { slot, worker: description.worker, epoch, exchange: description.exchange };
    });
    job.place(placements);
  }

  #sendBundle(id: WorkerId, epoch: number, hash: BundleHash): void {
    const send = (code: Uint8Array | undefined): void => this.#registry.send(id, epoch, { kind: "bundle", hash, code });
    this.#options.readBundle(hash).then(send, (cause: Error) => {
      this.#options.log("error", `a bundle cannot be read: ${cause.message}`, { hash });
      send(undefined);
    });
  }

  #beatRegularly(): void {
    this.#stopBeating = this.#options.callAfter(this.#options.heartbeatEveryMs, () => {
      if (this.#state !== "open") return;
      this.#registry.beat();
      this.#beatRegularly();
    });
  }

  #deleteOldJobs(): void {
    const ended = this.jobs.filter((job) => isFinalStatus(job.status));
    const surplus = ended.length - (this.#options.jobsRetained ?? JOBS_RETAINED);
    if (surplus <= 0) return;
    const oldestFirst = ended.sort((a, b) => endOf(a) - endOf(b) || a.record.serial - b.record.serial);
    for (const { id } of oldestFirst.slice(0, surplus)) {
      this.#jobs.delete(id);
      this.#options.store.remove(id).catch((cause: Error) => this.#storeFailed(cause));
      this.#options.jobDeleted(id);
    }
  }

  #storeFailed(cause: Error): void {
    this.#options.log("error", `the store cannot be written: ${cause.message}`, {});
    this.#storeFailure ??= cause;
  }

  #endpointOf(id: WorkerId): string | undefined {
    const worker = this.#registry.get(id);
    return worker === undefined ? undefined : `${worker.description.host}:${worker.description.pid}`;
  }
}

function endOf({ record }: JobManager): number {
  return record.timestamps[record.status] ?? 0;
}
