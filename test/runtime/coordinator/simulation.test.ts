import { expect, test } from "vitest";
import { ClusterSimulation } from "./simulation/cluster-simulation.ts";

test("after any faults jobs finish with each row once, cancelled ones end, and nothing is left behind", async () => {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= 250; seed++) {
    const simulation = new ClusterSimulation(seed);
    expect({ seed, problems: await simulation.run() }).toEqual({ seed, problems: [] });
    for (const [what, count] of simulation.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  // All that may go wrong did.
  const faults = [
    "crash",
    "hang",
    "cut",
    "link",
    "coordinator",
    "stale messages",
    "restarts",
    "restored",
    "checkpoints",
    "failed checkpoints",
  ];
  const failures = ["WORKER_LOST", "LINK_LOST", "SLOT_LOST", "USER_FUNCTION"];
  for (const what of [...faults, ...failures, "FINISHED", "CANCELED"]) {
    expect([what, counts.get(what) ?? 0]).toEqual([what, expect.toSatisfy((count: number) => count > 10)]);
  }
});

test("a seed always gives the same run", async () => {
  const runs = await Promise.all(
    [7, 7].map(async (seed) => {
      const simulation = new ClusterSimulation(seed);
      await simulation.run();
      return [...simulation.counts];
    }),
  );
  expect(runs[0]).toEqual(runs[1]);
});
