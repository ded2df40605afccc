import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  aggregates,
  averaging,
  type Change,
  collectTo,
  counting,
  countingDistinct,
  type DataStream,
  deleted,
  filtered,
  fromArray,
  inserted,
  type KeyedResult,
  materialise,
  maxBy,
  maximum,
  minimum,
  shortKind,
  standardDeviation,
  summing,
  updatedFrom,
  updatedTo,
  variance,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay } from "./drive.ts";
import { applied, type Changed, changesOfCopies, changesOfRows, type Sale } from "./random-changes.ts";
import { runEverywhere } from "./run-everywhere.ts";

const isBig = ({ amount }: Sale): boolean => amount > 1;
const all = aggregates<Sale, Record<string, number>>({
  n: counting(),
  sum: summing("amount"),
  mean: averaging("amount"),
  least: minimum("amount"),
  most: maximum("amount"),
  amounts: countingDistinct("amount"),
  notes: countingDistinct("note"),
  spread: variance("amount"),
  big: filtered(isBig, counting()),
  leastBig: filtered(isBig, minimum("amount")),
  bigNotes: filtered(isBig, countingDistinct("note")),
  bigSpread: filtered(isBig, standardDeviation("amount")),
});

const byShop = (input: DataStream<Change<Sale>>): DataStream<Change<KeyedResult<string, Record<string, number>>>> =>
  input.keyBy(({ value }) => value.shop).aggregateChanges("figures", all);

function figuresOf(rows: readonly Sale[]): Record<string, number> {
  const amounts = rows.map(({ amount }) => amount);
  const sum = amounts.reduce((total, each) => total + each, 0);
  const big = rows.filter(isBig);
  return {
    ...{ n: rows.length, sum, mean: sum / rows.length, least: Math.min(...amounts), most: Math.max(...amounts) },
    amounts: new Set(amounts).size,
    notes: new Set(rows.map(({ note }) => note)).size,
    spread: varianceOf(amounts),
    big: big.length,
    leastBig: Math.min(...big.map(({ amount }) => amount)),
    bigNotes: new Set(big.map(({ note }) => note)).size,
    bigSpread: Math.sqrt(varianceOf(big.map(({ amount }) => amount))),
  };
}

function varianceOf(numbers: readonly number[]): number {
  const mean = numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
  return numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / numbers.length;
}

function rounded(row: Record<string, number>): Record<string, number> {
  // Not -0, which JSON and a plain sum have and a difference has not.
  return Object.fromEntries(Object.entries(row).map(([name, n]) => [name, Math.round(n * 1e6) / 1e6 + 0]));
}

/** By shop. */
function expected(table: readonly Sale[]): ReadonlyMap<string, Record<string, number>> {
  const shops = [...new Set(table.map(({ shop }) => shop))].toSorted();
  return new Map(shops.map((shop) => [shop, rounded(figuresOf(table.filter((row) => row.shop === shop)))]));
}

describe("the aggregate of a table is, behind every change, what the rows that stand make", () => {
  test.each([
    ["rows that are replaced", changesOfRows],
    ["rows of which several are alike", changesOfCopies],
  ])("%s", async (_, changelogs) => {
    await fc.assert(
      fc.asyncProperty(changelogs, async (steps) => {
        const harness = await openHarness(byShop);
        let standing: readonly KeyedResult<string, Record<string, number>>[] = [];
        for (const { change, table } of steps) {
          harness.push(change);
          standing = applied(
            standing,
            harness.take().flatMap((element) => (element.kind === "record" ? [element.value] : [])),
          );
          const came = new Map(standing.map(({ key, value }) => [key, rounded(value)]));
          expect(came.size).toBe(standing.length);
          expect(new Map([...came].toSorted())).toEqual(expected(table));
        }
        expect(harness.keys("sums").toSorted()).toEqual([...expected(steps.at(-1)?.table ?? []).keys()]);
      }),
      { numRuns: 60 },
    );
  });

  test("driven in every way", async () => {
    await fc.assert(
      fc.asyncProperty(changesOfRows, async (steps: readonly Changed[]) => {
        await driveInEveryWay(
          byShop,
          steps.map(({ change }, at) => [change, at]),
        );
      }),
      { numRuns: 10 },
    );
  });
});

const sale = (amount: number, shop = "a"): Sale => ({ id: amount, shop, amount, note: null });
const text = ({ kind, value: { key, value } }: Change<KeyedResult<string, unknown>>): string =>
  `${shortKind(kind)} ${key}${value}`;

