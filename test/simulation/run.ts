/**
 * `npm run test:simulation -- --seeds 200 [--seed FIRST] [--job NAME] [--log]`: runs jobs on simulated clusters, and says of
 * every seed that fails how to run it again. Without a job, the seeds take turns with all of them; with --operators with
 * those of each operator that keeps state.
 */

import { parseArgs } from "node:util";
import { Simulation } from "../../runtime/testing/simulation/simulate.ts";
import { jobs as whole } from "./jobs.ts";
import { operatorJobs } from "./operator-jobs.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    job: { type: "string" },
    operators: { type: "boolean", default: false },
    log: { type: "boolean", default: false },
    // Ends with the first seed that fails.
    first: { type: "boolean", default: false },
  },
});

const jobs = { ...whole, ...operatorJobs };
const chosen = values.operators ? operatorJobs : whole;
const names = values.job === undefined ? Object.keys(chosen) : [values.job];
if (names.some((name) => jobs[name] === undefined)) {
  throw new Error(`there is no job "${values.job}"; there are ${Object.keys(jobs).join(", ")}`);
}

const simulations = new Map(
  names.map((name) => {
    const { job, options } = jobs[name] as (typeof jobs)[string];
    return [name, new Simulation(job, { ...options, ...(values.log ? { log: (line) => console.log(line) } : {}) })];
  }),
);

const first = Number(values.seed);
const seeds = Number(values.seeds);
const counts = new Map<string, number>();
let failed = 0;
let events = 0;
for (const simulation of simulations.values()) await simulation.shown();
const startMs = performance.now();
const startCpu = process.cpuUsage();
let done = 0;
for (let seed = first; seed < first + seeds; seed++) {
  const name = names[seed % names.length] as string;
  const result = await (simulations.get(name) as Simulation).run(seed);
  done++;
  events += result.events;
  for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  if (seeds === 1) console.log(`trace ${result.trace}, ${result.events} events, ${result.durationMs.toFixed(0)} ms`);
  if (result.problems.length === 0) continue;
  failed++;
  console.log(`seed ${seed} of job "${name}" fails:`);
  for (const problem of result.problems) console.log(`  - ${problem}`);
  console.log(`  run it again: npm run test:simulation -- --job "${name}" --seed ${seed} --seeds 1 --log`);
  if (values.first) break;
}

const cpu = process.cpuUsage(startCpu);
const perMinute = (ms: number): string => ((done * 60_000) / ms).toFixed(0);
const cpuMs = (cpu.user + cpu.system) / 1000;
console.log(
  `${done} seeds, ${failed} failed; ${perMinute(performance.now() - startMs)} seeds a minute, ` +
    `${perMinute(cpuMs)} a minute of processor time; ${(events / done).toFixed(0)} events a seed`,
);
console.log(
  [...counts]
    .sort()
    .map(([what, count]) => `${what} ${count}`)
    .join(", "),
);
process.exitCode = failed > 0 ? 1 : 0;
