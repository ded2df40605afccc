import fc from "fast-check";
import { expect, test } from "vitest";
import {
  aggregates,
  approximateDistinct,
  type Change,
  collectTo,
  counting,
  countingDistinct,
  fromArray,
  type KeyedResult,
  materialise,
  maximum,
  minimum,
  quantile,
  shortKind,
  sliding,
  summing,
  topN,
  variance,
  type WindowResult,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay } from "./drive.ts";
import { runEverywhere } from "./run-everywhere.ts";

interface Sale {
  readonly item: string;
  readonly amount: number;
}

const record = fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: -3, max: 9 }));

test("an aggregate of columns gives its new result with every record", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (all) => {
      const { records } = await driveInEveryWay<Sale, KeyedResult<string, { n: number; low: number }>>(
        (input) => input.keyBy("item").aggregate("sums", aggregates({ n: counting(), low: minimum("amount") })),
        all.map(([item, amount]) => [{ item, amount }]),
      );
      const until = (i: number) => all.slice(0, i + 1).filter(([item]) => item === all[i]?.[0]);
      expect(records).toEqual(
        all.map(([item], i) => ({
          key: item,
          value: { n: until(i).length, low: Math.min(...until(i).map(([, amount]) => amount)) },
        })),
      );
    }),
    { numRuns: 15 },
  );
});

test("a result has its key as state keeps it: zero without a sign, and a date of its own", async () => {
  const given = [-0, 0, new Date(7), new Date(7), [-0, "a"], [1, new Date(7)]] as const;
  const { records } = await driveInEveryWay<{ readonly at: number }, KeyedResult<(typeof given)[number], number>>(
    (input) => input.keyBy(({ at }) => given[at] as (typeof given)[number]).aggregate("n", counting()),
    given.map((_, at) => [{ at }]),
  );
  expect(records.map(({ key }) => key)).toStrictEqual([0, 0, new Date(7), new Date(7), [0, "a"], [1, new Date(7)]]);
  for (const { key } of records) expect(given.filter((each) => typeof each === "object")).not.toContain(key);
  expect(records.map(({ value }) => value)).toEqual([1, 2, 1, 2, 1, 1]);
});

test("an aggregate of values is kept over restarts, sketches and sets among them", async () => {
  const { records } = await driveInEveryWay<Sale, KeyedResult<string, unknown>>(
    (input) =>
      input.keyBy("item").aggregate(
        "statistics",
        aggregates({
          exact: countingDistinct("amount"),
          about: approximateDistinct("amount"),
          middle: quantile("amount", 0.5),
          spread: variance("amount"),
          best: topN({ n: 2, by: "amount" }),
        }),
      ),
    [4, 8, 4, 6].map((amount) => [{ item: "a", amount }]),
  );
  expect(records.at(-1)).toEqual({
    key: "a",
    value: {
      ...{ exact: 3, about: 3, middle: 4, spread: 2.75 },
      best: [
        { item: "a", amount: 8 },
        { item: "a", amount: 6 },
      ],
    },
  });
});

test("as a changelog, a record that changes nothing makes no change", async () => {
  const { records } = await driveInEveryWay<Sale, Change<KeyedResult<string, number>>>(
    (input) => input.keyBy("item").aggregate("highest", maximum("amount"), { emit: "changes" }),
    (
      [
        ["a", 5],
        ["a", 3],
        ["b", 1],
        ["a", 7],
      ] as const
    ).map(([item, amount]) => [{ item, amount }]),
  );
  expect(records.map(({ kind, value: { key, value } }) => `${shortKind(kind)} ${key}${value}`)).toEqual([
    "+I a5",
    "+I b1",
    "-U a5",
    "+U a7",
  ]);
});

test("the table of a changelog is the same at any parallelism", async () => {
  const sales = Array.from({ length: 300 }, (_, i) => ({ item: `i${(i * 7) % 23}`, amount: i % 11 }));
  const totals = new Map<string, number>();
  for (const { item, amount } of sales) totals.set(item, (totals.get(item) ?? 0) + amount);
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(sales))
        .keyBy("item")
        .aggregate("totals", summing("amount"), { emit: "changes" })
        .to(collectTo("changes")),
    ({ rows }) => {
      const table = materialise(rows<Change<KeyedResult<string, number>>>("changes"), ({ key }) => key);
      expect(new Map([...table].map(([key, { value }]) => [key, value]))).toEqual(totals);
    },
  );
});

test("windows merge sketches and sets over their panes", async () => {
  const { records } = await driveInEveryWay<Sale, WindowResult<string, { n: number; kinds: number }>>(
    (input) =>
      input
        .keyBy("item")
        .window(sliding("10ms", "5ms"))
        .aggregate("kinds", aggregates({ n: counting(), kinds: countingDistinct("amount") })),
    [...[1, 2, 2, 3].map((amount, i) => [{ item: "a", amount }, i * 3] as const), { watermark: 100 }],
  );
  expect(records.map(({ windowStart, value }) => [windowStart, value])).toEqual([
    [-5, { n: 2, kinds: 2 }],
    [0, { n: 4, kinds: 3 }],
    [5, { n: 2, kinds: 2 }],
  ]);
});

test("an asynchronous aggregate is refused where it is given", async () => {
  const wrong = { ...summing<Sale>("amount"), result: async () => 0 } as unknown as ReturnType<typeof summing<Sale>>;
  const running = openHarness<Sale, unknown>((input) => input.keyBy("item").aggregate("wrong", wrong));
  await expect(running).rejects.toThrow(/must be synchronous/);
});
