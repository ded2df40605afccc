/** The summary at the end: readable on a terminal and in a log file. */

import type { JobMetrics } from "millrace";
import type { Shopper, WindowMetrics } from "./outcome.ts";

export interface RunSummary {
  readonly metrics: JobMetrics;
  readonly whole: WindowMetrics | undefined;
  readonly shoppers: readonly Shopper[];
  readonly cpuSeconds: number;
  readonly written: readonly string[];
}

export function summaryOf({ metrics, whole, shoppers, cpuSeconds, written }: RunSummary): string {
  const seconds = metrics.elapsedMs / 1000;
  const events = whole?.events ?? 0;
  return [
    "",
    `Read ${count(rowsRead(metrics))} rows in ${seconds.toFixed(1)} s; learnt ${count(events)} purchases: ${count(events / seconds)} a second, ${count(events / cpuSeconds)} a CPU-second.`,
    dropsOf(metrics),
    ...evaluationOf(whole),
    ...shoppers.flatMap(shopperOf),
    "",
    `Written: ${written.join(", ")}`,
    "",
  ].join("\n");
}

function rowsRead(metrics: JobMetrics): number {
  return metrics.vertices.reduce((rows, vertex) => rows + (vertex.source ? vertex.recordsIn : 0), 0);
}

/** The first list, after so many milliseconds since the start. */
export function firstListOf(shopper: Shopper, ms: number): string {
  return `First list after ${(ms / 1000).toFixed(2)} s: shopper ${shopper.user_id} gets ${shopper.recommended.slice(0, 3).map(title).join(", ")}`;
}

/** "hit rate 0.381" so far, for the progress line. */
export function currentHitRate(metrics: JobMetrics): string {
  const { scored = 0, hits = 0 } = metrics.operators["outcome"]?.counters ?? {};
  return scored === 0 ? "" : `hit rate ${(hits / scored).toFixed(3)}`;
}

function dropsOf(metrics: JobMetrics): string {
  const counters = { ...metrics.operators["visits"]?.counters, ...metrics.operators["with-time"]?.counters };
  const drop = (reason: string): number => counters[`dropped.${reason}`] ?? 0;
  const always = [
    `${count(drop("duplicate"))} exact duplicates`,
    `${count(drop("nullUser"))} rows without a user`,
    `${count(drop("nullItem"))} without an item`,
    `${count(drop("returned"))} returns`,
  ];
  if (drop("noTime") > 0) always.push(`${count(drop("noTime"))} without a time`);
  if (drop("badItem") > 0) always.push(`${count(drop("badItem"))} with a negative item`);
  return `Dropped: ${always.join(", ")}.`;
}

function evaluationOf(whole: WindowMetrics | undefined): string[] {
  if (whole === undefined) return ["No purchase was left to learn from."];
  const share = (value: number | null): string => (value === null ? "-" : value.toFixed(4));
  return [
    `hit rate@20 ${share(whole["hit_rate@20"])} over ${count(whole.scored)} purchases of something new to the shopper ` +
      `(${share(whole["hit_rate@20_visit_starts"])} where they open a visit); purchases of served items per list ${share(whole.conversion)}; 95 % of the lists within ${whole.p95_ms ?? "-"} ms.`,
  ];
}

function shopperOf(shopper: Shopper): string[] {
  return [
    "",
    `Shopper ${shopper.user_id}`,
    `  bought last:  ${shopper.bought.map(title).join(", ")}`,
    ...shopper.recommended.map(
      (name, rank) => `  ${rank === 0 ? "recommended: " : "             "} ${rank + 1}. ${title(name)}`,
    ),
  ];
}

function title(description: string): string {
  return description.trim().toLowerCase();
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
