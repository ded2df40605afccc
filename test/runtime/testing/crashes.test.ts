/**
 * Exactly once: whatever is crashed whenever, and at whatever parallelism it goes on, a job's committed output is that of a
 * run without disturbance. MILLRACE_CRASH_RUNS says how many disturbances of each job are tried.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
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
