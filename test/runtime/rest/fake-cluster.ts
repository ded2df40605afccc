/** A cluster in memory, with one job that runs, one that waits and one that has ended. */

import { createHash } from "node:crypto";
import { MillraceError } from "../../../core/errors.ts";
import type { BundleHash, JobId } from "../../../runtime/cluster-ids.ts";
import type { ErrorReport } from "../../../runtime/protocol.ts";
import type {
  BundleView,
  CheckpointsView,
  ClusterService,
  ExpectedSubmission,
  IoMetricsView,
  JobStatus,
  JobSummaryView,
  JobView,
  PlanView,
  SavepointRequest,
  SavepointView,
  SubmitRequest,
  SubtaskView,
  VertexDetailView,
} from "../../../runtime/rest/views.ts";

export const running = "job-running" as JobId;
export const ended = "job-ended" as JobId;
export const vertexId = "clicks/per item: 1";
export const sinkName = "answers of ünïcode";

const failure: ErrorReport = {
  code: "USER_FUNCTION",
  name: "MillraceError",
  message: "a function threw",
  stack: "MillraceError: a function threw\n    at user.ts:1:1",
  operator: "parse",
  origin: { subtask: 0, parallelism: 1, attempt: 1 },
  cause: {
    code: undefined,
    name: "Error",
    message: "boom",
    stack: undefined,
    operator: undefined,
    origin: undefined,
    cause: undefined,
  },
};

const io: IoMetricsView = {
  "read-records": 10,
  "read-bytes": 1000,
  "write-records": 5,
  "write-bytes": 500,
  "accumulated-busy-time": 12.5,
  "accumulated-idle-time": 80,
  "accumulated-backpressured-time": 7.5,
  "late-records": 1,
  "dropped-records": 0,
};

const subtasks: SubtaskView[] = [0.05, 0.3, 0.9].map((backpressured, subtask) => ({
  subtask,
  status: "RUNNING",
  attempt: 0,
  endpoint: "localhost:4711",
  "taskmanager-id": "worker-1",
  "start-time": 1000,
  "end-time": -1,
  duration: 500,
  metrics: { ...io, busy: 0.05, idle: 0.9 - backpressured, backpressured, watermark: subtask === 0 ? null : -1e15 },
}));

function summary(jid: string, state: JobStatus): JobSummaryView {
  return {
    jid,
    name: "clicks",
    state,
    "start-time": 1000,
    "end-time": state === "FAILED" ? 2000 : -1,
    duration: 1000,
    "last-modification": 1500,
    parallelism: 3,
    restarts: 2,
    tasks: { RUNNING: 3 },
  };
}

const planOf = (jid: string): PlanView => ({
  jid,
  name: "clicks",
  nodes: [
    {
      id: vertexId,
      parallelism: 3,
      operator: "map",
      description: "map",
      inputs: [{ num: 0, id: "source", ship_strategy: "hash" }],
    },
  ],
});

function jobOf({ jid, ...rest }: JobSummaryView): JobView {
  return {
    jid,
    ...rest,
    now: 2000,
    timestamps: { CREATED: 1000, RUNNING: 1100 },
    vertices: [
      {
        id: vertexId,
        name: "clicks",
        parallelism: 3,
        maxParallelism: 128,
        status: "RUNNING",
        "start-time": 1000,
        "end-time": -1,
        duration: 1000,
        tasks: { RUNNING: 3 },
        metrics: io,
      },
    ],
    "status-counts": { RUNNING: 1 },
    plan: planOf(jid),
    failure: rest.state === "FAILED" ? failure : null,
  };
}

export class FakeCluster implements ClusterService {
  readonly stored = new Map<string, BundleView>();
  readonly expected: ExpectedSubmission[] = [];
  readonly submitted: SubmitRequest[] = [];
  readonly known = new Map<string, JobSummaryView>([
    [running, summary(running, "RUNNING")],
    [ended, summary(ended, "FAILED")],
  ]);
  isReady = true;
  waits = false;
  /** Thrown by `submit`. */
  refuses: unknown;
  logLines = ["first", "second", "third"];

  overview() {
    return {
      "cluster-id": "c",
      "millrace-version": "0.1.0",
      "start-time": 1,
      workers: 1,
      "slots-total": 4,
      "slots-available": 1,
      "jobs-running": 1,
      "jobs-waiting": 0,
      "jobs-finished": 0,
      "jobs-cancelled": 0,
      "jobs-failed": 1,
    };
  }

  jobs() {
    return [...this.known.values()];
  }

  job(id: JobId) {
    const found = this.known.get(id);
    return found && jobOf(found);
  }

  explain(id: JobId) {
    return this.known.has(id) ? "source → map\n" : undefined;
  }

