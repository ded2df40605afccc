/**
 * What the REST interface answers with, and what it asks of the cluster behind it.
 *
 * Names follow Apache Flink's REST interface where Flink has the thing, hyphens included, so that tools and habits carry
 * over. Times are epoch milliseconds, durations milliseconds, -1 for "not yet".
 */

import type { StateOptions } from "../../core/state-options.ts";
import type { BundleHash, JobId } from "../cluster-ids.ts";
import type { Labels } from "../cluster-protocol.ts";
import type { ErrorReport } from "../protocol.ts";

/** Flink's words, "WAITING" for a job that waits for slots. */
export type JobStatus =
  | "CREATED"
  | "WAITING"
  | "RUNNING"
  | "RESTARTING"
  | "FAILING"
  | "FAILED"
  | "CANCELLING"
  | "CANCELED"
  | "FINISHED";

export type SubtaskStatus = "CREATED" | "DEPLOYING" | "RUNNING" | "FINISHED" | "CANCELING" | "CANCELED" | "FAILED";

export interface OverviewView {
  readonly "cluster-id": string;
  readonly "millrace-version": string;
  readonly "start-time": number;
  readonly workers: number;
  readonly "slots-total": number;
  readonly "slots-available": number;
  readonly "jobs-running": number;
  /** Waiting for slots. */
  readonly "jobs-waiting": number;
  readonly "jobs-finished": number;
  readonly "jobs-cancelled": number;
  readonly "jobs-failed": number;
}

export interface JobSummaryView {
  readonly jid: string;
  readonly name: string;
  readonly state: JobStatus;
  readonly "start-time": number;
  readonly "end-time": number;
  readonly duration: number;
  readonly "last-modification": number;
  readonly parallelism: number;
  /** Restarts so far, over all regions. */
  readonly restarts: number;
  readonly tasks: Readonly<Record<string, number>>;
}

export interface IoMetricsView {
  readonly "read-records": number;
  readonly "read-bytes": number;
  readonly "write-records": number;
  readonly "write-bytes": number;
  /** Milliseconds since the attempt's start, summed over subtasks. */
  readonly "accumulated-busy-time": number;
  readonly "accumulated-idle-time": number;
  readonly "accumulated-backpressured-time": number;
  /** Records behind the watermark that were dropped, and all records that were dropped or diverted as late. */
  readonly "late-records": number;
  readonly "dropped-records": number;
}

export interface VertexView {
  readonly id: string;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly status: SubtaskStatus;
  readonly "start-time": number;
  readonly "end-time": number;
  readonly duration: number;
  readonly tasks: Readonly<Record<string, number>>;
  readonly metrics: IoMetricsView;
}

export interface JobView extends JobSummaryView {
  readonly now: number;
  readonly timestamps: Readonly<Partial<Record<JobStatus, number>>>;
  readonly vertices: readonly VertexView[];
  readonly "status-counts": Readonly<Record<string, number>>;
  readonly plan: PlanView;
  /** Why it waits, or what it failed with. */
  readonly failure: ErrorReport | null;
}

export interface PlanView {
  readonly jid: string;
  readonly name: string;
  readonly nodes: readonly PlanNodeView[];
}

export interface PlanNodeView {
  readonly id: string;
  readonly parallelism: number;
  readonly operator: string;
  readonly description: string;
  readonly inputs: readonly { readonly num: number; readonly id: string; readonly ship_strategy: string }[];
}

export interface SubtaskView {
  readonly subtask: number;
  readonly status: SubtaskStatus;
  /** From 0, as Flink counts. */
  readonly attempt: number;
  /** host:pid of the worker. */
  readonly endpoint: string;
  readonly "taskmanager-id": string;
  readonly "start-time": number;
  readonly "end-time": number;
  readonly duration: number;
  readonly metrics: SubtaskMetricsView;
}

export interface SubtaskMetricsView extends IoMetricsView {
  /** Shares of the last report's time, 0 … 1. */
  readonly busy: number;
  readonly idle: number;
  readonly backpressured: number;
  /** Epoch milliseconds; null before the first and after the last. */
  readonly watermark: number | null;
}

