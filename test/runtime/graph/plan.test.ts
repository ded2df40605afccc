/** What a plan says of a job as a whole. */

import { expect, test } from "vitest";
import {
  aggregates,
  collectTo,
  counting,
  countingDistinct,
  type DataStream,
  defineJob,
  fromArray,
  type KeyedStream,
  lastValue,
  maxBy,
  summing,
  tumbling,
  type ValueAggregate,
  valueState,
} from "../../../index.ts";
import { type KeptRecords, planJob, recordsKept } from "../../../runtime/graph/plan.ts";

interface Visit {
  readonly user: string;
  readonly ms: number;
}

const lastInMap: ValueAggregate<Visit, Map<string, number>, number> = {
  create: () => new Map(),
  add: (last, { ms }) => last.set("ms", ms),
  merge: (_, from) => from,
  result: (last) => last.get("ms") ?? 0,
};

test.each<{ program: string; keeps: KeptRecords; of: (visits: KeyedStream<Visit, string>) => DataStream<unknown> }>([
  { program: "a filter", keeps: "none", of: (visits) => visits.filter(({ ms }) => ms > 0) },
  {
    program: "counts of windows",
    keeps: "none",
    of: (visits) => visits.window(tumbling("1m")).aggregate("count", counting()),
  },
  { program: "a running sum", keeps: "none", of: (visits) => visits.aggregate("sum", summing("ms")) },
  {
    program: "a running count of distinct values",
    keeps: "none",
    of: (visits) => visits.aggregate("times", aggregates({ n: counting(), times: countingDistinct("ms") })),
  },
  {
    program: "a running aggregate of records",
    keeps: "tables",
    of: (visits) => visits.aggregate("longest", maxBy("ms")),
  },
  {
    program: "distinct values of windows",
    keeps: "states",
    of: (visits) => visits.window(tumbling("1m")).aggregate("times", countingDistinct("ms")),
  },
  {
    program: "the last values of windows",
    keeps: "none",
    of: (visits) => visits.window(tumbling("1m")).aggregate("last", lastValue("ms")),
  },
  {
    program: "the last values of windows, in maps",
    keeps: "states",
    of: (visits) => visits.window(tumbling("1m")).aggregate("last", { ...lastInMap, fields: ["ms"] }),
  },
  {
    program: "the last record of each key",
    keeps: "states",
    of: (visits) => visits.deduplicate("last", { keep: "last" }),
  },
  {
    program: "reduced records",
    keeps: "tables",
    of: (visits) => visits.reduce("longest", (a, b) => (a.ms > b.ms ? a : b)),
  },
  {
    program: "records that a function keeps",
    keeps: "states",
    of: (visits) =>
      visits.process("last", {
        state: { last: valueState<Visit>() },
        process(visit, { state: { last } }) {
          last.set(visit);
          return [];
        },
      }),
  },
  {
    program: "all records of windows",
    keeps: "tables",
    of: (visits) => visits.window(tumbling("1m")).process("all", { process: (records) => [[...records].length] }),
  },
])("$program: what is kept of records: $keeps", ({ keeps, of }) => {
  const job = defineJob(import.meta, "keeps", (env) => {
    const visits = env.from(fromArray([{ user: "a", ms: 1 }])).withTimestamps(({ ms }) => ms);
    of(visits.keyBy("user")).to(collectTo("out"));
  });
  expect(recordsKept(planJob(job))).toBe(keeps);
});
