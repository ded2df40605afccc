/** Measuring a query: one run in a process of its own, and how many events it takes to run for some seconds. */

import { builtScript } from "./built.ts";
import { runAlone } from "./own-process.ts";

export interface Setting {
  readonly parallelism: number;
  /** An interval such as "10s", or "off". */
  readonly checkpoint: string;
  readonly state: "memory" | "level";
}

/** What a run is measured by. Of the CPU time nothing is left out: starting, compiling and collecting garbage count. */
export interface Figures {
  readonly query: string;
  readonly events: number;
  readonly parallelism: number;
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly events_per_s: number;
  readonly events_per_cpu_s: number;
  readonly peak_rss_mb: number;
  readonly [name: string]: unknown;
}

/** The first trial's events; each further one has four times as many. */
const TRIAL_EVENTS = 500_000;
const TRIAL_TIMES = 4;
/** By how much the last two trials have to differ: before, compiling is most of what more events take. */
const TRIAL_CPU_S = 1;

/** So few that a run of them is its start. */
const START_EVENTS = 2000;

const RUN_TIMEOUT_S = 600;

/**
 * One run, which ends with this process, whatever ends that.
 * @param endsAt when it is ended, by `Date.now()`
 * @throws Error when the run fails, or does not end by then, or in ten minutes.
 */
export async function measure(
  query: string,
  events: number,
  setting: Setting,
  endsAt = Number.POSITIVE_INFINITY,
): Promise<Figures> {
  const { parallelism, checkpoint, state } = setting;
  const script = builtScript("run-case");
  const { problem, stdout, stderr } = await runAlone({
    name: "millrace-nexmark",
    command: process.execPath,
    argumentsFor: (folder) => [script, query, String(events), String(parallelism), checkpoint, state, folder],
    timeoutS: secondsFor(RUN_TIMEOUT_S, endsAt),
  });
  process.stderr.write(stderr);
  if (problem !== undefined) throw new Error(`${query} ended with ${problem}`);
  return JSON.parse(stdout) as Figures;
}

/** How long a run may take that has so many seconds: no longer than until `endsAt`, and at least the least. */
export function secondsFor(seconds: number, endsAt: number): number {
  return Math.max(1, Math.min(seconds, Math.ceil((endsAt - Date.now()) / 1000)));
}

/** What starting takes: threads, modules, and the first compilations. */
export async function startCpuS(query: string, setting: Setting): Promise<number> {
  return (await measure(query, START_EVENTS, setting)).cpu_s;
}

/**
 * How many events keep all subtasks busy for about so many seconds, beside starting, in whole hundreds of thousands. They are
 * told by the CPU time of trials, as the wall clock also measures whatever else the machine does; and by the difference of two,
 * as starting, and running what is not compiled yet, would count for each of a trial's few events.
 */
export async function eventsFor(query: string, seconds: number, setting: Setting, endsAt?: number): Promise<number> {
  let fewer = await measure(query, TRIAL_EVENTS, setting, endsAt);
  for (;;) {
    const more = await measure(query, TRIAL_TIMES * fewer.events, setting, endsAt);
    const cpuS = more.cpu_s - fewer.cpu_s;
    if (cpuS >= TRIAL_CPU_S) {
      const each = cpuS / (more.events - fewer.events);
      return Math.max(1, Math.round((seconds * setting.parallelism) / each / 100_000)) * 100_000;
    }
    fewer = more;
  }
}

/** The run in the middle, by events a CPU-second. */
export function middle(runs: readonly Figures[]): Figures {
  const sorted = runs.toSorted((a, b) => a.events_per_cpu_s - b.events_per_cpu_s);
  return sorted[Math.floor(sorted.length / 2)] as Figures;
}
