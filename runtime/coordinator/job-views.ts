/** Jobs as REST shows them, in Flink's words. */

import { MillraceError } from "../../core/errors.ts";
import { toErrorReport } from "../error-report.ts";
import { summarise } from "../job-metrics.ts";
import type { ErrorReport } from "../protocol.ts";
import type {
  ExceptionsView,
  ExceptionView,
  JobConfigView,
  JobResultView,
  JobSummaryView,
  JobView,
  PlanView,
} from "../rest/views.ts";
import { isFinalStatus } from "./job-life.ts";
import type { JobManager } from "./job-manager.ts";
import type { ExceptionRecord } from "./job-record.ts";
import { restartText } from "./restart-strategy.ts";
import { shownParams } from "./shown-params.ts";
import { countByStatus, nameOf, subtaskStatuses, vertexView } from "./subtask-views.ts";

export function jobSummary(job: JobManager, nowMs: number): JobSummaryView {
  const { timestamps } = job.record;
  const startMs = timestamps.CREATED ?? 0;
  const endMs = isFinalStatus(job.status) ? (timestamps[job.status] ?? -1) : -1;
  return {
    jid: job.id,
    name: job.plan.name,
    state: job.status,
    "start-time": startMs,
    "end-time": endMs,
    duration: (endMs < 0 ? nowMs : endMs) - startMs,
    "last-modification": Math.max(...Object.values(timestamps)),
    parallelism: job.plan.parallelism,
    restarts: job.life.regions.reduce((sum, { restarts }) => sum + restarts, 0),
    tasks: countByStatus(subtaskStatuses(job)),
  };
}

export function jobView(job: JobManager, nowMs: number): JobView {
  const vertices = job.plan.jobGraph.vertices.map((vertex) => vertexView(job, vertex, nowMs));
  const statuses = vertices.map(({ status }) => status);
  return {
    ...jobSummary(job, nowMs),
    now: nowMs,
    timestamps: job.record.timestamps,
    vertices,
    "status-counts": countByStatus(statuses),
    plan: planView(job),
    failure: failureOf(job),
  };
}

/** Why it waits, or what it failed with. */
function failureOf(job: JobManager): ErrorReport | null {
  if (job.life.cause !== undefined) return job.life.cause;
  if (job.missing === "") return job.status === "RESTARTING" ? (job.life.latest ?? null) : null;
  const error = toErrorReport(new MillraceError("SLOTS_MISSING", `job "${job.plan.name}" waits: it ${job.missing}`));
  return { ...error, stack: undefined };
}

function planView({ id, plan }: JobManager): PlanView {
  const nodes = plan.jobGraph.vertices.map((vertex) => ({
    id: vertex.id,
    parallelism: vertex.parallelism,
    operator: "",
    description: nameOf(vertex),
    inputs: plan.jobGraph.edges
      .filter((edge) => edge.to === vertex.id)
      .map((edge, num) => ({ num, id: edge.from, ship_strategy: edge.partitioning.toUpperCase() })),
  }));
  return { jid: id, name: plan.name, nodes };
}

export function exceptionsView(job: JobManager): ExceptionsView {
  const { entries, truncated } = job.record.exceptions;
  // The latest first, as in Flink.
  return { exceptionHistory: { entries: entries.map(exceptionView).reverse(), truncated: truncated > 0 } };
}

function exceptionView({ error, atMs, endpoint, worker, attempt, restarted }: ExceptionRecord): ExceptionView {
  const { operator, origin } = error;
  const subtask = origin === undefined ? "" : ` (${origin.subtask + 1}/${origin.parallelism})`;
  return {
    exceptionName: error.code ?? error.name,
    stacktrace: stackOf(error),
    timestamp: atMs,
    taskName: operator === undefined ? null : `${operator}${subtask}`,
    endpoint: endpoint ?? null,
    "taskmanager-id": worker ?? null,
    attempt: Math.max(0, attempt - 1),
    restarted,
    error,
  };
}

function stackOf(error: ErrorReport): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\nCaused by: ${stackOf(error.cause)}`;
}

export function configView(job: JobManager): JobConfigView {
  const { submission } = job.record;
  return {
    jid: job.id,
    name: job.plan.name,
    "execution-config": {
      "job-parallelism": job.plan.parallelism,
      "key-groups": job.plan.jobGraph.keyGroups,
      "restart-strategy": restartText(job.restart),
      "watchdog-ms": job.plan.watchdogMs,
      "slot-heap-mb": submission.slotHeapMb ?? null,
      "working-directory": submission.workingDirectory,
      bundle: submission.bundle,
      "graph-hash": job.plan.graphHash,
      "user-config": shownParams(job.plan.params),
    },
  };
}

export function resultView(job: JobManager, nowMs: number): JobResultView {
  return {
    jid: job.id,
    state: job.status,
    error: job.life.cause ?? null,
    collected: job.record.collected,
    metrics: metricsView(job, nowMs),
  };
}

/** As the embedded runtime's; what JSON lacks is null. */
export function metricsView(job: JobManager, nowMs: number): unknown {
  const { timestamps } = job.record;
  const startMs = timestamps.RUNNING ?? timestamps.CREATED ?? nowMs;
  const endMs = isFinalStatus(job.status) ? (timestamps[job.status] ?? nowMs) : nowMs;
  const metrics = summarise({
    jobName: job.plan.name,
    state: job.status,
    reports: job.reports.subtasks(),
    busyMs: job.reports.busyMs(job.plan.executionGraph.slots),
    elapsedMs: Math.max(0, endMs - startMs),
  });
  return finiteOnly(metrics);
}

function finiteOnly(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(finiteOnly);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, finiteOnly(field)]));
}