export interface VertexDetailView {
  readonly id: string;
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly now: number;
  readonly subtasks: readonly SubtaskView[];
}

export interface ExceptionsView {
  readonly exceptionHistory: {
    readonly entries: readonly ExceptionView[];
    readonly truncated: boolean;
  };
}

export interface ExceptionView {
  /** The error's code, or its class's name. */
  readonly exceptionName: string;
  readonly stacktrace: string;
  readonly timestamp: number;
  readonly taskName: string | null;
  readonly endpoint: string | null;
  readonly "taskmanager-id": string | null;
  readonly attempt: number;
  /** Whether the job was restarted after it. */
  readonly restarted: boolean;
  readonly error: ErrorReport;
}

export interface JobConfigView {
  readonly jid: string;
  readonly name: string;
  readonly "execution-config": {
    readonly "job-parallelism": number;
    readonly "key-groups": number;
    readonly "restart-strategy": string;
    readonly "watchdog-ms": number;
    readonly "slot-heap-mb": number | null;
    readonly "working-directory": string;
    readonly bundle: string;
    readonly "graph-hash": string;
    readonly "user-config": Readonly<Record<string, string | number | boolean | null>>;
  };
}

/** As Flink's: what became of a job's checkpoints and savepoints. */
export interface CheckpointsView {
  readonly counts: {
    readonly restored: number;
    readonly total: number;
    readonly in_progress: number;
    readonly completed: number;
    readonly failed: number;
  };
  readonly latest: {
    readonly completed: CheckpointView | null;
    readonly savepoint: CheckpointView | null;
    readonly failed: CheckpointView | null;
    readonly restored: RestoredCheckpointView | null;
  };
  /** The newest first. */
  readonly history: readonly CheckpointView[];
}

export interface CheckpointView {
  readonly id: number;
  /** Regions of a job take checkpoints of their own. */
  readonly region: number;
  readonly status: "IN_PROGRESS" | "COMPLETED" | "FAILED";
  readonly is_savepoint: boolean;
  /** Unaligned is one whose barriers overtook what was on its way. */
  readonly checkpoint_type: "CHECKPOINT" | "UNALIGNED_CHECKPOINT" | "SAVEPOINT";
  readonly trigger_timestamp: number;
  /** What it has written: of a delta, what had changed. */
  readonly state_size: number;
  /** What subtasks took from other slots while they waited for their last barriers. */
  readonly processed_data: number;
  /** Of `state_size`, what was on its way between subtasks. */
  readonly persisted_data: number;
  /** On how many hosts each of its blocks is at least; null: it is where all workers reach it, or nothing was written. */
  readonly copies: number | null;
  /** -1 while it is under way. */
  readonly end_to_end_duration: number;
  readonly num_slots: number;
  readonly num_acknowledged_slots: number;
  readonly external_path: string | null;
  readonly failure_message: string | null;
}

export interface RestoredCheckpointView {
  readonly id: number;
  readonly region: number;
  readonly restore_timestamp: number;
  readonly is_savepoint: boolean;
  readonly external_path: string | null;
}

export interface SavepointRequest {
  /** An absolute path; absent: a folder of the coordinator's. */
  readonly "target-directory"?: string;
  /** The job ends with it. */
  readonly "cancel-job"?: boolean;
  /** Before it, event time comes to its end: all windows fire. Only with cancel-job. */
  readonly drain?: boolean;
}

export interface SavepointView {
  /** The folder that it is in. */
  readonly location: string;
}

/** What a finished job left: its metrics and the rows of its `collectTo` sinks are read apart (`rows`). */
export interface JobResultView {
  readonly jid: string;
  readonly state: JobStatus;
  readonly error: ErrorReport | null;
  /** Rows kept for each `collectTo` sink. */
  readonly collected: Readonly<Record<string, number>>;
  /** As `JobMetrics` of the embedded runtime, infinities as null. */
  readonly metrics: unknown;
}

export interface WorkerView {
  readonly id: string;
  readonly path: string;
  readonly host: string;
  readonly pid: number;
  readonly epoch: number;
  readonly timeSinceLastHeartbeat: number;
  readonly slotsNumber: number;
  readonly freeSlots: number;
  readonly labels: Labels;
  readonly memoryBytes: number;
  readonly rssBytes: number;
  readonly exchange: string;
  readonly status: "ACTIVE" | "SUSPECTED";
}

