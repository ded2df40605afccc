/**
 * Measures the queries, each run in a process of its own, and prints a line of JSON or of a table for each.
 *
 *   node bench/nexmark/bench.ts [--queries q5,q7] [--events N | --seconds S] [--parallelism P] [--checkpoint 10s|off]
 *     [--state memory|level] [--repeats N] [--json]
 */

import { cpus } from "node:os";
import { benchArguments } from "./bench-arguments.ts";
import { eventsFor, type Figures, measure, middle } from "./measure.ts";

const { queries, events, seconds, repeats, json, setting } = benchArguments(process.argv.slice(2));

if (!json) {
  const { parallelism, checkpoint, state } = setting;
  const machine = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`;
  const how = `parallelism ${parallelism}, checkpoints ${checkpoint}, state ${state}, the middle of ${repeats}`;
  process.stdout.write(`${machine}; ${how}\n\n`);
  process.stdout.write(
    "| query | events | wall s | CPU s | events/s | events/CPU-s | RSS MB |\n|---|---|---|---|---|---|---|\n",
  );
}
for (const query of queries) {
  const count = events ?? eventsFor(query, seconds, setting);
  const figures = middle(Array.from({ length: repeats }, () => measure(query, count, setting)));
  process.stdout.write(json ? `${JSON.stringify(figures)}\n` : `${rowOf(figures)}\n`);
}

function rowOf({ query, events, wall_s, cpu_s, events_per_s, events_per_cpu_s, peak_rss_mb }: Figures): string {
  const whole = (number: number): string => Math.round(number).toLocaleString("en");
  const cells = [
    query,
    whole(events),
    wall_s.toFixed(1),
    cpu_s.toFixed(1),
    whole(events_per_s),
    whole(events_per_cpu_s),
    whole(peak_rss_mb),
  ];
  return `| ${cells.join(" | ")} |`;
}
