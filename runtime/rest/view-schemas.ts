/** The schemas of what the REST interface answers with: `views.ts`, for clients that are not written in TypeScript. */

import type { ErrorReport } from "../protocol.ts";
import type { ErrorBody } from "../wire/error-body.ts";
import {
  anything,
  boolean,
  count,
  fieldsOf,
  listOf,
  mapOf,
  milliseconds,
  number,
  oneOfAll,
  orNull,
  type Schema,
  scalar,
  text,
} from "./schema.ts";
import type {
  BundleView,
  CheckpointsView,
  CheckpointView,
  ExceptionsView,
  ExceptionView,
  IoMetricsView,
  JobConfigView,
  JobResultView,
  JobStatus,
  JobSummaryView,
  JobView,
  LogLine,
  LogPage,
  OverviewView,
  PlanNodeView,
  PlanView,
  RestoredCheckpointView,
  RowsPage,
  SavepointView,
  SubtaskMetricsView,
  SubtaskStatus,
  SubtaskView,
  VertexDetailView,
  VertexView,
  WorkerView,
} from "./views.ts";

const jobStatus = oneOfAll<JobStatus>({
  CREATED: true,
  WAITING: true,
  RUNNING: true,
  RESTARTING: true,
  FAILING: true,
  FAILED: true,
  CANCELLING: true,
  CANCELED: true,
  FINISHED: true,
});

const subtaskStatus = oneOfAll<SubtaskStatus>({
  CREATED: true,
  DEPLOYING: true,
  RUNNING: true,
  FINISHED: true,
  CANCELING: true,
  CANCELED: true,
  FAILED: true,
});

export const errorBodySchema = fieldsOf<ErrorBody>(
  { errors: listOf(text), code: text, domain: text, retry: text, operator: text },
  ["operator"],
);

const errorReport = fieldsOf<ErrorReport>(
  {
    code: text,
    name: text,
    message: text,
    stack: text,
    operator: text,
    origin: { type: "object" },
    // The same again, some levels deep.
    cause: { type: "object" },
  },
  ["code", "stack", "operator", "origin", "cause"],
);

export const overview = fieldsOf<OverviewView>({
  "cluster-id": text,
  "millrace-version": text,
  "start-time": milliseconds,
  workers: count,
  "slots-total": count,
  "slots-available": count,
  "jobs-running": count,
  "jobs-waiting": count,
  "jobs-finished": count,
  "jobs-cancelled": count,
  "jobs-failed": count,
});

const summaryFields = {
  jid: text,
  name: text,
  state: jobStatus,
  "start-time": milliseconds,
  "end-time": milliseconds,
  duration: milliseconds,
  "last-modification": milliseconds,
  parallelism: count,
  restarts: count,
  tasks: mapOf(count),
};

export const jobSummary = fieldsOf<JobSummaryView>(summaryFields);

const ioMetricsFields = {
  "read-records": count,
  "read-bytes": count,
  "write-records": count,
  "write-bytes": count,
  "accumulated-busy-time": number,
  "accumulated-idle-time": number,
  "accumulated-backpressured-time": number,
  "late-records": count,
  "dropped-records": count,
};

const vertex = fieldsOf<VertexView>({
  id: text,
  name: text,
  parallelism: count,
  maxParallelism: count,
  status: subtaskStatus,
  "start-time": milliseconds,
  "end-time": milliseconds,
  duration: milliseconds,
  tasks: mapOf(count),
  metrics: fieldsOf<IoMetricsView>(ioMetricsFields),
});

export const plan = fieldsOf<PlanView>({
  jid: text,
  name: text,
  nodes: listOf(
    fieldsOf<PlanNodeView>({
      id: text,
      parallelism: count,
      operator: text,
      description: text,
      inputs: listOf(fieldsOf<PlanNodeView["inputs"][number]>({ num: count, id: text, ship_strategy: text })),
    }),
  ),
});

export const job = fieldsOf<JobView>({
  ...summaryFields,
  now: milliseconds,
  timestamps: mapOf(milliseconds),
  vertices: listOf(vertex),
  "status-counts": mapOf(count),
  plan,
  failure: orNull(errorReport),
});

export const subtask = fieldsOf<SubtaskView>({
  subtask: count,
  status: subtaskStatus,
  attempt: count,
  endpoint: text,
  "taskmanager-id": text,
  "start-time": milliseconds,
  "end-time": milliseconds,
  duration: milliseconds,
  metrics: fieldsOf<SubtaskMetricsView>({
    ...ioMetricsFields,
    busy: number,
    idle: number,
    backpressured: number,
    watermark: orNull(number),
  }),
});

