/** A job's metrics: what its subtasks report, summed by vertex and operator. */

import type { HistogramReport, SubtaskReport } from "./protocol.ts";
import { mergeHistograms, quantile } from "./task/metrics.ts";

export interface JobMetrics {
  readonly job: string;
  readonly state: string;
  readonly elapsedMs: number;
  /** Milliseconds that each slot has worked. */
  readonly busyMs: readonly number[];
  readonly vertices: readonly VertexMetrics[];
  /** What operators count themselves, summed over subtasks. */
  readonly operators: Readonly<Record<string, OperatorSummary>>;
}

export interface VertexMetrics {
  readonly vertex: string;
  /** Whether it reads from a source: its recordsIn are what the job has read. */
  readonly source: boolean;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly bytesOut: number;
  /** The lowest watermark of its subtasks: epoch milliseconds, or an infinity before the first and after the last. */
  readonly watermark: number;
  readonly subtasks: readonly SubtaskReport[];
}

export interface OperatorSummary {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, HistogramSummaryView>>;
}

export interface HistogramSummaryView {
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface MetricsInput {
  readonly jobName: string;
  readonly state: string;
  readonly reports: readonly SubtaskReport[];
  readonly busyMs: readonly number[];
  readonly elapsedMs: number;
}

export function summarise(input: MetricsInput): JobMetrics {
  const byVertex = Map.groupBy(input.reports, (report) => report.vertex as string);
  return {
    job: input.jobName,
    state: input.state,
    elapsedMs: input.elapsedMs,
    busyMs: input.busyMs,
    vertices: [...byVertex].map(([vertex, subtasks]) => summariseVertex(vertex, subtasks)),
    operators: summariseOperators(input.reports),
  };
}

function summariseVertex(vertex: string, subtasks: readonly SubtaskReport[]): VertexMetrics {
  const sum = (of: (report: SubtaskReport) => number): number =>
    subtasks.reduce((total, report) => total + of(report), 0);
  return {
    vertex,
    source: subtasks.some((report) => report.source),
    recordsIn: sum((report) => report.recordsIn),
    recordsOut: sum((report) => report.recordsOut),
    bytesOut: sum((report) => report.bytesOut),
    watermark: Math.min(...subtasks.map((report) => report.watermark)),
    subtasks,
  };
}

function summariseOperators(reports: readonly SubtaskReport[]): Record<string, OperatorSummary> {
  const operators = Map.groupBy(
    reports.flatMap((report) => report.operators),
    (report) => report.operator as string,
  );
  return Object.fromEntries(
    [...operators].map(([name, all]) => {
      const histograms = mergeBy(
        all.map((report) => report.histograms),
        mergeHistograms,
      );
      const summary: OperatorSummary = {
        counters: mergeBy(
          all.map((report) => report.counters),
          add,
        ),
        gauges: mergeBy(
          all.map((report) => report.gauges),
          add,
        ),
        histograms: Object.fromEntries(
          Object.entries(histograms).map(([metric, histogram]) => [metric, viewOf(histogram)]),
        ),
      };
      return [name, summary];
    }),
  );
}

function add(a: number, b: number): number {
  return a + b;
}

function mergeBy<V>(parts: readonly Readonly<Record<string, V>>[], merge: (a: V, b: V) => V): Record<string, V> {
  const merged: Record<string, V> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const before = merged[name];
      merged[name] = before === undefined ? value : merge(before, value);
    }
  }
  return merged;
}

function viewOf(histogram: HistogramReport): HistogramSummaryView {
  return {
    count: histogram.count,
    mean: histogram.sum / histogram.count,
    max: histogram.max,
    p50: quantile(histogram, 0.5),
    p95: quantile(histogram, 0.95),
    p99: quantile(histogram, 0.99),
  };
}