test("the first row of a key inserts, and the last one deletes", async () => {
  const { records } = await driveInEveryWay<Change<Sale>, Change<KeyedResult<string, number>>>(
    (input) => input.keyBy(({ value }) => value.shop).aggregateChanges("most", maximum("amount")),
    [
      [inserted(sale(5))],
      [inserted(sale(7))],
      [inserted(sale(7))],
      [deleted(sale(7))],
      [deleted(sale(7))],
      [deleted(sale(5))],
      [inserted(sale(1))],
    ],
  );
  expect(records.map(text)).toEqual(["+I a5", "-U a5", "+U a7", "-U a7", "+U a5", "-D a5", "+I a1"]);
});

test("as upserts, results are not given as they were", async () => {
  const { records } = await driveInEveryWay<Change<Sale>, Change<KeyedResult<string, number>>>(
    (input) => input.keyBy(({ value }) => value.shop).aggregateChanges("n", counting(), { emit: "upserts" }),
    [[inserted(sale(5))], [updatedFrom(sale(5))], [updatedTo(sale(6))], [inserted(sale(7))]],
  );
  expect(records.map(text)).toEqual(["+I a1", "-D a1", "+I a1", "+U a2"]);
});

test("a row that goes of a key without rows is counted, and changes nothing", async () => {
  const harness = await openHarness<Change<Sale>, Change<KeyedResult<string, number>>>((input) =>
    input.keyBy(({ value }) => value.shop).aggregateChanges("n", counting()),
  );
  harness.push(deleted(sale(5)));
  harness.push(inserted(sale(6)));
  expect(harness.records.map(text)).toEqual(["+I a1"]);
  expect(harness.metrics().counters["unknownRows"]).toBe(1);
});

test("not a number is a minimum until it goes", async () => {
  const { records } = await driveInEveryWay<Change<Sale>, Change<KeyedResult<string, number>>>(
    (input) => input.keyBy(({ value }) => value.shop).aggregateChanges("least", minimum("amount")),
    [[inserted(sale(3))], [inserted(sale(Number.NaN))], [inserted(sale(1))], [deleted(sale(Number.NaN))]],
  );
  expect(records.map(text)).toEqual(["+I a3", "-U a3", "+U aNaN", "-U aNaN", "+U a1"]);
});

test("an aggregate of one's own takes rows out if it says how", async () => {
  const product = {
    create: () => [1],
    add: ([held = 1]: number[], { amount }: Sale) => [held * amount],
    remove: ([held = 1]: number[], { amount }: Sale) => [held / amount],
    merge: ([into = 1]: number[], [from = 1]: number[]) => [into * from],
    result: ([held = 1]: number[]) => held,
  };
  const { records } = await driveInEveryWay<Change<Sale>, Change<KeyedResult<string, number>>>(
    (input) => input.keyBy(({ value }) => value.shop).aggregateChanges("product", product),
    [[inserted(sale(3))], [inserted(sale(5))], [deleted(sale(3))]],
  );
  expect(records.map(text)).toEqual(["+I a3", "-U a3", "+U a15", "-U a15", "+U a5"]);
});

test("an aggregate out of which no row can be taken is refused, with those that can", async () => {
  const wrong = openHarness<Change<Sale>, unknown>((input) =>
    input.keyBy(({ value }) => value.shop).aggregateChanges("best", filtered(isBig, maxBy("amount"))),
  );
  await expect(wrong).rejects.toThrow(/aggregateChanges "best" has an aggregate out of which.*remove.*topNChanges/);
});

test("an aggregate of a running aggregate is the same at any parallelism", async () => {
  const sales = Array.from({ length: 300 }, (_, i) => ({ item: `i${(i * 7) % 23}`, amount: (i * 5) % 11 }));
  const most = new Map<string, number>();
  for (const { item, amount } of sales) most.set(item, Math.max(most.get(item) ?? 0, amount));
  const counts = new Map<number, number>();
  for (const each of most.values()) counts.set(each, (counts.get(each) ?? 0) + 1);
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(sales))
        .keyBy("item")
        .aggregate("most", maximum("amount"), { emit: "changes" })
        .keyBy(({ value }) => value.value)
        .aggregateChanges("items", counting())
        .to(collectTo("changes")),
    ({ rows }) => {
      const table = materialise(rows<Change<KeyedResult<number, number>>>("changes"), ({ key }) => key);
      expect(new Map([...table].map(([key, { value }]) => [key, value]))).toEqual(counts);
    },
  );
});
