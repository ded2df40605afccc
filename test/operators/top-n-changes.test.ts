import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Change,
  collectTo,
  type DataStream,
  deleted,
  fromArray,
  inserted,
  materialise,
  maximum,
  type Ranked,
  shortKind,
  type TopNChangesOptions,
  updatedFrom,
  updatedTo,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay } from "./drive.ts";
import { applied, type Changed, changesOfCopies, changesOfRows, type Sale } from "./random-changes.ts";
import { runEverywhere } from "./run-everywhere.ts";

type Row = Sale | Ranked<Sale>;
type Options = Omit<TopNChangesOptions<Sale>, "by">;

const top =
  (options: Options) =>
  (input: DataStream<Change<Sale>>): DataStream<Change<Row>> =>
    input.keyBy(({ value }) => value.shop).topNChanges("top", { ...options, by: "amount" });

const isRanked = (row: Row): row is Ranked<Sale> => "rank" in row;
const saleOf = (row: Row): Sale => (isRanked(row) ? row.value : row);

/** Of each shop the best scores in order, and that each row is one of the table's. */
function checkBest(rows: readonly Row[], table: readonly Sale[], { n, order, ranks }: Options): void {
  const sign = order === "ascending" ? 1 : -1;
  for (const shop of ["a", "b"]) {
    const amounts = table.filter((row) => row.shop === shop).map(({ amount }) => amount);
    const best = amounts.toSorted((a, b) => sign * (a - b)).slice(0, n);
    const came = rows.filter((row) => saleOf(row).shop === shop);
    expect(came.map((row) => saleOf(row).amount).toSorted((a, b) => sign * (a - b))).toEqual(best);
    if (ranks === true) {
      const places = came.filter(isRanked).toSorted((a, b) => a.rank - b.rank);
      expect(places.map(({ rank }) => rank)).toEqual(best.map((_, i) => i + 1));
      expect(places.map(({ value }) => value.amount)).toEqual(best);
    }
  }
  const left = table.map((row) => JSON.stringify(row));
  for (const row of rows) {
    const at = left.indexOf(JSON.stringify(saleOf(row)));
    expect(at).toBeGreaterThanOrEqual(0);
    left.splice(at, 1);
  }
}

const byId = ({ id }: Sale): number => id;

