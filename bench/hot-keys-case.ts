/**
 * One case of `hot-keys.ts` in a process of its own: prints its figures as a line of JSON.
 *
 *   node bench/hot-keys-case.ts KEYS PERCENT full|projected by-itself|before|behind EVENTS
 */

import { run } from "millrace";
import { hotKeys } from "./jobs/hot-keys.ts";

const [keys, percent, columns, aggregated, events] = process.argv.slice(2);
const params = {
  ...{ keys: Number(keys), percent: Number(percent), events: Number(events) },
  ...{ projected: columns === "projected", aggregated: aggregated as string },
};

const cpuBefore = process.cpuUsage();
const before = performance.now();
const metrics = await (await run(hotKeys, { params, parallelism: 2 })).result;
const wallS = (performance.now() - before) / 1000;
const cpu = process.cpuUsage(cpuBefore);

const { events: counted = 0 } = metrics.operators["counted"]?.counters ?? {};
if (counted !== params.events) throw new Error(`${counted} of ${params.events} events were counted`);

process.stdout.write(
  `${JSON.stringify({
    ...{ ...params, wall_s: wallS, cpu_s: (cpu.user + cpu.system) / 1e6 },
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
    exchanged_bytes: metrics.vertices.reduce((sum, vertex) => sum + vertex.bytesOut, 0),
  })}\n`,
);
