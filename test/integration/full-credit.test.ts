/**
 * The deadlock test: a source and a window in each slot, held at full credit for a minute. A design in which a thread
 * waits for credit while it holds the consumer that would give it stands still here within a second.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type JobMetrics, run } from "../../index.ts";
import job from "./fixtures/full-credit.ts";

/** CI holds it for the full minute; MILLRACE_SOAK_SECONDS shortens that elsewhere. */
const seconds = Number(process.env["MILLRACE_SOAK_SECONDS"] ?? 60);
const checkEveryMs = 1000;
/** What heaps that are collected now and then may grow by: within a minute, a leak of one record in a hundred exceeds it. */
const rssGrowthMax = 200 * 1024 * 1024;
const parallelism = 2;

interface Check {
  /** Rows that the sinks have taken. */
  readonly rows: number;
  /** The subtasks of sources and windows, each with whether it waits for credit. */
  readonly waiting: Readonly<Record<string, boolean>>;
  readonly rss: number;
}

function check(metrics: JobMetrics): Check {
  const producers = metrics.vertices.filter(({ vertex }) => vertex !== "slow").flatMap(({ subtasks }) => subtasks);
  return {
    rows: metrics.operators["slow"]?.counters["rows"] ?? 0,
    waiting: Object.fromEntries(
      producers.map(({ vertex, subtask, backpressured }) => [`${vertex} ${subtask}`, backpressured]),
    ),
    rss: process.memoryUsage.rss(),
  };
}

function leastRss(checks: readonly Check[]): number {
  return Math.min(...checks.map(({ rss }) => rss));
}

test(
  "a source and a window in each slot, held at full credit, never stand still and lose nothing",
  async () => {
    const handle = await run(job, { parallelism, params: { seconds } });
    const checks: Check[] = [];
    for (let elapsed = 0; elapsed < seconds * 1000; elapsed += checkEveryMs) {
      await sleep(checkEveryMs);
      checks.push(check(handle.metrics()));
    }
    const metrics = await handle.result;

    // The first seconds belong to the start.
    const held = checks.slice(Math.min(3, checks.length - 2));
    for (const [at, { rows }] of held.entries())
      expect(rows).toBeGreaterThan(at === 0 ? 0 : (held[at - 1] as Check).rows);
    const producers = Object.keys((held[0] as Check).waiting);
    expect(producers).toHaveLength(2 * parallelism);
    for (const producer of producers) {
      const waited = held.filter(({ waiting }) => waiting[producer] === true).length;
      expect(waited / held.length, `how often ${producer} was found waiting for credit`).toBeGreaterThan(0.5);
    }
    // Heaps grow to their working size in the first half.
    const [before, after] = [held.slice(0, held.length / 2), held.slice(held.length / 2)];
    expect(leastRss(after) - leastRss(before.slice(-5))).toBeLessThan(rssGrowthMax);

    const made = metrics.operators["events"]?.counters["made"];
    expect(made).toBeGreaterThan(0);
    expect(metrics.operators["slow"]?.counters["counted"]).toBe(made);
    expect(metrics.vertices.map(({ recordsIn }) => recordsIn).slice(1)).toEqual(
      metrics.vertices.map(({ recordsOut }) => recordsOut).slice(0, -1),
    );
  },
  seconds * 1000 + 120_000,
);