describe("behind every change the best rows are those of the table", () => {
  test.each<[string, Options, typeof changesOfRows]>([
    ["rows that are replaced", { n: 2 }, changesOfRows],
    ["with ids", { n: 2, id: byId }, changesOfRows],
    ["with ids and ranks", { n: 3, id: byId, ranks: true, order: "ascending" }, changesOfRows],
    ["of which several are alike", { n: 2 }, changesOfCopies],
    ["of which several are alike, with ranks", { n: 3, ranks: true }, changesOfCopies],
  ])("%s", async (_, options, changelogs) => {
    await fc.assert(
      fc.asyncProperty(changelogs, async (steps) => {
        const harness = await openHarness(top(options));
        let standing: readonly Row[] = [];
        for (const { change, table } of steps) {
          harness.push(change);
          const came = harness.take().flatMap((element) => (element.kind === "record" ? [element.value] : []));
          standing = applied(standing, came);
          checkBest(standing, table, options);
        }
        expect(harness.metrics().counters["unknownRows"] ?? 0).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("driven in every way", async () => {
    await fc.assert(
      fc.asyncProperty(changesOfCopies, async (steps: readonly Changed[]) => {
        await driveInEveryWay(
          top({ n: 2, ranks: true }),
          steps.map(({ change }, at) => [change, at]),
        );
      }),
      { numRuns: 10 },
    );
  });

  test("of hundreds of rows, of which the best go one after the other", async () => {
    const harness = await openHarness(top({ n: 2 }));
    const rows = Array.from({ length: 200 }, (_, id) => sale((id * 37) % 101, id));
    let standing: readonly Row[] = [];
    const push = (change: Change<Sale>): void => {
      harness.push(change);
      const came = harness.take().flatMap((element) => (element.kind === "record" ? [element.value] : []));
      standing = applied(standing, came);
    };
    for (const row of rows) push(inserted(row));
    const worst = sale(-1, rows.length);
    const inOrder = [...rows.toSorted((a, b) => b.amount - a.amount || a.id - b.id), worst];
    for (const [at, row] of inOrder.entries()) {
      push(deleted(row));
      // By now the list has room, and there are better rows behind it.
      if (at === 10) push(inserted(worst));
      expect(standing.map((each) => saleOf(each).id)).toEqual(inOrder.slice(at + 1, at + 3).map(({ id }) => id));
    }
    expect([...harness.keys("best"), ...harness.keys("others")]).toEqual([]);
  });
});

const sale = (amount: number, id = amount): Sale => ({ id, shop: "a", amount, note: null });
const text = ({ kind, value }: Change<Row>): string =>
  `${shortKind(kind)} ${isRanked(value) ? `${value.rank}:` : ""}${saleOf(value).amount}/${saleOf(value).id}`;

test("when one of the best goes, the next one comes in its place", async () => {
  const { records } = await driveInEveryWay(top({ n: 2 }), [
    [inserted(sale(5))],
    [inserted(sale(3))],
    [inserted(sale(4))],
    [deleted(sale(5))],
    [deleted(sale(9))],
  ]);
  expect(records.map(text)).toEqual(["+I 5/5", "+I 3/3", "-D 3/3", "+I 4/4", "-D 5/5", "+I 3/3"]);
});

test("of equal rows the earlier stays, and the next one in their order comes up", async () => {
  const { records } = await driveInEveryWay(top({ n: 1 }), [
    [inserted(sale(5, 1))],
    [inserted(sale(5, 2))],
    [inserted(sale(5, 3))],
    [deleted(sale(5, 1))],
  ]);
  expect(records.map(text)).toEqual(["+I 5/1", "-D 5/1", "+I 5/2"]);
});

test("with ids a row that is inserted again is an update, also without a word of how it was", async () => {
  const { records } = await driveInEveryWay(top({ n: 2, id: byId }), [
    [inserted(sale(5, 1))],
    [inserted(sale(3, 2))],
    [updatedTo(sale(1, 1))],
    [inserted(sale(2, 3))],
  ]);
  expect(records.map(text)).toEqual(["+I 5/1", "+I 3/2", "-U 5/1", "+U 1/1", "-D 1/1", "+I 2/3"]);
});

test("as upserts, with ranks, places say what they hold now", async () => {
  const { records } = await driveInEveryWay(top({ n: 2, ranks: true, emit: "upserts" }), [
    [inserted(sale(3))],
    [inserted(sale(5))],
    [updatedFrom(sale(5))],
    [updatedTo(sale(1))],
  ]);
  expect(records.map(text)).toEqual(["+I 1:3/3", "+U 1:5/5", "+I 2:3/3", "+U 1:3/3", "-D 2:3/3", "+I 2:1/1"]);
});

test("a row that goes and was not there is counted", async () => {
  const harness = await openHarness(top({ n: 2 }));
  harness.push(inserted(sale(1)));
  harness.push(deleted(sale(2)));
  expect(harness.records.map(text)).toEqual(["+I 1/1"]);
  expect(harness.metrics().counters["unknownRows"]).toBe(1);
});

test("the best of a running aggregate are the same at any parallelism", async () => {
  const sales = Array.from({ length: 300 }, (_, i) => ({ item: `i${(i * 7) % 23}`, amount: (i * 5) % 61 }));
  const most = new Map<string, number>();
  for (const { item, amount } of sales) most.set(item, Math.max(most.get(item) ?? 0, amount));
  const best = [...most.values()].toSorted((a, b) => b - a).slice(0, 5);
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(sales))
        .keyBy("item")
        .aggregate("most", maximum("amount"), { emit: "changes" })
        .keyBy(() => "all")
        .topNChanges("best", { n: 5, by: ({ value }) => value, ranks: true })
        .to(collectTo("changes")),
    ({ rows }) => {
      const changes = rows<Change<Ranked<{ readonly value: number }>>>("changes");
      const table = materialise(changes, ({ rank }) => rank);
      expect([...table.values()].toSorted((a, b) => a.rank - b.rank).map(({ value }) => value.value)).toEqual(best);
    },
  );
});
