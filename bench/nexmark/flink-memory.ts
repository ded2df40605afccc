/**
 * Memory beside Flink's: of the same number of events the peak of the process here, and that of Flink with the smallest heap
 * that it can do with. A heap is too small when the run fails, or takes more than three times the CPU time of one with a large
 * heap: then it does little but collect garbage. Beside it stands the smallest heap with which it takes no more than a quarter
 * more CPU time, which one would run it with.
 *
 * Which heap is the smallest is found by halving, as one that is larger than one that suffices does too. CPU time is what
 * bounds a run, so that a busy machine takes longer and finds the same heap. What is compared is run as often as asked, and the
 * peak in the middle counts.
 */

import { measureRival, type Rival } from "./flink-rivals.ts";
import { keyOf } from "./flink-table.ts";
import { type Figures, measure, type Setting, secondsFor } from "./measure.ts";
import type { RunLog } from "./run-log.ts";

/** From small to large, as -Xmx has them. */
export const HEAPS: readonly string[] = [
  ...["64m", "80m", "96m", "128m", "160m", "192m", "256m", "384m", "512m", "768m"],
  ...["1g", "1536m", "2g", "3g", "4g", "6g", "8g"],
];

/** How many times the CPU time with a large heap a run may take: to do with its heap at all, and to do well with it. */
const cpuTimes = [3, 1.25] as const;
/** More than Flink takes for its start and the warm-up. */
const START_CPU_S = 60;
/** Of what hangs: all else is bounded by its CPU time. */
const TIMEOUT_S = 900;

/** So many that state is most of what a query with state holds, and few enough that Flink runs them several times. */
const EVENTS = 3_000_000;

export interface MemoryOptions {
  /** Both sides' are kept, Flink's when its smallest heap is found. */
  readonly log: RunLog;
  readonly endsAt: number;
  readonly events: number | undefined;
  /** Flink's memory for exchanges, which it takes in full. */
  readonly network: string;
  /** Those of `HEAPS` that are looked at, from small to large; the last one is large enough. */
  readonly heaps: readonly string[];
  /** How many runs of what is compared. */
  readonly repeats: number;
  readonly setting: Setting;
  readonly json: boolean;
}

/** Prints a line for each query, as soon as it is known. */
export async function compareMemory(queries: readonly string[], options: MemoryOptions): Promise<void> {
  if (!options.json) {
    const ofHeap = ["MB in Flink", "ours of Flink's"];
    const columns = ["query", "events", "our MB", "smallest heap", ...ofHeap, "heap to run well", ...ofHeap];
    process.stdout.write(`| ${columns.join(" | ")} |\n|${columns.map(() => "---|").join("")}\n`);
  }
  for (const query of queries) {
    if (Date.now() >= options.endsAt) process.stderr.write(`${query} is left to do\n`);
    else await attemptQuery(query, options);
  }
}

async function attemptQuery(query: string, options: MemoryOptions): Promise<void> {
  try {
    await compare(query, options);
  } catch (error) {
    process.stderr.write(`${query}: ${(error as Error).message}\n`);
  }
}

async function compare(query: string, options: MemoryOptions): Promise<void> {
  const { log, endsAt, events = EVENTS, network, heaps, repeats, setting, json } = options;
  const runs = async (engine: string, count: number, run: () => Promise<Figures>): Promise<readonly Figures[]> => {
    const key = keyOf(`${engine} memory`, query, setting);
    while (log.runs(key).length < count) log.add(key, await run());
    return log.runs(key);
  };
  const ours = middlePeak(await runs("millrace", repeats, () => measure(query, events, setting, endsAt)));
  const rival: Rival = { name: "flink reuse", query, objectReuse: true };
  const withHeap = (heap: string, count: number, cpuS?: number): Promise<readonly Figures[]> =>
    runs(`flink ${heap} and ${network}`, count, () =>
      measureRival(rival, { events: ours.events, network }, setting, {
        heap,
        timeoutS: secondsFor(TIMEOUT_S, endsAt),
        ...(cpuS === undefined ? {} : { cpuS }),
      }),
    );
  const once = async (heap: string, cpuS?: number): Promise<Figures> => (await withHeap(heap, 1, cpuS))[0] as Figures;
  const smallestOnes = await smallest(heaps, (heap, cpuMax) =>
    cpuMax === undefined
      ? once(heap)
      : attempt(`${query} with ${heap}`, () => once(heap, cpuMax + START_CPU_S), endsAt),
  );
  const found: Found[] = [];
  for (const heap of smallestOnes) {
    const flink = middlePeak(await withHeap(heap, repeats));
    found.push({ heap, flink, share: ours.peak_rss_mb / flink.peak_rss_mb });
  }
  const cells = [query, whole(ours.events), whole(ours.peak_rss_mb)];
  const heapCells = found.flatMap(({ heap, flink, share }) => [heap, whole(flink.peak_rss_mb), share.toFixed(2)]);
  process.stdout.write(
    json ? `${JSON.stringify({ query, ours, found })}\n` : `| ${[...cells, ...heapCells].join(" | ")} |\n`,
  );
}

/** The run in the middle, by its peak. */
function middlePeak(runs: readonly Figures[]): Figures {
  const sorted = runs.toSorted((a, b) => a.peak_rss_mb - b.peak_rss_mb);
  return sorted[Math.floor((sorted.length - 1) / 2)] as Figures;
}

function whole(number: number): string {
  return Math.round(number).toLocaleString("en");
}

interface Found {
  readonly heap: string;
  readonly flink: Figures;
  /** Our peak as a share of Flink's. */
  readonly share: number;
}

/**
 * For each of `cpuTimes` the smallest heap that suffices.
 * @param run undefined when the heap is too small. Without a bound of its CPU time, in seconds: with the largest heap.
 */
async function smallest(
  heaps: readonly string[],
  run: (heap: string, cpuMax?: number) => Promise<Figures | undefined>,
): Promise<readonly string[]> {
  const last = heaps.length - 1;
  const largest = (await run(heaps[last] as string)) as Figures;
  const tried = new Map<number, Figures | undefined>([[last, largest]]);
  let least = 0;
  const found: string[] = [];
  for (const times of cpuTimes) {
    const cpuMax = times * largest.cpu_s;
    let high = last;
    for (let low = least; low < high; ) {
      const middle = (low + high) >> 1;
      if (!tried.has(middle)) tried.set(middle, await run(heaps[middle] as string, cpuTimes[0] * largest.cpu_s));
      if ((tried.get(middle)?.cpu_s ?? Number.POSITIVE_INFINITY) <= cpuMax) high = middle;
      else low = middle + 1;
    }
    least = high;
    found.push(heaps[high] as string);
  }
  return found;
}

/** Undefined when the run fails, unless for lack of time. */
async function attempt(what: string, run: () => Promise<Figures>, endsAt: number): Promise<Figures | undefined> {
  try {
    const figures = await run();
    process.stderr.write(`${what}: ${figures.peak_rss_mb} MB, ${figures.cpu_s} CPU-seconds\n`);
    return figures;
  } catch (error) {
    if (Date.now() >= endsAt) throw error;
    process.stderr.write(`${what}: ${(error as Error).message.split("\n")[0]}\n`);
    return undefined;
  }
}
