/** Vertices and subtasks of a job as REST shows them. */

import type { JobVertex } from "../graph/job-graph.ts";
import type { SubtaskReport } from "../protocol.ts";
import type {
  IoMetricsView,
  SubtaskMetricsView,
  SubtaskStatus,
  SubtaskView,
  VertexDetailView,
  VertexView,
} from "../rest/views.ts";
import type { JobManager } from "./job-manager.ts";

export function vertexView(job: JobManager, vertex: JobVertex, nowMs: number): VertexView {
  const subtasks = subtaskViews(job, vertex, nowMs);
  return {
    id: vertex.id,
    name: nameOf(vertex),
    parallelism: vertex.parallelism,
    maxParallelism: job.plan.jobGraph.keyGroups,
    status: vertexStatus(subtasks.map(({ status }) => status)),
    ...spanOf(subtasks[0]),
    tasks: countByStatus(subtasks.map(({ status }) => status)),
    metrics: sumOf(subtasks.map(({ metrics }) => metrics)),
  };
}

export function vertexDetail(job: JobManager, vertex: JobVertex, nowMs: number): VertexDetailView {
  return {
    id: vertex.id,
    name: nameOf(vertex),
    parallelism: vertex.parallelism,
    maxParallelism: job.plan.jobGraph.keyGroups,
    now: nowMs,
    subtasks: subtaskViews(job, vertex, nowMs),
  };
}

/** "map → filter → sink". */
export function nameOf({ operators }: JobVertex): string {
  return operators.map(({ id }) => id).join(" → ");
}

/** In Flink's words, with the sum. */
export function countByStatus(statuses: readonly SubtaskStatus[]): Readonly<Record<string, number>> {
  const counts = {
    total: statuses.length,
    created: 0,
    deploying: 0,
    running: 0,
    finished: 0,
    canceling: 0,
    canceled: 0,
    failed: 0,
  };
  for (const status of statuses) counts[status.toLowerCase() as keyof typeof counts]++;
  return counts;
}

export function subtaskStatuses(job: JobManager): readonly SubtaskStatus[] {
  return job.plan.executionGraph.subtasks.map(({ slot }) => statusOfSlot(job, slot));
}

function subtaskViews(job: JobManager, { id }: JobVertex, nowMs: number): readonly SubtaskView[] {
  const placed = job.plan.executionGraph.subtasks.filter(({ vertex }) => vertex === id);
  return placed.map(({ subtask, slot }) => {
    const region = job.regionOfSlot(slot);
    const placement = job.runOf(region)?.placementOf(slot);
    const { deployedMs = -1, endedMs = -1 } = job.record.times[region] ?? {};
    return {
      subtask,
      status: statusOfSlot(job, slot),
      attempt: Math.max(0, (job.life.regions[region]?.attempt ?? 0) - 1),
      endpoint: placement === undefined ? "" : (job.endpointOf(placement.worker) ?? ""),
      "taskmanager-id": placement?.worker ?? "",
      "start-time": deployedMs,
      "end-time": endedMs,
      duration: deployedMs < 0 ? -1 : (endedMs < 0 ? nowMs : endedMs) - deployedMs,
      metrics: metricsOf(...job.reports.of(slot, id, subtask)),
    };
  });
}

function statusOfSlot(job: JobManager, slot: number): SubtaskStatus {
  const index = job.regionOfSlot(slot);
  const region = job.life.regions[index];
  const own = region?.slots[job.regions[index]?.slots.indexOf(slot) ?? -1];
  switch (region?.phase) {
    case "deploying":
    case "running":
      return own === "ended" ? "FINISHED" : own === "running" ? "RUNNING" : "DEPLOYING";
    case "ending":
      return own === "ended" ? "CANCELED" : "CANCELING";
    case "finished":
      return "FINISHED";
    case "ended": {
      const last = job.record.exceptions.entries.at(-1);
      return job.life.aim === "fail" && last?.region === index ? "FAILED" : "CANCELED";
    }
    default:
      return "CREATED";
  }
}

/** The first of these that any of them has is all of them's; finished and canceled are so only together. */
function vertexStatus(statuses: readonly SubtaskStatus[]): SubtaskStatus {
  const order = ["FAILED", "CANCELING", "DEPLOYING", "CREATED", "RUNNING", "CANCELED"] as const;
  return order.find((status) => statuses.includes(status)) ?? "FINISHED";
}

function spanOf(first: SubtaskView | undefined): Pick<SubtaskView, "start-time" | "end-time" | "duration"> {
  return {
    "start-time": first?.["start-time"] ?? -1,
    "end-time": first?.["end-time"] ?? -1,
    duration: first?.duration ?? -1,
  };
}

/** Shares are those of the time between the last two reports, or since the start where there is one only. */
function metricsOf(latest: SubtaskReport | undefined, before: SubtaskReport | undefined): SubtaskMetricsView {
  const since = (of: (report: SubtaskReport) => number): number =>
    latest === undefined ? 0 : Math.max(0, of(latest) - (before === undefined ? 0 : of(before)));
  const busyMs = since((report) => report.busyMs);
  const idleMs = since((report) => report.idleMs);
  const backpressuredMs = since((report) => report.backpressuredMs);
  const totalMs = busyMs + idleMs + backpressuredMs;
  const share = (ms: number): number => (totalMs === 0 ? 0 : ms / totalMs);
  const watermark = latest?.watermark;
  return {
    ...ioOf(latest),
    busy: share(busyMs),
    idle: share(idleMs),
    backpressured: share(backpressuredMs),
    watermark: watermark !== undefined && Number.isFinite(watermark) ? watermark : null,
  };
}

function ioOf(report: SubtaskReport | undefined): IoMetricsView {
  return {
    "read-records": report?.recordsIn ?? 0,
    "read-bytes": report?.bytesIn ?? 0,
    "write-records": report?.recordsOut ?? 0,
    "write-bytes": report?.bytesOut ?? 0,
    "accumulated-busy-time": report?.busyMs ?? 0,
    "accumulated-idle-time": report?.idleMs ?? 0,
    "accumulated-backpressured-time": report?.backpressuredMs ?? 0,
    "late-records": counterOf(report, "lateRecords"),
    "dropped-records": counterOf(report, "lateRecords") + counterOf(report, "badLines"),
  };
}

function counterOf(report: SubtaskReport | undefined, name: string): number {
  return (report?.operators ?? []).reduce((sum, { counters }) => sum + (counters[name] ?? 0), 0);
}

function sumOf(all: readonly IoMetricsView[]): IoMetricsView {
  const sum = (name: keyof IoMetricsView): number => all.reduce((total, metrics) => total + metrics[name], 0);
  return {
    "read-records": sum("read-records"),
    "read-bytes": sum("read-bytes"),
    "write-records": sum("write-records"),
    "write-bytes": sum("write-bytes"),
    "accumulated-busy-time": sum("accumulated-busy-time"),
    "accumulated-idle-time": sum("accumulated-idle-time"),
    "accumulated-backpressured-time": sum("accumulated-backpressured-time"),
    "late-records": sum("late-records"),
    "dropped-records": sum("dropped-records"),
  };
}
