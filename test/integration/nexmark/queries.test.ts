/** The queries give what Flink's SQL gives on the same events, of which the hashes stand in the manifest. */
import { collectTo, defineJob, fromArray } from "millrace";
import { runInThread } from "millrace/testing";
import { expect, test } from "vitest";
import type { NexmarkEvent } from "../../../bench/nexmark/events.ts";
import { queries, queryNames } from "../../../bench/nexmark/queries/index.ts";
import { hashedOracle, plainOracle } from "../../../bench/nexmark/verify/oracle.ts";
import { outputOf } from "../../../bench/nexmark/verify/run-query.ts";
import { tableOf } from "../../../bench/nexmark/verify/table-of.ts";

const oracle = hashedOracle("20k");
const compared = queryNames.filter((query) => oracle.problemOf(query, []) !== "unknown");

test.each(compared)("%s in one subtask, and in three that crash twice", async (query) => {
  for (const way of [
    { parallelism: 1, crashes: false },
    { parallelism: 3, crashes: true },
  ]) {
    const table = tableOf(queries[query], await outputOf(query, oracle.input, way));
    expect(oracle.problemOf(query, table)).toBeUndefined();
  }
});

test.each(["q6", "q12"] as const)("%s gives what a plain program gives, with two generators", async (query) => {
  const plain = plainOracle("20k");
  for (const way of [
    { parallelism: 1, crashes: false },
    { parallelism: 2, crashes: true },
  ]) {
    const rows = await outputOf(query, plain.input, way);
    expect(rows.length).toBeGreaterThan(300);
    expect(plain.problemOf(query, tableOf(queries[query], rows))).toBeUndefined();
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

test("q12's windows are ten seconds of the clock", async () => {
  const rows = await outputOf("q12", oracle.input, { parallelism: 2, crashes: false });
  const windows = rows as readonly { readonly starttime: number; readonly endtime: number }[];
  expect(windows.every(({ starttime, endtime }) => starttime % 10_000 === 0 && endtime - starttime === 10_000)).toBe(
    true,
  );
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

test("an oracle tells a table with another row, with a row too many, and of a query that it does not know", async () => {
  const table = tableOf(queries.q2, await outputOf("q2", oracle.input, { parallelism: 1, crashes: false }));
  expect(oracle.problemOf("q2", [...table.slice(1), '{"auction":1,"price":1}'])).toBe("the rows are others");
  expect(oracle.problemOf("q2", [...table, "{}"])).toBe("76 rows, expected 75");
  expect(oracle.problemOf("q99", table)).toBe("unknown");
});
