import { expect, test } from "vitest";
import { printed, readSales } from "./retail.ts";

const minuteMs = 60_000;

test("user-sessions prints each user's sessions of half an hour and more", { timeout: 120_000 }, async () => {
  const byUser = Map.groupBy(await readSales(), (sale) => sale.user_id);
  byUser.delete(null);
  const expected = [...byUser].flatMap(([user, sales]) => {
    const sessions: { user: unknown; purchases: number; pieces: number; start: Date; end: Date }[] = [];
    for (const { timestamp, quantity } of sales.toSorted((a, b) => a.timestamp.getTime() - b.timestamp.getTime())) {
      const open = sessions.at(-1);
      if (open !== undefined && timestamp.getTime() - open.end.getTime() <= 30 * minuteMs) {
        open.purchases++;
        open.pieces += quantity;
        open.end = timestamp;
      } else sessions.push({ user, purchases: 1, pieces: quantity, start: timestamp, end: timestamp });
    }
    return sessions.filter(({ start, end }) => end.getTime() - start.getTime() >= 30 * minuteMs);
  });
  expect(expected.length).toBeGreaterThan(10);
  expect(inOrder(printed("user-sessions.ts"))).toEqual(inOrder(expected));
});

function inOrder(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}
