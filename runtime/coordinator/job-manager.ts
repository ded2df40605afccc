/**
 * The control plane of one job of a cluster: applies events to its life (`job-life.ts`), does what comes out of it, and
 * relays what its slots say.
 *
 * The law: what comes from slots counts only if it is of the region's current attempt, which the cluster has checked;
 * an attempt is deployed when its number is stored; a final status is shown when it is stored.
 */

import { MillraceError } from "../../core/errors.ts";
import { attemptId, type JobId, type WorkerId } from "../cluster-ids.ts";
import type { SlotPlacement } from "../cluster-protocol.ts";
import { toErrorReport } from "../error-report.ts";
import { faultPoint } from "../fault-point.ts";
import { type Region, regionsOf } from "../graph/regions.ts";
import type { PlannedJob } from "../planned-job.ts";
import type { ErrorReport, FromSlot, JobEnd } from "../protocol.ts";
import type { JobStatus } from "../rest/views.ts";
import { AttemptPreparation } from "./attempt-preparation.ts";
import { JobCheckpoints, type JobCheckpointsSurroundings } from "./job-checkpoints.ts";
import {
  isFinalStatus,
  type JobEffect,
  type JobEvent,
  type JobLife,
  type JobPlan,
  nextJob,
  statusOf,
} from "./job-life.ts";
import { type JobRecord, lifeOf, type RegionTimes, withException, withLife, withStatus } from "./job-record.ts";
import type { JobLogLine } from "./job-store.ts";
import type { JobSurroundings } from "./job-surroundings.ts";
import { ownReport } from "./own-report.ts";
import type { WantedSlot } from "./placement.ts";
import { RecordWriter, storedOrThrown } from "./record-writer.ts";
import type { RegionEffect, RegionEvent } from "./region-life.ts";
import { deploymentOf, type RegionRun } from "./region-run.ts";
import { type RegionJob, RegionRuns } from "./region-runs.ts";
import { restartRule } from "./restart-strategy.ts";
import { SlotMessages } from "./slot-messages.ts";
import { SlotReports } from "./slot-reports.ts";

type ExceptionEffect = Extract<JobEffect, { readonly kind: "exception" }>;

interface SlotFailure {
  readonly error: ErrorReport;
  readonly worker: WorkerId | undefined;
}

export class JobManager {
  readonly id: JobId;
  readonly plan: PlannedJob;
  readonly regions: readonly Region[];
  readonly reports: SlotReports;
  readonly checkpoints: JobCheckpoints;
  /** What it waits for, as placement says it. */
  missing = "";
  readonly #surroundings: JobSurroundings;
  readonly #rules: JobPlan;
  readonly #runs: RegionRuns;
  readonly #writer: RecordWriter;
  readonly #messages: SlotMessages;
  readonly #preparation: AttemptPreparation;
  #life: JobLife;
  #record: JobRecord;
  #shown: JobStatus;

