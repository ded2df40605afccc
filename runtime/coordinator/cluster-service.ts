/** The cluster as its REST interface uses it. */

import { isAbsolute } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import {
  SLOTS_EXPECTED,
  SLOTS_EXPECTED_MAX,
  SUBMISSIONS_PLANNING_MAX,
  SUBMISSIONS_WAITING_MAX,
} from "../../core/limits.ts";
import { stateSettings } from "../../core/state-options.ts";
import type { Clock } from "../../core/time.ts";
import type { BundleHash, ClusterId, JobId } from "../cluster-ids.ts";
import type { ExchangeAddress } from "../cluster-protocol.ts";
import type { Planner } from "../planned-job.ts";
import type {
  BundleView,
  CheckpointsView,
  ClusterService,
  ExceptionsView,
  ExpectedSubmission,
  JobConfigView,
  JobResultView,
  JobSummaryView,
  JobView,
  LogPage,
  OverviewView,
  SavepointRequest,
  SavepointView,
  SubmitRequest,
  VertexDetailView,
  WorkerView,
} from "../rest/views.ts";
import { BoundedQueue } from "./bounded-queue.ts";
import type { BundleStore, StoredBundle } from "./bundle-store.ts";
import { checkpointsView } from "./checkpoint-views.ts";
import type { Cluster } from "./cluster.ts";
import { isFinalStatus } from "./job-life.ts";
import type { JobLogFiles } from "./job-log-files.ts";
import type { JobManager } from "./job-manager.ts";
import type { JobResultFiles } from "./job-result-files.ts";
import type { CheckpointStorage } from "./job-store.ts";
import { configView, exceptionsView, jobSummary, jobView, metricsView, resultView } from "./job-views.ts";
import { savepointIn } from "./savepoint-in.ts";
import { vertexDetail } from "./subtask-views.ts";
import type { Worker } from "./worker-registry.ts";

export interface ServiceOptions {
  readonly cluster: Cluster;
  readonly clusterId: ClusterId;
  readonly version: string;
  readonly clock: Clock;
  readonly bundles: BundleStore;
  readonly logs: JobLogFiles;
  readonly results: JobResultFiles;
  readonly storage: CheckpointStorage;
  readonly planner: Planner;
}

