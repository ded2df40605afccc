import fc from "fast-check";
import { expect, test } from "vitest";
import { driveInEveryWay } from "./drive.ts";

interface Sale {
  readonly item: string;
  readonly amount: number;
}

test("reduce emits the running combination of a key with every record", async () => {
  const { records } = await driveInEveryWay<Sale, Sale>(
    (input) =>
      input.keyBy("item").reduce("total", (sum, sale) => ({ item: sum.item, amount: sum.amount + sale.amount })),
    [[{ item: "a", amount: 1 }], [{ item: "b", amount: 10 }], [{ item: "a", amount: 2 }], [{ item: "a", amount: 3 }]],
  );
  expect(records.map(({ item, amount }) => `${item}${amount}`)).toEqual(["a1", "b10", "a3", "a6"]);
});

test("reduce equals a fold for each key", async () => {
  const sale = fc.record({ item: fc.constantFrom("a", "b", "c"), amount: fc.integer() });
  await fc.assert(
    fc.asyncProperty(fc.array(sale, { maxLength: 12 }), async (sales) => {
      const { records } = await driveInEveryWay<Sale, Sale>(
        (input) => input.keyBy("item").reduce("max", (a, b) => (a.amount >= b.amount ? a : b)),
        sales.map((each) => [each]),
      );
      const largest = (until: number) =>
        sales
          .slice(0, until + 1)
          .filter(({ item }) => item === sales[until]?.item)
          .reduce((a, b) => (a.amount >= b.amount ? a : b));
      expect(records).toEqual(sales.map((_, i) => largest(i)));
    }),
    { numRuns: 30 },
  );
});
