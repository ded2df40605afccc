/**
 * Runs the queries here and on Apache Flink in turns, and prints how many times Flink's events a CPU-second ours are.
 *
 *   node bench/nexmark/flink.ts [--harness DIR] and the arguments of bench.ts
 *
 * The harness is a folder with `setup.sh`, which fetches Flink by Maven and compiles the jobs, and `run.sh`, which runs one
 * query in a fresh JVM and prints `RESULT` with its figures. It is copied to the user's cache, as it may be read-only, and
 * set up there once. Flink's figures exclude the start of its JVM and cluster, and its job is warmed up; ours include
 * everything. Flink runs with and without object reuse, and the better of the two counts.
 */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { cpus, homedir } from "node:os";
import { join } from "node:path";
import { benchArguments } from "./bench-arguments.ts";
import { eventsFor, type Figures, measure, middle } from "./measure.ts";

/** Flink's SQL has no such query: the window of q6 is over rows that change. */
const NOT_IN_SQL = ["q6"];

/** A slow query does less on Flink in the same time; a run that takes longer is ended. */
const FLINK_TIMEOUT_S = 240;
const WARMUP_EVENTS = 300_000;

const { queries, events, seconds, repeats, json, setting, harness } = benchArguments(process.argv.slice(2));
const folder = preparedHarness(harness);
const ratios: number[] = [];

if (!json) {
  process.stdout.write(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n\n`);
  process.stdout.write(
    "| query | events | ours/CPU-s | Flink/CPU-s | ratio | our RSS MB | Flink's |\n|---|---|---|---|---|---|---|\n",
  );
}
for (const query of queries.filter((name) => !NOT_IN_SQL.includes(name))) {
  const count = events ?? eventsFor(query, seconds, setting);
  const ours: Figures[] = [];
  const theirs: Figures[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    ours.push(measure(query, count, setting));
    theirs.push(better(query));
  }
  report(query, middle(ours), middle(theirs));
}
if (!json)
  process.stdout.write(
    `\ngeometric mean ${geometricMean(ratios).toFixed(2)}, least ${Math.min(...ratios).toFixed(2)}\n`,
  );

function report(query: string, ours: Figures, flink: Figures): void {
  const ratio = ours.events_per_cpu_s / flink.events_per_cpu_s;
  ratios.push(ratio);
  if (json) {
    process.stdout.write(`${JSON.stringify({ query, ratio, ours, flink })}\n`);
    return;
  }
  const whole = (number: number): string => Math.round(number).toLocaleString("en");
  const rates = [whole(ours.events), whole(ours.events_per_cpu_s), whole(flink.events_per_cpu_s), ratio.toFixed(2)];
  const memory = [whole(ours.peak_rss_mb), whole(flink.peak_rss_mb)];
  process.stdout.write(`| ${[query, ...rates, ...memory].join(" | ")} |\n`);
}

function better(query: string): Figures {
  const [plain, reusing] = [flinkRun(query, false), flinkRun(query, true)];
  return plain.events_per_cpu_s >= reusing.events_per_cpu_s ? plain : reusing;
}

/** Without a number of events, the harness runs the query until it is warm, and then for the given seconds. */
function flinkRun(query: string, objectReuse: boolean): Figures {
  const { parallelism, checkpoint, state } = setting;
  const args = [
    `query=${query}`,
    ...(events === undefined ? [`target=${seconds}`] : [`events=${events}`, `warmup=${WARMUP_EVENTS}`]),
    `parallelism=${parallelism}`,
    `ckpt=${checkpoint}`,
    `backend=${state === "memory" ? "hashmap" : "rocksdb"}`,
    `objectReuse=${objectReuse}`,
  ];
  const child = spawnSync(join(folder, "run.sh"), args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TIMEOUT: String(FLINK_TIMEOUT_S) },
  });
  const line = child.stdout.split("\n").find((each) => each.startsWith("RESULT "));
  if (line === undefined) throw new Error(`Flink ended ${query} without a result, with status ${child.status}`);
  return JSON.parse(line.slice("RESULT ".length)) as Figures;
}

function preparedHarness(given: string): string {
  const copied = join(homedir(), ".cache", "millrace", "flink-nexmark");
  if (existsSync(join(copied, "build", "cp.txt"))) return copied;
  if (!existsSync(join(given, "setup.sh")))
    throw new Error(`there is no harness in ${given}; name its folder by --harness`);
  mkdirSync(copied, { recursive: true });
  // Read-only folders stay readable, but setup.sh writes beside its files.
  cpSync(given, copied, { recursive: true, mode: 0 });
  spawnSync("chmod", ["-R", "u+w", copied]);
  const setUp = spawnSync(join(copied, "setup.sh"), { stdio: "inherit" });
  if (setUp.status !== 0) throw new Error(`setting up Flink failed with status ${setUp.status}`);
  return copied;
}

function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}