export class CoordinatorService implements ClusterService {
  readonly #options: ServiceOptions;
  readonly #startedMs: number;
  readonly #planning = new BoundedQueue({
    runningMax: SUBMISSIONS_PLANNING_MAX,
    waitingMax: SUBMISSIONS_WAITING_MAX,
    what: "submissions",
  });
  /** Bundles that are being planned: they are in use too. */
  readonly #submitting = new Map<BundleHash, number>();

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#startedMs = options.clock.now();
  }

  overview(): OverviewView {
    const { cluster, clusterId, version } = this.#options;
    const count = (...states: readonly string[]): number =>
      cluster.jobs.filter(({ status }) => states.includes(status)).length;
    const ids = cluster.workers.map(({ description }) => description.worker);
    return {
      "cluster-id": clusterId,
      "millrace-version": version,
      "start-time": this.#startedMs,
      workers: ids.length,
      "slots-total": ids.reduce((sum, id) => sum + cluster.slots.count(id), 0),
      "slots-available": ids.reduce((sum, id) => sum + cluster.slots.count(id, "free"), 0),
      "jobs-running": count("RUNNING", "RESTARTING", "FAILING", "CANCELLING"),
      "jobs-waiting": count("CREATED", "WAITING"),
      "jobs-finished": count("FINISHED"),
      "jobs-cancelled": count("CANCELED"),
      "jobs-failed": count("FAILED"),
    };
  }

  jobs(): readonly JobSummaryView[] {
    return this.#options.cluster.jobs.map((job) => jobSummary(job, this.#now()));
  }

  job(id: JobId): JobView | undefined {
    return this.#of(id, (job) => jobView(job, this.#now()));
  }

  explain(id: JobId): string | undefined {
    return this.#of(id, (job) => job.plan.explained);
  }

  vertex(id: JobId, name: string): VertexDetailView | undefined {
    return this.#of(id, (job) => {
      const vertex = job.plan.jobGraph.vertices.find((each) => each.id === name);
      return vertex && vertexDetail(job, vertex, this.#now());
    });
  }

  exceptions(id: JobId): ExceptionsView | undefined {
    return this.#of(id, exceptionsView);
  }

  config(id: JobId): JobConfigView | undefined {
    return this.#of(id, configView);
  }

  checkpoints(id: JobId): CheckpointsView | undefined {
    return this.#of(id, checkpointsView);
  }

  async savepoint(id: JobId, request: SavepointRequest): Promise<SavepointView | undefined> {
    const { cluster, storage } = this.#options;
    const job = cluster.job(id);
    const { "target-directory": target, "cancel-job": ends = false, drain = false } = request;
    if (drain && !ends) throw new MillraceError("BAD_OPTION", "drain ends a job: it goes with cancel-job");
    const location = target ?? storage.savepointFolder(id, this.#now());
    await job?.savepoint(location, ends ? (drain ? "drain" : "suspend") : undefined);
    return job && { location };
  }

  metrics(id: JobId): unknown {
    return this.#of(id, (job) => metricsView(job, this.#now()));
  }

  result(id: JobId): JobResultView | undefined {
    return this.#of(id, (job) => resultView(job, this.#now()));
  }

  async rows(id: JobId, sink: string, from: number, max: number): Promise<readonly unknown[] | undefined> {
    const job = this.#options.cluster.job(id);
    if (job === undefined) return undefined;
    const isOperator = job.plan.jobGraph.vertices.some(({ operators }) => operators.some((each) => each.id === sink));
    return isOperator ? this.#options.results.read(id, sink, from, max) : undefined;
  }

  async log(id: JobId, from: number): Promise<LogPage | undefined> {
    const job = this.#options.cluster.job(id);
    if (job === undefined) return undefined;
    // Looked at first: what is written before the end is then on the page or on the next one.
    const over = isFinalStatus(job.status);
    if (over) await this.#options.logs.flushed(id);
    const { lines, next, end } = await this.#options.logs.read(id, from);
    return { lines, next, ended: over && next >= end };
  }

  workers(): readonly WorkerView[] {
    return this.#options.cluster.workers.map((worker) => this.#workerView(worker));
  }

  async bundles(): Promise<readonly BundleView[]> {
    return (await this.#options.bundles.list()).map(bundleView);
  }

  async putBundle(hash: BundleHash, code: Uint8Array): Promise<BundleView> {
    return bundleView(await this.#options.bundles.put(hash, code));
  }

  async deleteBundle(hash: BundleHash): Promise<boolean> {
    const user = this.#options.cluster.jobs.find(
      (job) => job.record.submission.bundle === hash && !isFinalStatus(job.status),
    );
    if (user !== undefined || this.#submitting.has(hash)) {
      const who = user === undefined ? "a submission" : `job ${user.id} ("${user.plan.name}")`;
      throw new MillraceError("BUNDLE_IN_USE", `bundle ${hash} is in use by ${who}`);
    }
    return this.#options.bundles.delete(hash);
  }

  expectSubmission({ parallelism = SLOTS_EXPECTED }: ExpectedSubmission): void {
    const { planner, cluster } = this.#options;
    planner.expect();
    cluster.expectSubmission(Math.min(parallelism, SLOTS_EXPECTED_MAX));
  }

  async submit(request: SubmitRequest): Promise<JobSummaryView> {
    const { bundle, workingDirectory } = request;
    if (!isAbsolute(workingDirectory)) {
      throw new MillraceError("BAD_OPTION", `the working directory "${workingDirectory}" is not an absolute path`);
    }
    this.#submitting.set(bundle, (this.#submitting.get(bundle) ?? 0) + 1);
    try {
      return await this.#planning.run(() => this.#planAndSubmit(request));
    } finally {
      const left = (this.#submitting.get(bundle) ?? 1) - 1;
      if (left === 0) this.#submitting.delete(bundle);
      else this.#submitting.set(bundle, left);
    }
  }

  async cancel(id: JobId): Promise<boolean | undefined> {
    return this.#of(id, (job) => job.cancel() && stored(job));
  }

  async stop(id: JobId): Promise<boolean | undefined> {
    return this.#of(id, (job) => job.stop() && stored(job));
  }

  ready(): boolean {
    return this.#options.cluster.ready;
  }

  async #planAndSubmit(request: SubmitRequest): Promise<JobSummaryView> {
    const { bundles, cluster, planner } = this.#options;
    const { bundle, parallelism, params, paramTexts, workingDirectory, slotHeapMb, from: folder, upgrade } = request;
    const state = request.state && stateSettings(request.state, "state");
    if (!(await bundles.has(bundle))) {
      throw new MillraceError("NOT_FOUND", `there is no bundle ${bundle}; send it first`);
    }
    const planned = await planner.plan({
      bundle: bundles.path(bundle),
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(params === undefined ? {} : { params }),
      ...(paramTexts === undefined ? {} : { paramTexts }),
    });
    const plan = state === undefined ? planned : { ...planned, state };
    const from = folder === undefined ? undefined : await savepointIn(folder, plan.jobGraph, upgrade);
    const job = await cluster.submit(plan, { bundle, workingDirectory, slotHeapMb, from });
    return jobSummary(job, this.#now());
  }

  #of<T>(id: JobId, view: (job: JobManager) => T): T | undefined {
    const job = this.#options.cluster.job(id);
    return job === undefined ? undefined : view(job);
  }

  #workerView({ description, epoch, membership, rssBytes }: Worker): WorkerView {
    const { worker, host, pid, labels, memoryBytes, exchange } = description;
    const { slots } = this.#options.cluster;
    const heardMs = "heardMs" in membership ? membership.heardMs : 0;
    return {
      id: worker,
      path: `${host}:${pid}`,
      host,
      pid,
      epoch,
      timeSinceLastHeartbeat: Math.round(this.#options.clock.monotonicMs() - heardMs),
      slotsNumber: slots.count(worker),
      freeSlots: slots.count(worker, "free"),
      labels,
      memoryBytes,
      rssBytes,
      exchange: exchangeText(exchange),
      status: membership.kind === "suspected" ? "SUSPECTED" : "ACTIVE",
    };
  }

  #now(): number {
    return this.#options.clock.now();
  }
}

/** Resolves when what was asked of the job outlives this coordinator. */
async function stored(job: JobManager): Promise<true> {
  await job.stored();
  return true;
}

function bundleView({ hash, bytes, storedAtMs }: StoredBundle): BundleView {
  return { id: hash, size: bytes, uploaded: storedAtMs };
}

function exchangeText(address: ExchangeAddress): string {
  return address.kind === "unix" ? `unix:${address.path}` : `tcp:${address.host}:${address.port}`;
}
