import { expect, test } from "vitest";
import { former } from "../../examples/loyalty.ts";
import { printed, readSales } from "./retail.ts";

test("loyalty adds what customers buy to the points that they had before", { timeout: 120_000 }, async () => {
  const balances = new Map(former.map(({ user, points }) => [user, { user, points, purchases: 0 }]));
  for (const { user_id: user, quantity } of await readSales()) {
    if (user === null) continue;
    const { points, purchases } = balances.get(user) ?? { points: 0, purchases: 0 };
    balances.set(user, { user, points: points + quantity, purchases: purchases + 1 });
  }
  const expected = [...balances.values()].filter(({ points }) => points >= 20_000);
  const byUser = (rows: readonly { readonly user: number }[]) => rows.toSorted((a, b) => a.user - b.user);
  const rows = printed("loyalty.ts") as typeof expected;
  expect(byUser(rows)).toEqual(byUser(expected));
  // One who has bought nothing since is there by the timer that was filled in.
  expect(rows).toContainEqual({ user: 99_999, points: 25_000, purchases: 0 });
});
