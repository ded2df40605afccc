/**
 * Memory beside Flink's: of the same number of events the peak of the process here, and that of Flink with the smallest heap
 * that it can do with. A heap is too small when the run fails, or takes more than four times as long as with a large one.
 */

import { measureRival, type Rival } from "./flink-rivals.ts";
import { eventsFor, type Figures, measure, type Setting } from "./measure.ts";

/** From small to large, as -Xmx has them. */
const heaps = ["160m", "192m", "256m", "384m", "512m", "768m", "1g", "1536m", "2g", "3g", "4g", "6g", "8g"];

const SLOWER_MAX = 4;
/** Starting the JVM and its cluster, and the warm-up. */
const START_S = 30;

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
  const roomy = measureRival(rival, { events }, setting, { heap: heaps.at(-1) as string, timeoutS: 600 });
  for (const heap of heaps) {
    const figures = measured(rival, events, setting, heap, START_S + SLOWER_MAX * roomy.wall_s);
    if (figures !== undefined && figures.wall_s <= SLOWER_MAX * roomy.wall_s) return { heap, figures };
  }
  return { heap: heaps.at(-1) as string, figures: roomy };
}

/** Undefined when it fails. */
function measured(rival: Rival, events: number, setting: Setting, heap: string, timeoutS: number): Figures | undefined {
  try {
    return measureRival(rival, { events }, setting, { heap, timeoutS });
  } catch (error) {
    process.stderr.write(`${rival.query} with ${heap}: ${(error as Error).message.split("\n")[0]}\n`);
    return undefined;
  }
}
