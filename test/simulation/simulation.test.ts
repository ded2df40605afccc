/** Whole clusters in which things go wrong: a small part of what `npm run test:simulation` tries. */

import { collectTo, defineJob, fromArray } from "millrace";
import { simulate } from "millrace/testing";
import { expect, test } from "vitest";
import { jobs } from "./jobs.ts";

test.each(Object.entries(jobs))("%s gives what it gives undisturbed", { timeout: 120_000 }, async (_, simulated) => {
  const results = await simulate(simulated.job, { ...simulated.options, seeds: 5 });
  expect(results.map(({ problems }) => problems)).toEqual(results.map(() => []));
});

test("a seed always gives the same run, another one another", { timeout: 120_000 }, async () => {
  const { job } = jobs["join"] as (typeof jobs)[string];
  const [first, again] = [await simulate(job, { seeds: 2 }), await simulate(job, { seeds: 2 })];
  expect(again.map(({ trace }) => trace)).toEqual(first.map(({ trace }) => trace));
  expect(first[0]?.trace).not.toBe(first[1]?.trace);
});

test("only those faults strike that were asked for", { timeout: 120_000 }, async () => {
  const { job } = jobs["window"] as (typeof jobs)[string];
  const faults = { crashes: false, power: true, hosts: false, network: false, disk: false, clock: false };
  const results = await simulate(job, { seeds: 6, faults });
  const struck = new Set(results.flatMap(({ counts }) => [...counts.keys()]));
  expect([...struck].sort()).toEqual(
    ["FINISHED", "clusterLosesPower", "coordinatorLosesPower", "workerLosesPower"].filter((kind) => struck.has(kind)),
  );
  expect(struck.size).toBeGreaterThan(1);
});

/** Forgets at every restart how many it has seen. */
const forgetful = defineJob(
  import.meta,
  "forgetful",
  (env) => {
    const seen = new Map<number, number>();
    env
      .from(fromArray(Array.from({ length: 600 }, (_, i) => i)))
      .keyBy((i) => i % 5)
      .process("count", {
        process: (i, { key }) => {
          seen.set(key, (seen.get(key) ?? 0) + 1);
          return [{ i, seen: seen.get(key) }];
        },
      })
      .map(({ i, seen: count }) => ({ odd: i % 2, count }))
      .to(collectTo("out"));
  },
  { parallelism: 2 },
);

test("a job that keeps what a restart needs in its fields is found", { timeout: 120_000 }, async () => {
  await expect(simulate(forgetful, { seeds: 50, compareState: false })).rejects.toThrow(
    /job "forgetful" does not survive seed \d+; run it again by simulate\(job, \{ seed: \d+, seeds: 1/,
  );
});

test("sources that read from servers can be replaced", async () => {
  const job = defineJob(import.meta, "replaced", (env) => {
    env.from(fromArray<number>([]), { name: "topic" }).to(collectTo("out"));
  });
  await expect(simulate(job, { sources: { topics: fromArray([1]) } })).rejects.toThrow(
    'simulate shall replace the source "topics", which job "replaced" does not have; it has "topic"',
  );
  const log: string[] = [];
  const [result] = await simulate(job, {
    seeds: 1,
    sources: { topic: fromArray([1, 2, 3]) },
    log: (line) => void log.push(line),
  });
  expect(result?.counts.get("FINISHED")).toBe(1);
  expect(log.some((line) => line.includes("job FINISHED"))).toBe(true);
});
