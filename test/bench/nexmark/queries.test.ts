/** The queries give what Flink's SQL gives on the same events, of which the hashes stand in the manifest. */
import { expect, test } from "vitest";
import { queries, queryNames } from "../../../bench/nexmark/queries/index.ts";
import { hashedOracle } from "../../../bench/nexmark/verify/oracle.ts";
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

test("an oracle tells a table with another row, with a row too many, and of a query that it does not know", async () => {
  const table = tableOf(queries.q2, await outputOf("q2", oracle.input, { parallelism: 1, crashes: false }));
  expect(oracle.problemOf("q2", [...table.slice(1), '{"auction":1,"price":1}'])).toBe("the rows are others");
  expect(oracle.problemOf("q2", [...table, "{}"])).toBe("76 rows, expected 75");
  expect(oracle.problemOf("q99", table)).toBe("unknown");
});