  /** @throws BAD_OPTION, BAD_DURATION when its restart strategy cannot be. */
  constructor(plan: PlannedJob, record: JobRecord, defaultRestart: JobPlan["restart"], surroundings: JobSurroundings) {
    this.id = record.id;
    this.plan = plan;
    this.regions = regionsOf(plan.jobGraph, plan.executionGraph);
    this.reports = new SlotReports(record.reports);
    this.#surroundings = surroundings;
    this.#rules = {
      regionSlots: this.regions.map(({ slots }) => slots.length),
      restart: plan.restart === undefined ? defaultRestart : restartRule(plan.restart),
    };
    this.#record = record;
    this.#life = lifeOf(record);
    this.#shown = record.status;
    this.#writer = new RecordWriter((latest) => surroundings.store.save(latest));
    this.#messages = new SlotMessages({
      plan,
      collected: new Map(Object.entries(record.collected)),
      append: (sink, rows, origin) =>
        surroundings.results.append(this.id, sink, rows, plan.checkpoints === undefined ? undefined : origin),
      log: (level, message, fields) => this.log(level, message, fields),
    });
    this.checkpoints = new JobCheckpoints(this.#checkpointedJob());
    this.#preparation = new AttemptPreparation({
      ...{ job: this.id, plan, regions: this.regions, checkpoints: this.checkpoints, results: surroundings.results },
      from: record.submission.from,
      forget: (sinks) => this.#messages.forget(sinks),
      saved: () => this.#saved(),
    });
    this.#runs = new RegionRuns(this.#regionJob(), surroundings);
  }

  get status(): JobStatus {
    return this.#shown;
  }

  get life(): JobLife {
    return this.#life;
  }

  get restart(): JobPlan["restart"] {
    return this.#rules.restart;
  }

  /** As it is stored, with what has happened since. */
  get record(): JobRecord {
    return { ...this.#record, collected: Object.fromEntries(this.#messages.collected) };
  }

  regionOfSlot(slot: number): number {
    return this.regions.findIndex(({ slots }) => slots.includes(slot));
  }

  /** A worker as people know it: host:pid. */
  endpointOf(worker: WorkerId): string | undefined {
    return this.#surroundings.endpointOf(worker);
  }

  /** The attempt of a region that has slots now. */
  runOf(region: number): RegionRun | undefined {
    return this.#runs.get(region);
  }

  /** Begins, when the job is safe in the store. Does nothing for a job that has ended. */
  start(): void {
    if (!isFinalStatus(statusOf(this.#life))) this.#apply({ kind: "stored" });
    // It may have come to its end just before the former coordinator did.
    else if (isFinalStatus(this.#record.status)) this.#show();
    else this.#statusChanged();
  }

  wantedSlots(): readonly WantedSlot[] {
    return this.#waiting().flatMap(({ slots }) =>
      slots.map((slot) => ({ slot, labels: this.plan.slotLabels[slot] ?? {} })),
    );
  }

  /** Gives it what it wants. REQUIRES: a placement for each wanted slot. */
  place(placements: readonly SlotPlacement[]): void {
    for (const { index, slots } of this.#waiting()) {
      const number = (this.#life.regions[index]?.attempt ?? 0) + 1;
      const attempt = attemptId(this.id, index, number);
      const own = slots.map((slot) => placements.find((each) => each.slot === slot) as SlotPlacement);
      this.#runs.begin(index, attempt, number, own);
      if (this.#record.submission.slotHeapMb === undefined) this.#runs.get(index)?.prepare();
      this.#surroundings.attemptBegan(attempt, this, index);
      this.#applyToRegion(index, { kind: "placed" });
    }
  }

  receive(region: number, slot: number, message: FromSlot): void {
    const run = this.#runs.get(region) as RegionRun;
    switch (message.kind) {
      case "running":
        this.#slotEvent(region, "slotRunning", slot);
        break;
      case "report":
        this.reports.receive({ slot, subtasks: message.subtasks, busyMs: message.busyMs, atMs: this.#now() });
        break;
      case "failed":
        this.#fail(region, { error: message.error, worker: run.placementOf(slot)?.worker });
        break;
      case "declined":
      case "enumeratorCut":
      case "wantsCheckpoint":
      case "atEnd":
        this.checkpoints.receive(region, slot, message);
        break;
      case "blocks": // A worker keeps these to itself.
      case "snapshotted":
      case "readManifest":
      case "readBlocks":
        this.#fail(region, { error: ownReport("INTERNAL", `a worker passed on "${message.kind}"`), worker: undefined });
        break;
      default:
        this.#messages.receive(run, slot, message, (error) => this.#fail(region, { error, worker: undefined }));
    }
  }

  slotEnded(region: number, slot: number, lost: ErrorReport | undefined): void {
    const run = this.#runs.get(region);
    if (lost !== undefined) this.#fail(region, { error: lost, worker: run?.placementOf(slot)?.worker });
    run?.slotEnded(slot);
    this.checkpoints.slotEnded(region, slot);
    this.#slotEvent(region, "slotEnded", slot);
  }

  /** REQUIRES: the board has none of its slots any more, and the worker is still known by its name. */
  workerLost(worker: WorkerId, epoch: number, reason: string): void {
    for (const [region, run] of this.#runs.all()) {
      const slots = run.slotsOn(worker, epoch);
      if (slots.length === 0) continue;
      if (this.#life.regions[region]?.phase === "scheduled") {
        this.#applyToRegion(region, { kind: "unplaced", attempt: run.number });
        continue;
      }
      const endpoint = this.#surroundings.endpointOf(worker) ?? worker;
      this.#fail(region, { error: ownReport("WORKER_LOST", `worker ${endpoint} was lost: ${reason}`), worker });
      for (const slot of slots) this.slotEnded(region, slot, undefined);
    }
  }

  linkLost(region: number, worker: WorkerId, peer: WorkerId, reason: string): void {
    const { endpointOf } = this.#surroundings;
    const ends = `${endpointOf(worker) ?? worker} and ${endpointOf(peer) ?? peer}`;
    this.#fail(region, { error: ownReport("LINK_LOST", `the exchange between ${ends} broke: ${reason}`), worker });
  }

  /** What it waits for has not come in time. */
  slotsMissing(message: string): void {
    this.#apply({ kind: "slotsMissing", error: ownReport("SLOTS_MISSING", message) });
  }

  /** False when it has ended already. */
  cancel(): boolean {
    if (isFinalStatus(statusOf(this.#life))) return false;
    this.#apply({ kind: "cancel" });
    return true;
  }

  /** Resolves when it is complete. `ends`: how the job ends with it. @throws SAVEPOINT_FAILED, JOB_ENDED */
  async savepoint(folder: string, ends: JobEnd | undefined): Promise<void> {
    if (isFinalStatus(statusOf(this.#life))) throw new MillraceError("JOB_ENDED", `job ${this.id} has ended already`);
    const open = [...this.#life.regions.keys()].filter((index) => this.#life.regions[index]?.phase !== "finished");
    await this.checkpoints.savepoint(open, folder, ends);
    this.log("info", `a savepoint is in ${folder}`);
    if (ends !== undefined) this.#apply({ kind: "suspend" });
  }

  /** False when it has ended already. */
  stop(): boolean {
    if (isFinalStatus(statusOf(this.#life))) return false;
    this.#apply({ kind: "stop" });
    return true;
  }

  /** Resolves when what has become of the job is safe. @throws STORE_FAILED */
  stored(): Promise<void> {
    return storedOrThrown(this.id, this.#saved(), this.#surroundings.storeFailed);
  }

  /** The coordinator ends: no time runs any more, and nothing changes. */
  close(): void {
    this.#runs.close();
  }

  log(level: JobLogLine["level"], message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#surroundings.logs.append(this.id, { time: this.#now(), level, message, fields });
  }

  #waiting(): readonly Region[] {
    return this.regions.filter(({ index }) => this.#life.regions[index]?.phase === "waiting");
  }

  #slotEvent(region: number, kind: "slotRunning" | "slotEnded", slot: number): void {
    const run = this.#runs.get(region);
    const at = this.regions[region]?.slots.indexOf(slot) ?? -1;
    if (run !== undefined && at >= 0) this.#applyToRegion(region, { kind, attempt: run.number, slot: at });
  }

  #fail(region: number, { error, worker }: SlotFailure): void {
    const run = this.#runs.get(region);
    if (run === undefined) return;
    const before = this.#life;
    const event: JobEvent = {
      kind: "failure",
      region,
      attempt: run.number,
      error,
      nowMs: this.#now(),
      runningSinceMs: run.runningSinceMs,
      random: this.#surroundings.random(),
    };
    this.#apply(event, worker);
    // What counts is the first; what follows is at least written down.
    if (this.#life === before)
      this.log("info", `a failure of what ends anyway: ${error.message}`, { code: error.code });
  }

  #applyToRegion(region: number, event: RegionEvent): void {
    this.#apply({ kind: "region", region, event });
  }

  /** `blamed`: the worker on which a failure happened. */
  #apply(event: JobEvent, blamed?: WorkerId): void {
    const before = this.#life;
    const { state, effects } = nextJob(before, event, this.#rules);
    if (state === before && effects.length === 0) return;
    this.#life = state;
    this.#record = withLife(this.#record, state);
    for (const effect of effects) this.#do(effect, blamed);
    this.#statusChanged();
    if (before.aim !== state.aim) this.#save();
  }

  #do(effect: JobEffect, blamed: WorkerId | undefined): void {
    switch (effect.kind) {
      case "region":
        this.#checkpointsFollow(effect.region, effect.effect.kind);
        this.#runs.do(effect.region, effect.effect);
        break;
      case "stopRegion":
        this.#runs.get(effect.region)?.stop();
        break;
      case "exception":
        this.#keepException(effect, blamed);
        break;
      case "over":
        break;
    }
  }

  /** Checkpoints are taken while all slots of a region run. */
  #checkpointsFollow(region: number, effect: RegionEffect["kind"]): void {
    if (effect === "end" || effect === "finished" || effect === "ended" || effect === "delay")
      this.checkpoints.ending(region);
    const run = this.#runs.get(region);
    if (effect !== "running" || run === undefined) return;
    const slots = this.regions[region]?.slots.filter((_, at) => this.#life.regions[region]?.slots[at] !== "ended");
    this.checkpoints.running(region, run, slots ?? []);
  }

  /** What its checkpoints ask of it. */
  #checkpointedJob(): JobCheckpointsSurroundings {
    const { storage, results, callAfter } = this.#surroundings;
    return {
      ...{ plan: this.plan, regions: this.regions, storage, results, callAfter },
      record: () => this.record,
      nowMs: () => this.#now(),
      monotonicMs: () => this.#surroundings.clock.monotonicMs(),
      log: (level, message, fields) => this.log(level, message, fields),
      completed: (region, checkpoint, published) => this.#completed(region, checkpoint, published),
      damaged: (region, error) => this.#keepException({ kind: "exception", region, error, restarted: true }, undefined),
      kept: (sink, rows) => this.#messages.kept(sink, rows),
      fail: (region, error) => this.#fail(region, { error: toErrorReport(error), worker: undefined }),
    };
  }

  async #completed(region: number, checkpoint: number, published: boolean): Promise<void> {
    const { checkpoints } = this.#record;
    const committed = published ? checkpoint : (checkpoints[region]?.committed ?? 0);
    this.#record = { ...this.#record, checkpoints: checkpoints.with(region, { completed: checkpoint, committed }) };
    await this.#saved();
  }

  /** What its regions ask of it. */
  #regionJob(): RegionJob {
    const { request, withdraw, attemptEnded, times } = this.#surroundings;
    return {
      notStored: (region, cause) => this.#notStored(region, cause),
      nowMs: () => this.#now(),
      event: (region, event) => this.#applyToRegion(region, event),
      request: () => request(this),
      withdraw: () => {
        if (this.#waiting().length === 0) withdraw(this);
      },
      store: (region, run) => this.#preparation.store(region, run),
      deploy: (region, run, tooLate) => {
        this.reports.forget(this.regions[region]?.slots ?? []);
        this.#setTimes(region, { deployedMs: this.#now(), endedMs: undefined });
        run.deploy(deploymentOf(this.#record, this.plan, run), tooLate);
      },
      stuck: (region, { number }) => {
        const message = `the slots of attempt ${number} did not all run within ${times.deployTimeoutMs} ms`;
        this.#fail(region, { error: ownReport("SLOT_STUCK", message), worker: undefined });
      },
      killed: ({ number: attempt }, slots) => {
        const names = slots.map((slot) => slot + 1).join(", ");
        this.log("warn", `slots ${names} did not stop in time; their threads are ended`, { attempt });
      },
      dropped: (region, { attempt }, finished) => {
        const { deployedMs } = this.#record.times[region] ?? {};
        this.#setTimes(region, { deployedMs, endedMs: this.#now() });
        attemptEnded(attempt);
        // Another coordinator leaves it alone.
        if (finished) this.#save();
      },
    };
  }

  #notStored(region: number, cause: Error): void {
    const restoring = cause instanceof MillraceError && cause.code !== "STORE_FAILED";
    if (restoring) this.#apply({ kind: "notRestored", region, error: toErrorReport(cause) });
    else this.#surroundings.storeFailed(cause);
  }

  #setTimes(region: number, times: RegionTimes): void {
    this.#record = { ...this.#record, times: this.#record.times.with(region, times) };
  }

  #keepException({ region, error, restarted }: ExceptionEffect, worker: WorkerId | undefined): void {
    this.#record = withException(this.#record, {
      atMs: this.#now(),
      error,
      region,
      attempt: region === undefined ? 0 : (this.#life.regions[region]?.attempt ?? 0),
      restarted,
      endpoint: worker === undefined ? undefined : this.#surroundings.endpointOf(worker),
      worker,
    });
    this.log("error", error.message, { code: error.code, restarted });
    this.#save();
  }

  #statusChanged(): void {
    // Effects may have led to further events, which have told of the status already.
    const status = statusOf(this.#life);
    if (status === this.#record.status) return;
    this.#record = withStatus(this.#record, status, this.#now());
    this.log("info", `job ${status}`, this.#life.cause === undefined ? {} : { error: this.#life.cause.message });
    if (isFinalStatus(status)) this.#end();
    else {
      this.#shown = status;
      this.#save();
    }
  }

  #end(): void {
    this.#record = { ...this.record, reports: this.reports.all() };
    this.close();
    faultPoint("coordinator.job-over");
    const { results, storeFailed } = this.#surroundings;
    // What a store did not take is not shown: another coordinator would know nothing of it. Rows come before the end.
    const rowsSafe = results.sync(this.id, Object.keys(this.#record.collected));
    rowsSafe.then(() => this.#saved()).then(() => this.#show(), storeFailed);
  }

  #show(): void {
    this.#shown = statusOf(this.#life);
    this.#surroundings.over(this);
  }

  #save(): void {
    this.#saved().catch((cause: Error) => this.#surroundings.storeFailed(cause));
  }

  #saved(): Promise<void> {
    return this.#writer.save(this.record);
  }

  #now(): number {
    return this.#surroundings.clock.now();
  }
}
