/**
 * Memory beside Flink's: of the same number of events the peak of the process here, and that of Flink with the smallest heap
 * that it can do with. A heap is too small when the run fails, or takes more than three times the CPU time of one with a large
 * heap: then it does little but collect garbage.
 *
 * Which heap is the smallest is found by halving, as one that is larger than one that suffices does too. CPU time is what
 * bounds a run, so that a busy machine takes longer and finds the same heap.
 */

import { measureRival, type Rival } from "./flink-rivals.ts";
import { keyOf } from "./flink-table.ts";
import { type Figures, measure, type Setting, secondsFor } from "./measure.ts";
import type { RunLog } from "./run-log.ts";

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
/** More than Flink takes for its start and the warm-up. */
const START_CPU_S = 60;
/** Of what hangs: all else is bounded by its CPU time. */
const TIMEOUT_S = 3600;
/** Flink's memory for exchanges, which it takes in full: enough for a few subtasks. */
const NETWORK = "64m";

/** So many that state is most of what a query with state holds, and few enough that Flink runs them several times. */
const EVENTS = 3_000_000;

export interface MemoryOptions {
  /** Both sides' are kept, Flink's when its smallest heap is found. */
  readonly log: RunLog;
  readonly endsAt: number;
  readonly events: number | undefined;
  readonly setting: Setting;
  readonly json: boolean;
}

/** Prints a line for each query, as soon as it is known. */
export function compareMemory(queries: readonly string[], options: MemoryOptions): void {
  if (!options.json) {
    const columns = ["query", "events", "our MB", "Flink's heap", "Flink's MB", "ours of Flink's"];
    process.stdout.write(`| ${columns.join(" | ")} |\n|${columns.map(() => "---|").join("")}\n`);
  }
  for (const query of queries) {
    if (Date.now() >= options.endsAt) process.stderr.write(`${query} is left to do\n`);
    else attemptQuery(query, options);
  }
}

function attemptQuery(query: string, options: MemoryOptions): void {
  try {
    compare(query, options);
  } catch (error) {
    process.stderr.write(`${query}: ${(error as Error).message}\n`);
  }
}

function compare(query: string, { log, endsAt, events = EVENTS, setting, json }: MemoryOptions): void {
  const known = (engine: string, run: () => Figures): Figures => {
    const key = keyOf(`${engine} memory`, query, setting);
    if (log.runs(key).length === 0) log.add(key, run());
    return log.middle(key) as Figures;
  };
  const ours = known("millrace", () => measure(query, events, setting, endsAt));
  const flink = known("flink", () => smallest(query, ours.events, setting, endsAt));
  const share = ours.peak_rss_mb / flink.peak_rss_mb;
  const cells = [query, ours.events, ours.peak_rss_mb, flink["heap"], flink.peak_rss_mb].map((cell) =>
    typeof cell === "number" ? Math.round(cell).toLocaleString("en") : cell,
  );
  process.stdout.write(
    json ? `${JSON.stringify({ query, share, ours, flink })}\n` : `| ${cells.join(" | ")} | ${share.toFixed(2)} |\n`,
  );
}

/** The run with the smallest heap that suffices, and which that is. */
function smallest(query: string, events: number, setting: Setting, endsAt: number): Figures {
  const rival: Rival = { name: "flink reuse", query, objectReuse: true };
  const run = (heap: string, cpuS?: number): Figures => ({
    ...measureRival(rival, { events, network: NETWORK }, setting, {
      heap,
      timeoutS: secondsFor(TIMEOUT_S, endsAt),
      ...(cpuS === undefined ? {} : { cpuS }),
    }),
    heap,
  });
  let found = run(heaps.at(-1) as string);
  const cpuMax = CPU_TIMES_MAX * found.cpu_s;
  for (let [low, high] = [0, heaps.length - 1]; low < high; ) {
    const middle = (low + high) >> 1;
    const heap = heaps[middle] as string;
    const figures = attempt(`${query} with ${heap}`, () => run(heap, cpuMax + START_CPU_S), endsAt);
    if (figures !== undefined && figures.cpu_s <= cpuMax) [high, found] = [middle, figures];
    else low = middle + 1;
  }
  return found;
}

/** Undefined when the run fails, unless for lack of time. */
function attempt(what: string, run: () => Figures, endsAt: number): Figures | undefined {
  try {
    const figures = run();
    process.stderr.write(`${what}: ${figures.peak_rss_mb} MB, ${figures.cpu_s} CPU-seconds\n`);
    return figures;
  } catch (error) {
    if (Date.now() >= endsAt) throw error;
    process.stderr.write(`${what}: ${(error as Error).message.split("\n")[0]}\n`);
    return undefined;
  }
}