export interface BundleView {
  readonly id: string;
  readonly size: number;
  readonly uploaded: number;
}

export interface SubmitRequest {
  readonly bundle: BundleHash;
  /** Overrides the job's own. */
  readonly parallelism?: number;
  readonly params?: Readonly<Record<string, string | number | boolean | null>>;
  /** As typed, `--param k=v`: turned into the types of the job's defaults. */
  readonly paramTexts?: readonly string[];
  readonly workingDirectory: string;
  readonly slotHeapMb?: number;
  /** Where its state is, instead of where the job says. */
  readonly state?: StateOptions;
  /** The folder of a savepoint that it goes on from. */
  readonly from?: string;
  /** What becomes of its state where the job is another program. */
  readonly upgrade?: UpgradeRequest;
}

/** See `UpgradeOptions`; Flink's allowNonRestoredState is `allowDropped`. */
export interface UpgradeRequest {
  readonly allowDropped?: boolean;
  readonly drop?: readonly string[];
  readonly rename?: Readonly<Record<string, string>>;
  readonly otherJob?: boolean;
}

/** What is known of a submission before its program is bundled. */
export interface ExpectedSubmission {
  /** As the submission will have it. */
  readonly parallelism?: number;
}

/** Collected rows of one sink, and the row to ask for next. */
export interface RowsPage {
  readonly rows: readonly unknown[];
  readonly next: number;
}

/** The next lines of a job's log, from a byte offset that an earlier answer gave. */
export interface LogPage {
  readonly lines: readonly LogLine[];
  readonly next: number;
  /** Whether the job has ended and no line will follow. */
  readonly ended: boolean;
}

export interface LogLine {
  readonly time: number;
  readonly level: "debug" | "info" | "warn" | "error" | "out";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * The cluster, as its REST interface uses it. Methods that name a job, vertex, bundle or worker return undefined when there
 * is none; what cannot be done throws a MillraceError.
 */
export interface ClusterService {
  overview(): OverviewView;
  jobs(): readonly JobSummaryView[];
  job(id: JobId): JobView | undefined;
  /** The plan as text, as `millrace explain` prints it. */
  explain(id: JobId): string | undefined;
  vertex(id: JobId, vertex: string): VertexDetailView | undefined;
  exceptions(id: JobId): ExceptionsView | undefined;
  config(id: JobId): JobConfigView | undefined;
  checkpoints(id: JobId): CheckpointsView | undefined;
  /** Resolves when the savepoint is complete. @throws SAVEPOINT_FAILED, JOB_ENDED */
  savepoint(id: JobId, request: SavepointRequest): Promise<SavepointView | undefined>;
  metrics(id: JobId): unknown;
  result(id: JobId): JobResultView | undefined;
  /** Collected rows of one sink as JSON lines, from a row on, at most `max`. */
  rows(id: JobId, sink: string, from: number, max: number): Promise<readonly unknown[] | undefined>;
  log(id: JobId, from: number): Promise<LogPage | undefined>;
  workers(): readonly WorkerView[];
  bundles(): Promise<readonly BundleView[]>;
  /** Checks the hash, stores and returns it. @throws BAD_OPTION when the code has another hash. */
  putBundle(hash: BundleHash, code: Uint8Array): Promise<BundleView>;
  deleteBundle(hash: BundleHash): Promise<boolean>;
  /** A submission is coming: starts ahead what it would wait for, and ends that again if none comes. */
  expectSubmission(expected: ExpectedSubmission): void;
  /** Validates the program in a process of its own, and starts it or lets it wait for slots. */
  submit(request: SubmitRequest): Promise<JobSummaryView>;
  /** False when the job has ended already. What resolves with true also holds for a coordinator that takes over. */
  cancel(id: JobId): boolean | undefined | Promise<boolean | undefined>;
  /** Lets the sources end, windows fire, and the job finish. As `cancel` otherwise. */
  stop(id: JobId): boolean | undefined | Promise<boolean | undefined>;
  /** Whether workers may register and jobs be submitted. */
  ready(): boolean;
}
