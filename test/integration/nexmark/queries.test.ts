/** The queries give what Flink's SQL gives on the same events, of which the hashes stand in the manifest. */
import { collectTo, defineJob, fromArray } from "millrace";
import { runInThread } from "millrace/testing";
import { expect, test } from "vitest";
import type { NexmarkEvent } from "../../../bench/nexmark/events.ts";
import { EventGenerator, generatorPositions } from "../../../bench/nexmark/generator/event-generator.ts";
import { queries, queryNames } from "../../../bench/nexmark/queries/index.ts";
import { hashedOracle } from "../../../bench/nexmark/verify/oracle.ts";
import { plainQ6, plainQ12 } from "../../../bench/nexmark/verify/plain.ts";
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

const input = { events: 20_000, tps: 200, seed: 42, baseTime: 1_436_918_400_000, generators: 2 };
const twoWays = [
  { parallelism: 1, crashes: false },
  { parallelism: 2, crashes: true },
];

function allEvents(): NexmarkEvent[] {
  return generatorPositions(input.events, input.generators, input.seed).flatMap((position) => {
    const generator = new EventGenerator(input, position);
    return Array.from({ length: generator.left }, () => generator.next());
  });
}

test("q6, which Flink's SQL refuses, gives what a plain program gives, with two generators", async () => {
  const expected = tableOf(queries.q6, plainQ6(allEvents()));
  expect(expected.length).toBeGreaterThan(500);
  for (const way of twoWays) expect(tableOf(queries.q6, await outputOf("q6", input, way))).toEqual(expected);
});

test("q12, whose windows are the clock's, counts every bid of every bidder once, in windows of ten seconds", async () => {
  for (const way of twoWays) {
    const counts = new Map<number, number>();
    const rows = (await outputOf("q12", input, way)) as {
      bidder: number;
      bid_count: number;
      starttime: number;
      endtime: number;
    }[];
    for (const { bidder, bid_count, starttime, endtime } of rows) {
      expect(starttime % 10_000).toBe(0);
      expect(endtime - starttime).toBe(10_000);
      counts.set(bidder, (counts.get(bidder) ?? 0) + bid_count);
    }
    expect(new Map([...counts].sort())).toEqual(new Map([...plainQ12(allEvents())].sort()));
  }
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
