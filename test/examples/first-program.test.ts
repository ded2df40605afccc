import { expect, test } from "vitest";
import { printed, readSales } from "./retail.ts";

const dayMs = 86_400_000;

test("first-program prints the items of which a thousand pieces were sold on a day", { timeout: 120_000 }, async () => {
  const pieces = new Map<string, number>();
  for (const { description, quantity, timestamp } of await readSales()) {
    const key = description ?? "no description";
    const windowStart = Math.floor(timestamp.getTime() / dayMs) * dayMs;
    const window = JSON.stringify({ key, windowStart, windowEnd: windowStart + dayMs });
    pieces.set(window, (pieces.get(window) ?? 0) + quantity);
  }
  const expected = [...pieces]
    .filter(([, value]) => value >= 1000)
    .map(([window, value]) => ({ ...JSON.parse(window), value }));
  expect(expected.length).toBeGreaterThan(50);
  expect(inOrder(printed("first-program.ts"))).toEqual(inOrder(expected));
});

function inOrder(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}
