/** What a plan says of a job as a whole. */

import { expect, test } from "vitest";
import {
  collectTo,
  counting,
  type DataStream,
  defineJob,
  fromArray,
  type KeyedStream,
  summing,
  tumbling,
} from "../../../index.ts";
import { keepsRecords, planJob } from "../../../runtime/graph/plan.ts";

interface Visit {
  readonly user: string;
  readonly ms: number;
}

test.each<{ program: string; keeps: boolean; of: (visits: KeyedStream<Visit, string>) => DataStream<unknown> }>([
  { program: "a filter", keeps: false, of: (visits) => visits.filter(({ ms }) => ms > 0) },
  {
    program: "counts of windows",
    keeps: false,
    of: (visits) => visits.window(tumbling("1m")).aggregate("count", counting()),
  },
  { program: "a running sum", keeps: false, of: (visits) => visits.aggregate("sum", summing("ms")) },
  { program: "the last record of each key", keeps: true, of: (visits) => visits.deduplicate("last", { keep: "last" }) },
  {
    program: "reduced records",
    keeps: true,
    of: (visits) => visits.reduce("longest", (a, b) => (a.ms > b.ms ? a : b)),
  },
  {
    program: "all records of windows",
    keeps: true,
    of: (visits) => visits.window(tumbling("1m")).process("all", { process: (records) => [[...records].length] }),
  },
])("$program: records are kept: $keeps", ({ keeps, of }) => {
  const job = defineJob(import.meta, "keeps", (env) => {
    const visits = env.from(fromArray([{ user: "a", ms: 1 }])).withTimestamps(({ ms }) => ms);
    of(visits.keyBy("user")).to(collectTo("out"));
  });
  expect(keepsRecords(planJob(job))).toBe(keeps);
});
