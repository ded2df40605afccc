/** Running benchmark cases as processes, several times, and printing medians with their spread. */

import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

export interface BenchCase {
  /** What a reader calls it. */
  readonly label: string;
  /** A script of this folder with its arguments; it prints one line of JSON with wall_s, cpu_s, events, peak_rss_mb. */
  readonly script: string;
  readonly args: readonly string[];
}

export interface Figures {
  readonly events: number;
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly peak_rss_mb: number;
  readonly [name: string]: unknown;
}

export interface BenchOptions {
  readonly repeats: number;
  readonly json: boolean;
}

export function benchOptions(args: readonly string[]): BenchOptions {
  const at = args.indexOf("--repeats");
  return { repeats: at < 0 ? 5 : Number(args[at + 1]), json: args.includes("--json") };
}

/** Runs the cases in turn, so that a machine that gets slower does so for all of them. */
export function runBench(title: string, cases: readonly BenchCase[], options: BenchOptions): void {
  const runs = cases.map((): Figures[] => []);
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    cases.forEach((bench, i) => {
      (runs[i] as Figures[]).push(runOnce(bench));
    });
  }
  if (!options.json)
    process.stdout.write(
      `${title}\nNode ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${options.repeats} runs each: median (least … most)\n\n`,
    );
  cases.forEach((bench, i) => {
    const figures = runs[i] as Figures[];
    process.stdout.write(
      options.json ? `${JSON.stringify(medianRun(figures))}\n` : `${lineOf(bench, figures, runs[0] as Figures[])}\n`,
    );
  });
}

function runOnce(bench: BenchCase): Figures {
  const script = fileURLToPath(new URL(bench.script, import.meta.url));
  const child = spawnSync(process.execPath, [script, ...bench.args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`${bench.label} failed with status ${child.status}`);
  return JSON.parse(child.stdout) as Figures;
}

/** The run in the middle by CPU time, whole, so that its figures belong together. */
function medianRun(figures: readonly Figures[]): Figures {
  const sorted = [...figures].sort((a, b) => a.cpu_s - b.cpu_s);
  return { ...(sorted[Math.floor(sorted.length / 2)] as Figures), repeats: figures.length, node: process.version };
}

function lineOf(bench: BenchCase, figures: readonly Figures[], baseline: readonly Figures[]): string {
  const perCpu = spread(figures.map((run) => run.events / run.cpu_s / 1e6));
  const perSecond = spread(figures.map((run) => run.events / run.wall_s / 1e6));
  const ratio =
    median(figures.map((run) => run.events / run.cpu_s)) / median(baseline.map((run) => run.events / run.cpu_s));
  const memory = median(figures.map((run) => run.peak_rss_mb)).toFixed(0);
  const cpuS = median(figures.map((run) => run.cpu_s)).toFixed(1);
  return `${bench.label.padEnd(46)} ${perCpu} M events/CPU-s   ${perSecond} M events/s   ${ratio.toFixed(2).padStart(5)} × first   ${cpuS.padStart(5)} CPU-s   ${memory.padStart(5)} MB`;
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(2).padStart(6)} (${Math.min(...values).toFixed(2)} … ${Math.max(...values).toFixed(2)})`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
