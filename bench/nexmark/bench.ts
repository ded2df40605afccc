/**
 * Measures the queries, each run in a process of its own, and prints a line of JSON or of a table for each.
 *
 *   node bench/nexmark/bench.ts [--queries q5,q7] [--events N | --seconds S] [--parallelism P] [--checkpoint 10s|off]
 *     [--state memory|level] [--repeats N] [--scaling] [--json]
 *
 * --scaling: what an event costs in ten times as many events, as a multiple of what it costs in these. Starting is left out
 * on both sides, as it would make the shorter run dearer.
 */

import { cpus, loadavg } from "node:os";
import { benchArguments } from "./bench-arguments.ts";
import { eventsFor, type Figures, measure, middle, startCpuS } from "./measure.ts";
import { queryNames } from "./queries/index.ts";
import { toldInShort } from "./usage-error.ts";

const TIMES = 10;

const { queries, events, seconds, repeats, json, scaling, setting } = await toldInShort(() =>
  benchArguments(process.argv.slice(2)),
);
const { parallelism, checkpoint, state } = setting;

if (!json) {
  const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, load ${loadavg()[0]?.toFixed(1)}`;
  const how = `parallelism ${parallelism}, checkpoints ${checkpoint}, state ${state}, the middle of ${repeats}`;
  process.stdout.write(`${machine}; ${how}\n\n`);
  const columns = scaling
    ? ["query", "events", "CPU µs an event", `at ${TIMES} times`, "ratio", "RSS MB", `at ${TIMES} times`]
    : ["query", "events", "wall s", "CPU s", "events/s", "events/CPU-s", "RSS MB"];
  process.stdout.write(`${row(columns)}\n${row(columns.map(() => "---"))}\n`);
}
for (const query of queries ?? queryNames) {
  const count = events ?? (await eventsFor(query, seconds, setting));
  if (scaling) await reportScaling(query, count);
  else report(await middleOf(query, count));
}

async function middleOf(query: string, count: number): Promise<Figures> {
  const runs: Figures[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) runs.push(await measure(query, count, setting));
  return middle(runs);
}

function report(figures: Figures): void {
  const { query, wall_s, cpu_s, events_per_s, events_per_cpu_s, peak_rss_mb } = figures;
  const cells = [query, whole(figures.events), wall_s.toFixed(1), cpu_s.toFixed(1)];
  const rates = [whole(events_per_s), whole(events_per_cpu_s), whole(peak_rss_mb)];
  process.stdout.write(json ? `${JSON.stringify(figures)}\n` : `${row([...cells, ...rates])}\n`);
}

async function reportScaling(query: string, count: number): Promise<void> {
  const startS = await startCpuS(query, setting);
  const few = await middleOf(query, count);
  const many = await middleOf(query, TIMES * count);
  const costUs = (figures: Figures): number => ((figures.cpu_s - startS) / figures.events) * 1e6;
  const ratio = costUs(many) / costUs(few);
  const cells = [query, whole(count), costUs(few).toFixed(2), costUs(many).toFixed(2), ratio.toFixed(2)];
  const memory = [whole(few.peak_rss_mb), whole(many.peak_rss_mb)];
  process.stdout.write(json ? `${JSON.stringify({ query, ratio, few, many })}\n` : `${row([...cells, ...memory])}\n`);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function whole(number: number): string {
  return Math.round(number).toLocaleString("en");
}