  vertex(id: JobId, vertex: string): VertexDetailView | undefined {
    if (!this.known.has(id) || vertex !== vertexId) return undefined;
    return { id: vertex, name: "clicks", parallelism: 3, maxParallelism: 128, now: 2000, subtasks };
  }

  checkpoints(id: JobId): CheckpointsView | undefined {
    if (!this.known.has(id)) return undefined;
    const completed = {
      ...{ id: 7, region: 0, status: "COMPLETED" as const, is_savepoint: false, trigger_timestamp: 1500 },
      ...{ checkpoint_type: "UNALIGNED_CHECKPOINT" as const, processed_data: 50, persisted_data: 30, copies: 2 },
      ...{ state_size: 100, end_to_end_duration: 20, num_slots: 2, num_acknowledged_slots: 2 },
      ...{ external_path: null, failure_message: null },
    };
    return {
      counts: { restored: 0, total: 1, in_progress: 0, completed: 1, failed: 0 },
      latest: { completed, savepoint: null, failed: null, restored: null },
      history: [completed],
    };
  }

  async savepoint(id: JobId, request: SavepointRequest): Promise<SavepointView | undefined> {
    if (!this.known.has(id)) return undefined;
    if (id !== running) throw new MillraceError("JOB_ENDED", "it has ended");
    return { location: request["target-directory"] ?? "/savepoints/1" };
  }

  exceptions(id: JobId) {
    if (!this.known.has(id)) return undefined;
    const entry = {
      exceptionName: "USER_FUNCTION",
      stacktrace: "at user.ts",
      timestamp: 1200,
      taskName: "clicks",
      endpoint: null,
      "taskmanager-id": null,
      attempt: 0,
      restarted: true,
      error: failure,
    };
    return { exceptionHistory: { entries: [entry], truncated: false } };
  }

  config(id: JobId) {
    if (!this.known.has(id)) return undefined;
    return {
      jid: id,
      name: "clicks",
      "execution-config": {
        "job-parallelism": 3,
        "key-groups": 128,
        "restart-strategy": "none",
        "watchdog-ms": 60_000,
        "slot-heap-mb": null,
        "working-directory": "/tmp",
        bundle: "0".repeat(64),
        "graph-hash": "abc",
        "user-config": { top: 3, name: "x", on: true, none: null },
      },
    };
  }

  metrics(id: JobId): unknown {
    return this.known.has(id) ? { operators: { clicks: { records: 7n } } } : undefined;
  }

  result(id: JobId) {
    const found = this.known.get(id);
    return (
      found && { jid: id, state: found.state, error: failure, collected: { [sinkName]: 5 }, metrics: { records: 7 } }
    );
  }

  async rows(id: JobId, sink: string, from: number, max: number) {
    if (!this.known.has(id) || sink !== sinkName) return undefined;
    return [{ row: 0 }, "one", 2, null, { big: 4n }].slice(from, from + max);
  }

  async log(id: JobId, from: number) {
    if (!this.known.has(id)) return undefined;
    const lines = this.logLines
      .slice(from, from + 2)
      .map((message) => ({ time: 1, level: "info" as const, message, fields: { a: 1 } }));
    return { lines, next: from + lines.length, ended: id === ended };
  }

  workers() {
    return [
      {
        id: "worker-1",
        path: "localhost:4711",
        host: "localhost",
        pid: 4711,
        epoch: 3,
        timeSinceLastHeartbeat: 12,
        slotsNumber: 4,
        freeSlots: 1,
        labels: { gpu: true, zone: "a", cores: 2 },
        memoryBytes: 1e9,
        rssBytes: 1e8,
        exchange: "unix:run/w.sock",
        status: "ACTIVE" as const,
      },
    ];
  }

  async bundles() {
    return [...this.stored.values()];
  }

  async putBundle(hash: BundleHash, code: Uint8Array) {
    const actual = createHash("sha256").update(code).digest("hex");
    if (actual !== hash) throw new MillraceError("BAD_OPTION", `the program has the hash ${actual}, not ${hash}`);
    const view = { id: hash, size: code.length, uploaded: 1 };
    this.stored.set(hash, view);
    return view;
  }

  async deleteBundle(hash: BundleHash) {
    return this.stored.delete(hash);
  }

  expectSubmission(expected: ExpectedSubmission) {
    this.expected.push(expected);
  }

  async submit(request: SubmitRequest) {
    if (this.refuses !== undefined) throw this.refuses;
    this.submitted.push(request);
    return summary("job-new", this.waits ? "WAITING" : "CREATED");
  }

  cancel(id: JobId) {
    return this.known.has(id) ? id === running : undefined;
  }

  stop(id: JobId) {
    return this.cancel(id);
  }

  ready() {
    return this.isReady;
  }
}
