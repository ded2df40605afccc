/**
 * One case of an engine benchmark in a process of its own: prints its figures as a line of JSON.
 *
 *   node bench/run-case.ts KEYS PARALLELISM full|projected EVENTS
 *
 * Time counts from submission to the final result: starting threads, compiling and collecting garbage included.
 */

import { run } from "millrace";
import { windowCount } from "./jobs/window-count.ts";

const [keys, parallelism, columns, events] = process.argv.slice(2);
const params = { keys: Number(keys), events: Number(events), projected: columns === "projected" };

const cpuBefore = process.cpuUsage();
const before = performance.now();
const handle = await run(windowCount, { params, parallelism: Number(parallelism) });
const metrics = await handle.result;
const wallS = (performance.now() - before) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const cpuS = (cpu.user + cpu.system) / 1e6;

const { results = 0, events: counted = 0 } = metrics.operators["counted"]?.counters ?? {};
const late = metrics.operators["count"]?.counters["lateRecords"] ?? 0;
if (late > 0 || counted < 0.999 * params.events)
  throw new Error(`${counted} of ${params.events} events were counted, ${late} were late`);

process.stdout.write(
  `${JSON.stringify({
    keys: params.keys,
    parallelism: Number(parallelism),
    projected: params.projected,
    events: params.events,
    results,
    wall_s: wallS,
    cpu_s: cpuS,
    events_per_s: params.events / wallS,
    events_per_cpu_s: params.events / cpuS,
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
    exchanged_bytes: metrics.vertices.reduce((sum, vertex) => sum + vertex.bytesOut, 0),
  })}\n`,
);
