/**
 * Exactly once: whatever is crashed whenever, and at whatever parallelism it goes on, a job's committed output is that of a
 * run without disturbance. MILLRACE_CRASH_RUNS says how many disturbances of each job are tried.
 */

import fc from "fast-check";
import { collectTo, defineJob, fromArray, summing, tumbling, type WindowResult } from "millrace";
import { expect, test } from "vitest";
import { runInThread } from "../../../runtime/testing/index.ts";
import { disturbance, jobs, outputOf } from "./disturbed.ts";

test.each(Object.entries(jobs))("%s", async (_, build) => {
  const expected = await outputOf(build, undefined);
  expect(expected.length).toBeGreaterThan(0);
  await fc.assert(
    fc.asyncProperty(disturbance, async (disturbed) => {
      expect(await outputOf(build, disturbed)).toEqual(expected);
    }),
    { numRuns: Number(process.env["MILLRACE_CRASH_RUNS"] ?? 15) },
  );
});

test("rows that were collected behind the checkpoint are taken back, also those on their way", async () => {
  const readings = Array.from({ length: 500 }, (_, i) => ({ key: i % 7, value: i, time: i }));
  const job = defineJob(import.meta, "collecting", (env) => {
    env
      .from(fromArray(readings))
      .withTimestamps(({ time }) => time, { outOfOrderness: "1h" })
      .keyBy("key")
      .window(tumbling("100ms"))
      .aggregate("sums", summing("value"))
      .to(collectTo("rows"));
  });
  const disturbed = fc.record({
    seed: fc.integer({ min: 1, max: 1000 }),
    crashes: fc.array(fc.record({ afterSteps: fc.integer({ min: 5, max: 90 }) }), { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(disturbed, async (options) => {
      const handle = await runInThread(job, { parallelism: 2, checkpoints: { everySteps: 15 }, ...options });
      await handle.result;
      const rows = handle.collect<WindowResult<number, number>>("rows");
      expect(rows.length).toBe(35);
      expect(rows.reduce((sum, { value }) => sum + value, 0)).toBe((500 * 499) / 2);
    }),
    { numRuns: Number(process.env["MILLRACE_CRASH_RUNS"] ?? 15) },
  );
});

test("an attempt is dropped as soon as a crash says so, and the next one goes on from the checkpoint before", async () => {
  let taken: number[] = [];
  const job = defineJob(import.meta, "counted", (env) => {
    env
      .from(fromArray(Array.from({ length: 3000 }, (_, i) => i)))
      .map((value) => {
        taken.push(value);
        return value;
      })
      .to(collectTo("rows"));
  });
  const attempts: number[][] = [];
  const when = (): boolean => {
    if (taken.length < 1500) return false;
    attempts.push(taken);
    taken = [];
    return true;
  };
  const handle = await runInThread(job, { parallelism: 1, checkpoints: { everySteps: 1 }, crashes: [{ when }] });
  await handle.result;
  expect(attempts).toHaveLength(1);
  expect(attempts[0]?.length).toBeGreaterThanOrEqual(1500);
  expect(taken.at(-1)).toBe(2999);
  expect(handle.collect<number>("rows")).toHaveLength(3000);
});
