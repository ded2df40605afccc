/** A batch that may choose takes keys as they come where they fit into memory: with the results of one that sorts them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  aggregates,
  averaging,
  collectTo,
  counting,
  cumulative,
  type DataStream,
  defineJob,
  type Environment,
  fromArray,
  maximum,
  minimum,
  sliding,
  summing,
  tumbling,
} from "../../index.ts";
import { planJob } from "../../runtime/graph/plan.ts";
import { runInThread } from "../../runtime/testing/index.ts";
import { jobOf, type Reading, rows, timed } from "./batch-programs.ts";

const readings = fc.array(
  fc.record({
    key: fc.constantFrom<string | number>("a", "b", "c", 1, 2, 3),
    value: fc.integer({ min: -3, max: 9 }),
    time: fc.integer({ min: -20, max: 60 }),
  }),
  { maxLength: 40, size: "max" },
);

type Build = (input: DataStream<Reading>) => DataStream<unknown>;

const figures = aggregates<Reading, Record<string, number>>({
  n: counting(),
  mean: averaging("value"),
  least: minimum("value"),
  most: maximum("value"),
});

/** A result with its time, which an operator behind it sees. */
const programs: readonly (readonly [name: string, build: Build])[] = [
  ["a running aggregate", (input) => input.keyBy("key").aggregate("a", figures)],
  ["its changelog", (input) => input.keyBy("key").aggregate("a", summing("value"), { emit: "changes" })],
  [
    "an aggregate of an aggregate",
    (input) =>
      input
        .keyBy("key")
        .aggregate("a", counting())
        .keyBy(({ value }) => value)
        .aggregate("b", counting()),
  ],
  [
    "the time of its last record",
    (input) =>
      input
        .keyBy("key")
        .aggregate("a", counting())
        .keyBy(({ value }) => value % 2)
        .window(tumbling("7ms"))
        .aggregate("w", counting()),
  ],
  ["tumbling windows", (input) => input.keyBy("key").window(tumbling("10ms")).aggregate("w", figures)],
  ["sliding windows", (input) => input.keyBy("key").window(sliding("20ms", "5ms")).aggregate("w", counting())],
  ["cumulative windows", (input) => input.keyBy("key").window(cumulative("20ms", "5ms")).aggregate("w", counting())],
  [
    "windows that are aggregated before they are sent",
    (input) => input.keyBy("key").window(tumbling("10ms"), { preAggregate: true }).aggregate("w", summing("value")),
  ],
  [
    "with an operator that sorts behind it",
    (input) =>
      input
        .keyBy("key")
        .aggregate("a", summing("value"))
        .keyBy(({ value }) => value)
        .reduce("r", (a, b) => (String(a.key) < String(b.key) ? a : b)),
  ],
];

describe("of records in any order there comes the same as of a batch that sorts", () => {
  test.each(programs)("%s", async (_, build) => {
    await fc.assert(
      fc.asyncProperty(readings, fc.integer({ min: 1, max: 3 }), async (input, parallelism) => {
        const program = (env: Environment): void =>
          build(timed(env, input)).to(collectTo("out"), { changesAsRecords: true });
        const plan = planJob(jobOf(program) as never, { execution: "auto", workingDirectory: "/", parallelism });
        expect(plan.input?.bytes).toBe(100 * input.length);
        const sorted = planJob(jobOf(program) as never, { execution: "batch", parallelism });
        expect(plan.stages?.length).toBeLessThan(sorted.stages?.length ?? 0);
        expect(await rows(program, "auto", parallelism)).toEqual(await rows(program, "batch", parallelism));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });
});

test("results that there is no room for wait", async () => {
  const job = defineJob(import.meta, "many keys", (env) =>
    env
      .from(fromArray(Array.from({ length: 30_000 }, (_, i) => ({ key: i % 20_000 }))))
      .keyBy("key")
      .aggregate("counts", counting())
      .rebalance()
      .map(({ key, value }) => [key, value], { name: "pairs", parallelism: 3 })
      .to(collectTo("out")),
  );
  const handle = await runInThread(job, { execution: "auto", parallelism: 2 });
  await handle.result;
  const came = handle.collect<readonly [number, number]>("out").toSorted(([a], [b]) => a - b);
  expect(came).toEqual(Array.from({ length: 20_000 }, (_, key) => [key, key < 10_000 ? 2 : 1]));
});

test("a key that cannot be one is refused with its record", async () => {
  const job = defineJob(import.meta, "bad keys", (env) =>
    env
      .from(fromArray([1, 2, Number.NaN, 4].map((key) => ({ key, kept: true }))))
      .keyBy("key")
      .aggregate("counts", counting())
      .to(collectTo("out")),
  );
  const handle = await runInThread(job, { execution: "auto", parallelism: 1 });
  await expect(handle.result).rejects.toThrow(/"counts" was given NaN as a key.* on \{ key: number, kept: boolean \}/);
});
