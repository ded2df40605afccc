/**
 * The types of what is made of the records of each key: aggregates, changelogs, deduplication, top-N, patterns and the sinks
 * that take them. Wrong calls are refused where they are wrong. Nothing here runs.
 */

import { describe, expectTypeOf, test } from "vitest";
import {
  aggregates,
  approximateDistinct,
  approximateSet,
  averaging,
  type BloomFilter,
  type Change,
  collectingSet,
  collectTable,
  collectTo,
  counting,
  countingDistinct,
  type DataStream,
  filtered,
  type KeyedResult,
  lastValue,
  materialise,
  maxBy,
  median,
  minimum,
  type PatternMatch,
  pattern,
  print,
  printChanges,
  quantiles,
  type Ranked,
  standardDeviation,
  summing,
  toJsonl,
  toJsonlTable,
  topN,
  tumbling,
  type WindowResult,
} from "../../index.ts";

interface Sale {
  readonly id: string;
  readonly shop: number;
  readonly amount: number;
  readonly note: string | null;
}

declare const sales: DataStream<Sale>;
const byShop = sales.keyBy("shop");

describe("aggregates", () => {
  test("running ones give the key and what the aggregate gives, or changes of it", () => {
    expectTypeOf(byShop.aggregate("n", counting())).toEqualTypeOf<DataStream<KeyedResult<number, number>>>();
    expectTypeOf(byShop.aggregate("best", maxBy("amount"))).toEqualTypeOf<
      DataStream<KeyedResult<number, Sale | undefined>>
    >();
    const changes = byShop.aggregate("sums", summing("amount"), { emit: "changes" });
    expectTypeOf(changes).toEqualTypeOf<DataStream<Change<KeyedResult<number, number>>>>();
  });

  test("of changelogs give changelogs, and take nothing else", () => {
    const rows = byShop.toChangelog("rows").keyBy(({ value }) => value.note ?? "");
    expectTypeOf(rows.aggregateChanges("n", aggregates({ n: counting(), sum: summing("amount") }))).toEqualTypeOf<
      DataStream<Change<KeyedResult<string, { n: number; sum: number }>>>
    >();
    expectTypeOf(rows.topNChanges("best", { n: 3, by: "amount" })).toEqualTypeOf<DataStream<Change<Sale>>>();
    expectTypeOf(rows.topNChanges("best", { n: 3, by: ({ amount }) => -amount, ranks: true })).toEqualTypeOf<
      DataStream<Change<Ranked<Sale>>>
    >();
    // @ts-expect-error: "note" may be null, which has no place in an order
    rows.topNChanges("best", { n: 3, by: "note" });
    // @ts-expect-error: a later row is told by what goes
    rows.topNChanges("best", { n: 3, by: "amount", improving: true });
    // @ts-expect-error: these are rows, and no changes
    byShop.aggregateChanges("n", counting());
    // @ts-expect-error: these are rows, and no changes
    byShop.topNChanges("best", { n: 3, by: "amount" });
  });

  test("several in one give a field for each", () => {
    const made = byShop.window(tumbling("1m")).aggregate(
      "figures",
      aggregates({
        n: counting(),
        about: approximateDistinct("id"),
        spread: standardDeviation("amount"),
        middle: median("amount"),
        tails: quantiles("amount", [0.1, 0.9]),
        last: lastValue((sale: Sale) => sale.note),
        ids: countingDistinct("id"),
        large: filtered((sale) => sale.amount > 10, counting()),
        ends: topN({ n: 2, by: "amount" }),
      }),
    );
    made.map(({ key, value }) => {
      expectTypeOf(key).toEqualTypeOf<number>();
      expectTypeOf(value.n).toEqualTypeOf<number>();
      expectTypeOf(value.about).toEqualTypeOf<number>();
      expectTypeOf(value.spread).toEqualTypeOf<number>();
      expectTypeOf(value.middle).toEqualTypeOf<number>();
      expectTypeOf(value.tails).toEqualTypeOf<readonly number[]>();
      expectTypeOf(value.last).toEqualTypeOf<string | null | undefined>();
      expectTypeOf(value.ids).toEqualTypeOf<number>();
      expectTypeOf(value.large).toEqualTypeOf<number>();
      expectTypeOf(value.ends).toEqualTypeOf<readonly Sale[]>();
      return key;
    });
  });

  test("sketches can be asked", () => {
    const seen = byShop.window(tumbling("1m")).aggregate("seen", approximateSet("id", { capacity: 1000 }));
    expectTypeOf(seen).toEqualTypeOf<DataStream<WindowResult<number, BloomFilter>>>();
  });

  test("fields that are not there, or of another kind, are refused", () => {
    // @ts-expect-error: there is no field of that name
    byShop.aggregate("sums", summing("amuont"));
    // @ts-expect-error: an id is no number
    byShop.aggregate("means", averaging<Sale>("id"));
    // @ts-expect-error: a note may be null, which has no place in an order
    byShop.aggregate("notes", maxBy<Sale>("note"));
    // @ts-expect-error: a set of records would have to compare them
    collectingSet((sale: Sale) => sale);
    // @ts-expect-error: an aggregate gives its result at once
    byShop.aggregate("later", { create: () => 0, add: (n) => n, merge: (n) => n, result: async (n: number) => n });
    // @ts-expect-error: there are two ways
    byShop.aggregate("n", counting(), { emit: "change" });
    // @ts-expect-error: a predicate tells yes or no
    filtered<Sale, number, number>((sale) => sale.note, minimum("amount"));
    // @ts-expect-error: filters are made for a number of values
    approximateSet<Sale>("id", {});
  });
});

