/**
 * One query in a process of its own, embedded: prints its figures as a line of JSON.
 *
 *   node bench/nexmark/run-case.ts QUERY EVENTS PARALLELISM CHECKPOINT STATE FOLDER
 *
 * CHECKPOINT: an interval such as 10s, or off. STATE: memory or level. FOLDER: for what it writes. Time counts from the submission to the final result,
 * starting threads included; the CPU time is the whole process's, with garbage collection and compilation.
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { type JobHandle, run } from "millrace";
import { ownVersion } from "../../runtime/version.ts";
import nexmarkJob from "./job.ts";

const [query = "", events = "", parallelism = "", checkpoint = "", state = "", folder = ""] = process.argv.slice(2);

/** Whoever began a run and was killed can neither end it nor remove what it has written. */
const begunBy = process.ppid;
setInterval(() => process.ppid === begunBy || endAlone(), 1000).unref();

const cpuBefore = process.cpuUsage();
const before = performance.now();
const handle = await start();
const metrics = await handle.result;
const wallS = (performance.now() - before) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const cpuS = (cpu.user + cpu.system) / 1e6;
const rows = metrics.operators["consume"]?.counters["rows"] ?? 0;
const late = Object.values(metrics.operators).reduce((sum, { counters }) => sum + (counters["lateRecords"] ?? 0), 0);
if (late > 0) throw new Error(`${late} records of ${query} were late`);
if (rows === 0) throw new Error(`${query} put out nothing`);
process.stdout.write(
  `${JSON.stringify({
    query,
    events: Number(events),
    parallelism: Number(parallelism),
    checkpoint,
    state,
    rows,
    wall_s: wallS,
    cpu_s: cpuS,
    events_per_s: Number(events) / wallS,
    events_per_cpu_s: Number(events) / cpuS,
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
    versions: { millrace: ownVersion(), node: process.version, v8: process.versions.v8 },
  })}\n`,
);

function endAlone(): never {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  process.exit(1);
}

function start(): Promise<JobHandle> {
  return run(nexmarkJob, {
    parallelism: Number(parallelism),
    params: { query, events: Number(events), generators: Number(parallelism) },
    ...(checkpoint === "off"
      ? {}
      : // As Flink is set up: into files, and none when all has been read.
        { checkpoints: { directory: join(folder, "checkpoints"), interval: checkpoint as "10s", atEnd: false } }),
    ...(state === "level" ? { state: { backend: "level", directory: join(folder, "state") } } : {}),
  });
}
