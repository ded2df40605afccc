/**
 * Memory beside Flink's: of the same number of events the peak of the process here, and that of Flink with the smallest heap
 * that it can do with. A heap is too small when the run fails, or takes more than three times the CPU time of one with a large
 * heap: then it does little but collect garbage.
 */

import { measureRival, type Rival } from "./flink-rivals.ts";
import { eventsFor, type Figures, measure, type Setting } from "./measure.ts";

/** From small to large, as -Xmx has them. */
const heaps = [
  "96m",
  "128m",
  "160m",
  "192m",
  "256m",
  "384m",
  "512m",
  "768m",
  "1g",
  "1536m",
  "2g",
  "3g",
  "4g",
  "6g",
  "8g",
];

const CPU_TIMES_MAX = 3;
const TIMEOUT_S = 600;
/** Flink's memory for exchanges, which it takes in full: enough for a few subtasks. */
const NETWORK = "64m";

export interface MemoryOptions {
  readonly events: number | undefined;
  readonly seconds: number;
  readonly setting: Setting;
  readonly json: boolean;
}

export function compareMemory(queries: readonly string[], { events, seconds, setting, json }: MemoryOptions): void {
  if (!json)
    process.stdout.write(
      "| query | events | our MB | Flink's heap | Flink's MB | ours of Flink's |\n|---|---|---|---|---|---|\n",
    );
  for (const query of queries) {
    const count = events ?? eventsFor(query, seconds, setting);
    const ours = measure(query, count, setting);
    const { heap, figures } = smallest(query, count, setting);
    const share = ours.peak_rss_mb / figures.peak_rss_mb;
    const cells = [
      query,
      count.toLocaleString("en"),
      Math.round(ours.peak_rss_mb),
      heap,
      figures.peak_rss_mb,
      share.toFixed(2),
    ];
    process.stdout.write(
      json ? `${JSON.stringify({ query, share, heap, ours, flink: figures })}\n` : `| ${cells.join(" | ")} |\n`,
    );
  }
}

function smallest(
  query: string,
  events: number,
  setting: Setting,
): { readonly heap: string; readonly figures: Figures } {
  const rival: Rival = { name: "flink reuse", query, objectReuse: true };
  const largest = heaps.at(-1) as string;
  const run = (heap: string): Figures =>
    measureRival(rival, { events, network: NETWORK }, setting, { heap, timeoutS: TIMEOUT_S });
  const roomy = run(largest);
  for (const heap of heaps) {
    try {
      const figures = run(heap);
      if (figures.cpu_s <= CPU_TIMES_MAX * roomy.cpu_s) return { heap, figures };
      process.stderr.write(`${query} with ${heap}: ${figures.cpu_s} s, where there is room ${roomy.cpu_s} s\n`);
    } catch (error) {
      process.stderr.write(`${query} with ${heap}: ${(error as Error).message.split("\n")[0]}\n`);
    }
  }
  return { heap: largest, figures: roomy };
}
