/** An example's job on simulated clusters, as a user would test it. */

import { fromArray } from "millrace";
import { simulate } from "millrace/testing";
import { expect, test } from "vitest";
import sessions from "../../examples/user-sessions.ts";

/** Two purchases of each user within half an hour, one much later. */
const sales = Array.from({ length: 300 }, (_, i) => ({
  user_id: i % 30,
  quantity: 1 + (i % 4),
  timestamp: Math.floor(i / 100) * 7_200_000 + i * 20_000,
}));

test("users' sessions are the same whatever fails", { timeout: 120_000 }, async () => {
  const name = "parquet:examples/data/online-retail.parquet";
  const results = await simulate(sessions, { seeds: 10, sources: { [name]: fromArray(sales) } });
  expect(results.every(({ counts }) => counts.get("FINISHED") === 1)).toBe(true);
});
