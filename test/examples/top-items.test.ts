import { expect, test } from "vitest";
import { printed, readSales } from "./retail.ts";

const dayMs = 86_400_000;

test("top-items prints the five most bought items of every seven days, in order", { timeout: 120_000 }, async () => {
  const days = new Map<number, Map<string, number>>();
  for (const { description, quantity, timestamp } of await readSales()) {
    if (description === null) continue;
    const day = Math.floor(timestamp.getTime() / dayMs);
    const pieces = days.get(day) ?? new Map<string, number>();
    days.set(day, pieces.set(description, (pieces.get(description) ?? 0) + quantity));
  }
  const first = Math.min(...days.keys());
  const last = Math.max(...days.keys());
  const expected = [];
  for (let until = first + 1; until <= last + 7; until++) {
    const sums = new Map<string, number>();
    for (let day = until - 7; day < until; day++) {
      for (const [item, pieces] of days.get(day) ?? []) sums.set(item, (sums.get(item) ?? 0) + pieces);
    }
    if (sums.size === 0) continue; // closed for a week: a window without records has no results
    const best = [...sums].sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1));
    expected.push({ until: new Date(until * dayMs).toISOString(), items: best.slice(0, 5) });
  }
  expect(printed("top-items.ts")).toEqual(expected);
});
