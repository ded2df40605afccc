/**
 * Each operator that keeps state, on clusters in which things go wrong. MILLRACE_SIMULATION_SEEDS says how many clusters each
 * is tried on.
 */

import { simulate } from "millrace/testing";
import { expect, test } from "vitest";
import { operatorJobs } from "./operator-jobs.ts";

const seeds = Number(process.env["MILLRACE_SIMULATION_SEEDS"] ?? 2);

test.each(Object.entries(operatorJobs))("%s", { timeout: 120_000 * Math.ceil(seeds / 20) }, async (_, simulated) => {
  const results = await simulate(simulated.job, { ...simulated.options, seeds });
  expect(results.every(({ counts }) => counts.get("FINISHED") === 1)).toBe(true);
});