export const vertexDetail = fieldsOf<VertexDetailView>({
  id: text,
  name: text,
  parallelism: count,
  maxParallelism: count,
  now: milliseconds,
  subtasks: listOf(subtask),
});

const exception = fieldsOf<ExceptionView>({
  exceptionName: text,
  stacktrace: text,
  timestamp: milliseconds,
  taskName: orNull(text),
  endpoint: orNull(text),
  "taskmanager-id": orNull(text),
  attempt: count,
  restarted: boolean,
  error: errorReport,
});

export const exceptions = fieldsOf<ExceptionsView>({
  exceptionHistory: fieldsOf<ExceptionsView["exceptionHistory"]>({ entries: listOf(exception), truncated: boolean }),
});

export const jobConfig = fieldsOf<JobConfigView>({
  jid: text,
  name: text,
  "execution-config": fieldsOf<JobConfigView["execution-config"]>({
    "job-parallelism": count,
    "key-groups": count,
    "restart-strategy": text,
    "watchdog-ms": number,
    "slot-heap-mb": orNull(number),
    "working-directory": text,
    bundle: text,
    "graph-hash": text,
    "user-config": mapOf(scalar),
  }),
});

export const jobResult = fieldsOf<JobResultView>(
  { jid: text, state: jobStatus, error: orNull(errorReport), collected: mapOf(count), metrics: anything },
  ["metrics"],
);

const checkpoint = fieldsOf<CheckpointView>({
  id: count,
  region: count,
  status: oneOfAll<CheckpointView["status"]>({ IN_PROGRESS: true, COMPLETED: true, FAILED: true }),
  is_savepoint: boolean,
  checkpoint_type: oneOfAll<CheckpointView["checkpoint_type"]>({
    CHECKPOINT: true,
    UNALIGNED_CHECKPOINT: true,
    SAVEPOINT: true,
  }),
  trigger_timestamp: milliseconds,
  state_size: count,
  processed_data: count,
  persisted_data: count,
  copies: orNull(count),
  end_to_end_duration: milliseconds,
  num_slots: count,
  num_acknowledged_slots: count,
  external_path: orNull(text),
  failure_message: orNull(text),
});

const restored = fieldsOf<RestoredCheckpointView>({
  id: count,
  region: count,
  restore_timestamp: milliseconds,
  is_savepoint: boolean,
  external_path: orNull(text),
});

export const checkpoints = fieldsOf<CheckpointsView>({
  counts: fieldsOf<CheckpointsView["counts"]>({
    restored: count,
    total: count,
    in_progress: count,
    completed: count,
    failed: count,
  }),
  latest: fieldsOf<CheckpointsView["latest"]>({
    completed: orNull(checkpoint),
    savepoint: orNull(checkpoint),
    failed: orNull(checkpoint),
    restored: orNull(restored),
  }),
  history: listOf(checkpoint),
});

export const savepoint = fieldsOf<SavepointView>({ location: text });

export const rowsPage = fieldsOf<RowsPage>({ rows: listOf(anything), next: count });

export const logPage = fieldsOf<LogPage>({
  lines: listOf(
    fieldsOf<LogLine>({
      time: number,
      level: oneOfAll<LogLine["level"]>({ debug: true, info: true, warn: true, error: true, out: true }),
      message: text,
      fields: mapOf(anything),
    }),
  ),
  next: count,
  ended: boolean,
});

export const worker = fieldsOf<WorkerView>({
  id: text,
  path: text,
  host: text,
  pid: count,
  epoch: count,
  timeSinceLastHeartbeat: number,
  slotsNumber: count,
  freeSlots: count,
  labels: mapOf(scalar),
  memoryBytes: number,
  rssBytes: number,
  exchange: text,
  status: oneOfAll<WorkerView["status"]>({ ACTIVE: true, SUSPECTED: true }),
});

export const bundle = fieldsOf<BundleView>({ id: text, size: count, uploaded: milliseconds });

/** An answer of one list, under a name. */
export function listing(name: string, items: Schema): Schema {
  return { type: "object", properties: { [name]: listOf(items) }, required: [name], additionalProperties: false };
}

export const empty: Schema = { type: "object", additionalProperties: false };
