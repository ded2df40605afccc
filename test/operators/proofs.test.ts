/**
 * Every operator of the API has its proof: driven in every way that must not matter (record by record, all at once, snapshot and
 * restore after every element, a full output); if it keeps state, in the simulation with crashes, by a job that gives the same at
 * parallelism 1, 2 and 3. A new kind of operator does not compile until it stands here.
 */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { OperatorSpec } from "../../core/node.ts";
import { planJob } from "../../runtime/graph/plan.ts";
import { runInThread } from "../../runtime/testing/index.ts";
import { operatorJobs } from "../simulation/operator-jobs.ts";

interface Proof {
  /** The file that drives it. */
  readonly driven: string;
  /** The call that makes one there. */
  readonly by: RegExp;
  /** Without state, there is nothing that a crash could take. */
  readonly stateless?: true;
}

/** What drives the operator in ways of its own, and why not in every one. */
interface Exception {
  readonly otherwise: string;
  readonly because: string;
  readonly stateless?: true;
}

const proofs: Record<OperatorSpec["kind"], Proof | Exception> = {
  source: { otherwise: "../conformance/source.ts", because: "it has no input", stateless: true },
  sink: { otherwise: "sink.test.ts", because: "it has no output", stateless: true },
  mapBatches: { otherwise: "map-batches.test.ts", because: "a batch is what comes at once", stateless: true },
  custom: { otherwise: "operator-state.test.ts", because: "it is the program's own", stateless: true },
  asyncMap: { otherwise: "async/async-map.test.ts", because: "what has come when depends on the calls" },
  map: { driven: "map-filter.test.ts", by: /\.map\(/, stateless: true },
  filter: { driven: "map-filter.test.ts", by: /\.filter\(/, stateless: true },
  flatMap: { driven: "flat-map.test.ts", by: /\.flatMap\(/, stateless: true },
  timestamps: { driven: "timestamps.test.ts", by: /\.withTimestamps\(/, stateless: true },
  process: { driven: "process.test.ts", by: /\.process\(/ },
  coProcess: { driven: "co-process.test.ts", by: /\.process\(/ },
  broadcastProcess: { driven: "broadcast.test.ts", by: /broadcast\(/ },
  reduce: { driven: "reduce.test.ts", by: /\.reduce\(/ },
  aggregate: { driven: "running-aggregate.test.ts", by: /\.aggregate\(/ },
  changelog: { driven: "changelog.test.ts", by: /\.toChangelog\(/ },
  deduplicate: { driven: "deduplicate.test.ts", by: /\.deduplicate\(/ },
  topN: { driven: "top-n.test.ts", by: /\.topN\(/ },
  aggregateChanges: { driven: "aggregate-changes.test.ts", by: /\.aggregateChanges\(/ },
  topNChanges: { driven: "top-n-changes.test.ts", by: /\.topNChanges\(/ },
  window: { driven: "windows.test.ts", by: /\.window\(/ },
  generalWindow: { driven: "general-windows.test.ts", by: /\.window\(/ },
  pattern: { driven: "pattern/pattern.property.test.ts", by: /\.match\(/ },
  intervalJoin: { driven: "join/interval-join.test.ts", by: /\.intervalJoin\(/ },
  innerJoin: { driven: "join/regular-join.test.ts", by: /\.join\(/ },
  regularJoin: { driven: "join/regular-join.test.ts", by: /\.join\(/ },
  temporalJoin: { driven: "join/temporal-join.test.ts", by: /\.temporalJoin\(/ },
  windowJoin: { driven: "join/window-join.test.ts", by: /\.join\(/ },
  lookupJoin: { driven: "async/lookup-join.test.ts", by: /\.lookup\(/ },
};

/** What remembers for a while goes by watermarks, which come later through an exchange than within a chain. */
const goesByWatermarks = ["the first of each key, for a while"];

const kinds = Object.entries(proofs);
const driven = kinds.flatMap(([kind, proof]) => ("driven" in proof ? [[kind, proof] as const] : []));
const otherwise = kinds.flatMap(([kind, proof]) => ("otherwise" in proof ? [[kind, proof] as const] : []));

function textOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), "utf8");
}

function kindsIn(name: string): readonly string[] {
  const job = operatorJobs[name]?.job;
  return planJob(job as never, {}).graph.nodes.map(({ spec }) => spec.kind);
}

describe("every operator", () => {
  test.each(driven)("%s is driven in every way that must not matter", (_, { driven: file, by }) => {
    const text = textOf(file);
    expect(text).toMatch(/await drive(Two)?InEveryWay|runInEveryWay/);
    expect(text).toMatch(by);
  });

  test.each(otherwise)("%s has tests of its own", (_, { otherwise: file, because }) => {
    expect(textOf(file)).toMatch(/\b(test|expect)\(/);
    expect(because).not.toBe("");
  });

  test("that keeps state is in the simulation", () => {
    const simulated = new Set(Object.keys(operatorJobs).flatMap(kindsIn));
    const missing = kinds.filter(([kind, { stateless }]) => stateless !== true && !simulated.has(kind));
    expect(missing.map(([kind]) => kind)).toEqual([]);
  });
});

describe("at parallelism 1, 2 and 3 there comes the same of", () => {
  const jobs = Object.entries(operatorJobs).filter(([name]) => !goesByWatermarks.includes(name));

  test.each(jobs)("%s", async (_, { job }) => {
    const outcomes: string[][] = [];
    for (const parallelism of [1, 2, 3]) {
      const handle = await runInThread(job, { parallelism, seed: parallelism });
      await handle.result;
      outcomes.push(
        handle
          .collect("out")
          .map((row) => JSON.stringify(row))
          .sort(),
      );
    }
    const [one, two, three] = outcomes;
    expect(one).not.toEqual([]);
    expect(two).toEqual(one);
    expect(three).toEqual(one);
  });
});
