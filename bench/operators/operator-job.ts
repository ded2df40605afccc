/**
 * The job that a case is measured by: generate → timestamps → the operator → a sink that takes the time.
 *
 * CPU time counts from the event behind the first tenth, when threads have started and code is compiled, to the last
 * result. Source and sink share a thread, as everything does at parallelism 1.
 */

import { defineJob, generate, type Sink } from "millrace";
import { caseNamed } from "./cases.ts";
import type { BenchEvent } from "./operator-case.ts";

const firstInstant = 1_700_000_000_000;

let cpuAtStart: NodeJS.CpuUsage | undefined;

/** How many of the events come before the time is taken. */
export function warmUpOf(events: number): number {
  return Math.floor(events / 10);
}

function eventMaker(keys: number, events: number): (index: number) => BenchEvent {
  const stepMs = keys > 100_000 ? 0.001 : 0.01;
  const warmUp = warmUpOf(events);
  return (index) => {
    if (index === warmUp) cpuAtStart = process.cpuUsage();
    let h = Math.imul(index ^ (index >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = (h ^ (h >>> 16)) >>> 0;
    return { key: h % keys, value: (h >>> 8) % 1000, time: firstInstant + Math.floor(index * stepMs), index };
  };
}

function measuringSink(of: (result: never) => number): Sink<unknown> {
  return {
    name: "measured",
    writer: ({ metrics }) => {
      let results = 0;
      let accounted = 0;
      return {
        write: (result) => {
          results++;
          accounted += of(result as never);
        },
        close: () => {
          const { user, system } = process.cpuUsage(cpuAtStart);
          metrics.counter("results").add(results);
          metrics.counter("accounted").add(accounted);
          metrics.counter("cpuUs").add(user + system);
        },
      };
    },
  };
}

export const operatorJob = defineJob(
  import.meta,
  "operator",
  (env, { name, keys, events }) => {
    const { build, accounts } = caseNamed(name);
    const made = env
      .from(generate({ count: events, record: eventMaker(keys, events), timestamp: ({ time }) => time }))
      .withTimestamps(({ time }) => time);
    build(made, { env, keys }).to(measuringSink(accounts?.of ?? (() => 0)));
  },
  { params: { name: "", keys: 20_000, events: 10_000_000 } },
);
