/** What a file of runs says of each query: the middle of ours, the best of Flink's ways, and the ratio, as a table. */

import { isStreamJob, type Rival, rivalsOf } from "./flink-rivals.ts";
import type { Figures, Setting } from "./measure.ts";
import type { RunLog } from "./run-log.ts";

export interface Pair {
  readonly query: string;
  readonly ours: Figures;
  readonly flink: Figures;
  readonly rival: Rival;
  /** In how many ways Flink has run it so far. */
  readonly ways: number;
  /** How many times Flink's events a CPU-second ours are. */
  readonly ratio: number;
}

export const OURS = "millrace";

/** Names a run in the file: the query, the engine and its way, and the setting. */
export function keyOf(engine: string, query: string, { parallelism, checkpoint, state }: Setting): string {
  return `${query}, ${engine}, parallelism ${parallelism}, checkpoints ${checkpoint}, state ${state}`;
}

/** Undefined while one side has not run. */
export function pairOf(log: RunLog, query: string, setting: Setting): Pair | undefined {
  const ours = log.middle(keyOf(OURS, query, setting));
  const measured = rivalsOf(query).flatMap((rival) => {
    const flink = log.middle(keyOf(rival.name, query, setting));
    return flink === undefined ? [] : [{ rival, flink }];
  });
  const [best] = measured.toSorted((a, b) => b.flink.events_per_cpu_s - a.flink.events_per_cpu_s);
  if (ours === undefined || best === undefined) return undefined;
  const ratio = ours.events_per_cpu_s / best.flink.events_per_cpu_s;
  return { query, ours, ...best, ways: measured.length, ratio };
}

/** A table of the queries, and one of the jobs that are none, each with the geometric mean of its ratios. */
export function tablesOf(pairs: readonly Pair[]): string {
  const queries = pairs.filter(({ query }) => !isStreamJob(query));
  const jobs = pairs.filter(({ query }) => isStreamJob(query));
  return table("query", queries) + table("DataStream job", jobs);
}

export function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}

function table(what: string, pairs: readonly Pair[]): string {
  if (pairs.length === 0) return "";
  const names = ["our events", "ours, k/CPU-s", "Flink's, k/CPU-s", "ratio", "ours, k/s", "Flink's, k/s", "our MB"];
  const columns = [what, ...names, "Flink's MB", "Flink's best way"];
  const ratios = pairs.map(({ ratio }) => ratio);
  const mean = [`geometric mean of ${pairs.length}`, "", "", "", geometricMean(ratios).toFixed(2), "", "", "", "", ""];
  const rows = [columns, columns.map(() => "---"), ...pairs.map(cellsOf), mean];
  return `\n${rows.map((cells) => `| ${cells.join(" | ")} |\n`).join("")}`;
}

function cellsOf({ query, ours, flink, rival, ways, ratio }: Pair): string[] {
  const whole = (number: number): string => Math.round(number).toLocaleString("en");
  const thousands = (number: number): string => whole(number / 1000);
  return [
    ...[query, whole(ours.events), thousands(ours.events_per_cpu_s), thousands(flink.events_per_cpu_s)],
    ...[ratio.toFixed(2), thousands(ours.events_per_s), thousands(flink.events_per_s)],
    ...[whole(ours.peak_rss_mb), whole(flink.peak_rss_mb)],
    `${rival.query === query ? "" : "key alone, "}${rival.objectReuse ? "reuse" : "no reuse"} of ${ways}`,
  ];
}
