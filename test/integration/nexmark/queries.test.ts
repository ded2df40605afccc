/** The queries give what Flink's SQL gives on the same events, of which the hashes stand in the manifest. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { collectTo, defineJob, fromArray } from "millrace";
import { runInThread } from "millrace/testing";
import { describe, expect, test } from "vitest";
import type { NexmarkEvent } from "../../../bench/nexmark/events.ts";
import { queries, queryNames } from "../../../bench/nexmark/queries/index.ts";
import { clockedQ12 } from "../../../bench/nexmark/verify/clocked.ts";
import { folderOracle, hashedOracle, plainOracle, problemOfEvents } from "../../../bench/nexmark/verify/oracle.ts";
import { inputIn, inputOf, type ManifestSet, manifestIn } from "../../../bench/nexmark/verify/oracle-folder.ts";
import { outputOf, type Way } from "../../../bench/nexmark/verify/run-query.ts";
import { tableOf } from "../../../bench/nexmark/verify/table-of.ts";

const set = manifestIn(fileURLToPath(new URL("../../../bench/nexmark/oracle", import.meta.url)))?.[
  "20k"
] as ManifestSet;
const oracle = hashedOracle("20k", set);
const compared = queryNames.filter(oracle.has);

test.each(compared)("%s in one subtask, and in three that crash twice", async (query) => {
  for (const way of [
    { parallelism: 1, crashes: false },
    { parallelism: 3, crashes: true },
  ]) {
    const table = tableOf(queries[query], await outputOf(query, oracle.input, way));
    expect(oracle.problemOf(query, table)).toBeUndefined();
  }
});

const twoGenerators = inputOf(set, 2);
const undisturbedAndCrashing: readonly Way[] = [
  { parallelism: 1, crashes: false },
  { parallelism: 2, crashes: true },
];

describe("a folder that Flink wrote", () => {
  const folder = fileURLToPath(new URL("../../../bench/nexmark/oracle/two-generators", import.meta.url));
  const unused = { events: 1, tps: 1, seed: 2, baseTime: 0, generators: 1 };
  const input = inputIn(folder) ?? unused;

  test("has the events that are made here, of two generators, another seed and another time", () => {
    expect(input).toEqual({ events: 400, tps: 8, seed: 7, baseTime: 1_700_000_123_456, generators: 2 });
    expect(problemOfEvents(folder, input)).toBeUndefined();
    expect(problemOfEvents(folder, { ...input, seed: 8 })).toMatch(/^400 rows, expected 400; at 0 /);
  });

  test.each(["q0", "q4", "q5", "q9", "q11", "q18"] as const)("%s gives its table, also with crashes", async (query) => {
    const tables = folderOracle(folder, unused);
    for (const way of undisturbedAndCrashing) {
      const table = tableOf(queries[query], await outputOf(query, tables.input, way));
      expect(tables.problemOf(query, table)).toBeUndefined();
      expect(tables.problemOf(query, table.slice(1))).toMatch(/ rows, expected /);
    }
  });

  test("says of which queries it has tables", () => {
    const tables = folderOracle(folder, unused);
    expect(["q3", "q4"].map(tables.has)).toEqual([false, true]);
  });

  test("without input.json is read with the events in it, or with those that are named", async () => {
    const copy = mkdtempSync(join(tmpdir(), "millrace-oracle-"));
    try {
      for (const file of ["events.jsonl.gz", "q4.jsonl"]) cpSync(join(folder, file), join(copy, file));
      expect(folderOracle(copy, input).input).toEqual(input);
      const events = gunzipSync(readFileSync(join(copy, "events.jsonl.gz")));
      writeFileSync(join(copy, "events.jsonl"), events);
      expect(folderOracle(copy, unused).input).toEqual({ events: 400, eventsFile: join(copy, "events.jsonl") });
      const tables = folderOracle(copy, unused);
      const rows = await outputOf("q4", tables.input, { parallelism: 2, crashes: false });
      expect(tables.problemOf("q4", tableOf(queries.q4, rows))).toBeUndefined();
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

test("q6 gives what a plain program gives, with two generators", async () => {
  const plain = plainOracle("20k", twoGenerators);
  for (const way of undisturbedAndCrashing) {
    const rows = await outputOf("q6", plain.input, way);
    expect(rows.length).toBeGreaterThan(300);
    expect(plain.problemOf("q6", tableOf(queries.q6, rows))).toBeUndefined();
  }
});

test("q12 on injected time counts each bid in the ten seconds in which it was read, row by row", async () => {
  for (const way of undisturbedAndCrashing) {
    const { rows, problem } = await clockedQ12(twoGenerators, way);
    expect(problem).toBeUndefined();
    expect(rows).toBeGreaterThan(1000);
  }
});

test("the jobs that are no queries: bids that are mapped, and counted by window and by bidder", async () => {
  const bids = 18_400;
  const way = { parallelism: 2, crashes: false };
  const sum = (rows: readonly object[]): number => rows.reduce((all, row) => all + (row as { bids: number }).bids, 0);
  expect(await outputOf("ds-map", oracle.input, way)).toHaveLength(bids);
  expect(sum(await outputOf("ds-window", oracle.input, way))).toBe(bids);
  const latest = tableOf(queries["ds-count"], await outputOf("ds-count", oracle.input, way));
  expect(sum(latest.map((line) => JSON.parse(line) as object))).toBe(bids);
});

test("of q7, a bid in the first millisecond of a window counts for the window before, too, but does not raise its price", async () => {
  const bid = (dateTime: number, price: number): NexmarkEvent => ({
    ...{ type: "bid", auction: dateTime, bidder: 1, price, channel: "", url: "", dateTime, extra: "" },
  });
  const bids = [
    bid(1, 7),
    bid(9999, 5),
    bid(10_000, 7),
    bid(10_000, 9),
    bid(10_001, 7),
    bid(20_000, 9),
    bid(40_000, 9),
  ];
  const job = defineJob(import.meta, "q7", (env) => {
    const events = env
      .from(fromArray(bids), { parallelism: 1 })
      .withTimestamps(({ dateTime }) => dateTime, { parallelism: 1 });
    queries.q7.build(events).to(collectTo("rows"));
  });
  const handle = await runInThread(job, { parallelism: 2 });
  await handle.result;
  const rows = handle.collect<{ readonly dateTime: number; readonly price: number }>("rows");
  expect(rows.map(({ dateTime, price }) => [dateTime, price])).toEqual([
    [1, 7],
    [10_000, 7],
    [10_000, 9],
    [20_000, 9],
    [20_000, 9],
    [40_000, 9],
  ]);
});

test("an oracle tells a table with another row, with a row too many, and which queries it knows", async () => {
  const table = tableOf(queries.q2, await outputOf("q2", oracle.input, { parallelism: 1, crashes: false }));
  expect(oracle.problemOf("q2", [...table.slice(1), '{"auction":1,"price":1}'])).toBe("the rows are others");
  expect(oracle.problemOf("q2", [...table, "{}"])).toBe("76 rows, expected 75");
  expect(["q2", "q6", "q99"].map(oracle.has)).toEqual([true, false, false]);
});