describe("changelogs", () => {
  const totals = byShop.aggregate("totals", summing("amount"), { emit: "changes" });

  test("come of upserts, of what comes last, and of the best", () => {
    expectTypeOf(byShop.toChangelog("rows", { deleted: (sale) => sale.note === null })).toEqualTypeOf<
      DataStream<Change<Sale>>
    >();
    expectTypeOf(byShop.deduplicate("first")).toEqualTypeOf<DataStream<Sale>>();
    expectTypeOf(byShop.deduplicate("last", { keep: "last" })).toEqualTypeOf<DataStream<Change<Sale>>>();
    expectTypeOf(byShop.topN("best", { n: 3, by: "amount" })).toEqualTypeOf<DataStream<Change<Sale>>>();
    expectTypeOf(byShop.topN("ranked", { n: 3, by: "amount", ranks: true })).toEqualTypeOf<
      DataStream<Change<Ranked<Sale>>>
    >();
    expectTypeOf(byShop.topN("final", { n: 3, by: "amount", emit: "watermark" })).toEqualTypeOf<DataStream<Sale>>();
  });

  test("go into sinks of changes, whose keys are those of rows", () => {
    totals.to(toJsonlTable("totals.jsonl", { key: "key" }));
    totals.to(collectTable("totals", { key: ({ key }) => key }));
    totals.to(printChanges());
    totals.to(print());
    totals.to(collectTo("changes"));
    totals.to(toJsonl("changes.jsonl"), { changesAsRecords: true });
    expectTypeOf(materialise([] as Change<Sale>[], ({ id }) => id)).toEqualTypeOf<Map<string, Sale>>();
  });

  test("are told from records", () => {
    // @ts-expect-error: sales are no changes
    sales.to(toJsonlTable<Sale>("sales.jsonl", { key: "id" }));
    // @ts-expect-error: as above
    sales.to(printChanges<Sale>());
    // @ts-expect-error: a total has no field of that name
    totals.to(toJsonlTable("totals.jsonl", { key: "shop" }));
    // @ts-expect-error: a record is no change to the next one
    totals.filter((change) => change.amount > 3);
    // @ts-expect-error: a row of a table is told by something
    collectTable<Sale>("sales", {});
    // @ts-expect-error: what comes first or last
    byShop.deduplicate("one", { keep: "best" });
    // @ts-expect-error: a note may be null, which has no place in an order
    byShop.topN("best", { n: 3, by: "note" });
    // @ts-expect-error: only keyed streams know which record replaces which
    sales.toChangelog("rows");
  });
});

describe("patterns", () => {
  const rising = pattern<Sale>("rising")
    .begin("low")
    .where((sale) => sale.amount < 10)
    .followedBy("high")
    .where((sale, taken) => {
      expectTypeOf(taken.of("low")).toEqualTypeOf<readonly Sale[]>();
      return sale.amount > 100;
    })
    .oneOrMore()
    .within("1h");

  test("give the records of each step by its name", () => {
    const matches = byShop.match(rising);
    expectTypeOf(matches).toEqualTypeOf<DataStream<PatternMatch<Sale, "low" | "high", number>>>();
    expectTypeOf(matches.map(({ key, taken }) => ({ key, first: taken.low[0] }))).toEqualTypeOf<
      DataStream<{ key: number; first: Sale | undefined }>
    >();
  });

  test("wrong steps, conditions and streams are refused", () => {
    // @ts-expect-error: there is no step of that name
    byShop.match(rising).map(({ taken }) => taken.hihg);
    const begun = pattern<Sale>("wrong").begin("a");
    // @ts-expect-error: a condition is of the record that the pattern is of
    begun.where((sale) => sale.amuont > 3);
    // @ts-expect-error: a pattern begins with a step
    pattern<Sale>("wrong").where(() => true);
    // @ts-expect-error: matches are of a key
    sales.match(rising);
  });
});
