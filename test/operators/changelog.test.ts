/** Upserts as a changelog, against a plain table, and what their changes leave. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Change, deleted, inserted, materialise, updatedFrom, updatedTo } from "../../index.ts";
import { driveInEveryWay } from "./drive.ts";

interface Price {
  readonly item: string;
  /** Below zero: there is none any more. */
  readonly amount: number;
}

const prices = fc.array(fc.record({ item: fc.constantFrom("a", "b"), amount: fc.integer({ min: -1, max: 3 }) }), {
  maxLength: 16,
  size: "max",
});

/** What the changes of all prices are, and the table in the end. */
function expected(all: readonly Price[]): { readonly changes: Change<Price>[]; readonly table: Map<string, Price> } {
  const table = new Map<string, Price>();
  const changes = all.flatMap((price): Change<Price>[] => {
    const before = table.get(price.item);
    if (price.amount < 0) {
      table.delete(price.item);
      return before === undefined ? [] : [deleted(before)];
    }
    if (before?.amount === price.amount) return [];
    table.set(price.item, price);
    return before === undefined ? [inserted(price)] : [updatedFrom(before), updatedTo(price)];
  });
  return { changes, table };
}

test("upserts become the changes of a table, of which nothing is said that leaves it as it is", async () => {
  await fc.assert(
    fc.asyncProperty(prices, async (all) => {
      const { records, timestamps } = await driveInEveryWay<Price, Change<Price>>(
        (input) =>
          input.keyBy("item").toChangelog("prices", {
            deleted: ({ amount }) => amount < 0,
            unchanged: (before, after) => before.amount === after.amount,
          }),
        all.map((price, time) => [price, time] as const),
      );
      const { changes, table } = expected(all);
      expect(records).toEqual(changes);
      expect(timestamps).toEqual(timestamps.toSorted((a, b) => a - b));
      const left = materialise(records, ({ item }) => item);
      expect(new Map(left)).toEqual(table);
    }),
    { numRuns: 60 },
  );
});
