/**
 * One case in a process of its own: prints its figures as a line of JSON.
 *
 *   node bench/operators/run-operator.ts NAME KEYS EVENTS
 */

import { run } from "millrace";
import { caseNamed } from "./cases.ts";
import { operatorJob, warmUpOf } from "./operator-job.ts";

const [name = "", keys, events] = process.argv.slice(2);
const params = { name, keys: Number(keys), events: Number(events) };

const before = performance.now();
const { operators } = await (await run(operatorJob, { params, parallelism: 1 })).result;
const wallS = (performance.now() - before) / 1000;

const { results = 0, accounted = 0, cpuUs = 0 } = operators["measured"]?.counters ?? {};
const { accounts } = caseNamed(name);
if (accounts !== undefined && accounted !== params.events * accounts.times)
  throw new Error(`"${name}" accounts for ${accounted} events in place of ${params.events * accounts.times}`);

process.stdout.write(
  `${JSON.stringify({
    ...params,
    results_per_event: results / params.events,
    events: params.events - warmUpOf(params.events),
    wall_s: wallS,
    cpu_s: cpuUs / 1e6,
    peak_rss_mb: process.resourceUsage().maxRSS / 1024,
  })}\n`,
);
