/**
 * What operators cost: events per CPU-second of each at 20,000 and 1,000,000 keys, in one table, with what the source
 * costs beside it and what each was to reach.
 *
 *   npm run bench:operators -- [--only TEXT] [--keys 20000] [--repeats 3] [--events 10000000]
 */

import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { caseNamed, cases } from "./operators/cases.ts";
import type { OperatorCase } from "./operators/operator-case.ts";
import { SOURCE_ALONE } from "./operators/plain.ts";

const { values: given } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    keys: { type: "string", default: "20000,1000000" },
    repeats: { type: "string", default: "3" },
    events: { type: "string", default: "10000000" },
  },
});

interface Figures {
  readonly events: number;
  readonly cpu_s: number;
  readonly results_per_event: number;
  readonly peak_rss_mb: number;
}

/** The chosen ones, what they are bound to, and the source, whose cost is taken off. */
function chosenCases(): readonly OperatorCase[] {
  const chosen = cases.filter(({ name }) => name.includes(given.only));
  if (chosen.length === 0)
    throw new Error(`no case has "${given.only}" in its name: ${cases.map(({ name }) => name).join("; ")}`);
  const bounds = chosen.flatMap(({ bound }) => (bound === undefined ? [] : [caseNamed(bound.of)]));
  return [...new Set([caseNamed(SOURCE_ALONE), ...bounds, ...chosen])];
}

function runOnce({ name, share = 1 }: OperatorCase, keys: number): Figures {
  const script = fileURLToPath(new URL("./operators/run-operator.ts", import.meta.url));
  const args = [script, name, String(keys), String(Math.round(Number(given.events) * share))];
  const child = spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (child.status !== 0) throw new Error(`"${name}" failed with status ${child.status}`);
  return JSON.parse(child.stdout) as Figures;
}

/** The run in the middle by CPU time of each case. Cases take turns, so that a machine that slows down does so for all. */
function measure(keys: number): ReadonlyMap<string, Figures> {
  const chosen = chosenCases();
  const runs = new Map(chosen.map(({ name }) => [name, [] as Figures[]]));
  for (let repeat = 0; repeat < Number(given.repeats); repeat++)
    for (const each of chosen) runs.get(each.name)?.push(runOnce(each, keys));
  return new Map([...runs].map(([name, figures]) => [name, middle(figures)]));
}

function middle(figures: readonly Figures[]): Figures {
  return figures.toSorted((a, b) => a.cpu_s / a.events - b.cpu_s / b.events)[figures.length >> 1] as Figures;
}

function nanosecondsOf({ cpu_s, events }: Figures): number {
  return (cpu_s / events) * 1e9;
}

function lineOf(each: OperatorCase, keys: number, measured: ReadonlyMap<string, Figures>): string {
  const figures = measured.get(each.name) as Figures;
  const source = nanosecondsOf(measured.get(SOURCE_ALONE) as Figures);
  const all = nanosecondsOf(figures);
  const columns = [
    each.name.padEnd(44),
    keys.toLocaleString("en").padStart(9),
    (1e3 / all).toFixed(2).padStart(8),
    all.toFixed(0).padStart(7),
    (all - source).toFixed(0).padStart(7),
    figures.results_per_event.toFixed(3).padStart(8),
    figures.peak_rss_mb.toFixed(0).padStart(6),
  ];
  return `${columns.join("  ")}  ${verdict(each, keys, measured)}`.trimEnd();
}

function verdict({ bound, floor, name }: OperatorCase, keys: number, measured: ReadonlyMap<string, Figures>): string {
  const own = (of: string): number =>
    nanosecondsOf(measured.get(of) as Figures) - nanosecondsOf(measured.get(SOURCE_ALONE) as Figures);
  const parts: string[] = [];
  if (bound !== undefined) {
    const times = own(name) / own(bound.of);
    parts.push(`${times.toFixed(2)} × ${bound.of} (at most ${bound.times}${times <= bound.times ? "" : ": MISSED"})`);
  }
  if (floor !== undefined && (floor.keys ?? keys) === keys) {
    const reached = 1e9 / nanosecondsOf(measured.get(name) as Figures);
    const missed = reached < floor.eventsPerCpuS ? ": MISSED" : "";
    parts.push(`at least ${(floor.eventsPerCpuS / 1e6).toFixed(1)} M${missed}`);
  }
  return parts.join(", ");
}

process.stdout.write(
  `Operators, events of 4 numbers, parallelism 1; Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, the run in the middle of ${given.repeats}\n\n` +
    `${"".padEnd(44)}  ${"keys".padStart(9)}   M ev/CPU-s  ns/ev  own ns  results/ev   MB\n`,
);
for (const keys of given.keys.split(",").map(Number)) {
  const measured = measure(keys);
  for (const each of chosenCases()) process.stdout.write(`${lineOf(each, keys, measured)}\n`);
}
