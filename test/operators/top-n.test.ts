import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Change,
  collectTo,
  counting,
  type DataStream,
  fromArray,
  materialise,
  type Ranked,
  shortKind,
  type TopNOptions,
  tumbling,
} from "../../index.ts";
import { openHarness } from "../../runtime/testing/index.ts";
import { driveInEveryWay, type Step } from "./drive.ts";
import { runEverywhere } from "./run-everywhere.ts";

interface Bid {
  readonly auction: string;
  readonly bidder: number;
  readonly price: number;
}

type Row = Bid | Ranked<Bid>;

const bid = (auction: string, price: number, bidder = 0): Step<Bid> => [{ auction, bidder, price }];
const top = (options: Omit<TopNOptions<Bid>, "by">) => (input: DataStream<Bid>) =>
  input.keyBy("auction").topN("top", { ...options, by: "price" }) as unknown as DataStream<Change<Row>>;

const rowText = (row: Row): string =>
  "rank" in row
    ? `${row.rank}:${rowText(row.value)}`
    : `${row.auction}${row.price}${row.bidder === 0 ? "" : `/${row.bidder}`}`;
const text = ({ kind, value }: Change<Row>): string => `${shortKind(kind)} ${rowText(value)}`;

/** The rows that stand after all changes; each that is taken out must have been there. */
function standing(changes: readonly Change<Row>[]): string[] {
  const rows: string[] = [];
  for (const { kind, value } of changes) {
    const row = rowText(value);
    if (kind === "insert" || kind === "updateAfter") rows.push(row);
    else {
      const at = rows.indexOf(row);
      if (at < 0) throw new Error(`${kind} of ${row}, which is not there`);
      rows.splice(at, 1);
    }
  }
  return rows.toSorted();
}

test("upserts are the changes without rows as they were before an update", async () => {
  const steps = [bid("a", 5), bid("a", 3), bid("b", 1), bid("a", 4), bid("a", 9), bid("a", 2), bid("a", 5)];
  for (const options of [{ n: 2 }, { n: 2, ranks: true }, { n: 2, id: ({ bidder }: Bid) => bidder, improving: true }]) {
    const changes = await driveInEveryWay(top(options), steps);
    const upserts = await driveInEveryWay(top({ ...options, emit: "upserts" }), steps);
    const expected = changes.records.map(text).filter((change) => !change.startsWith("-U"));
    expect(upserts.records.map(text)).toEqual(expected);
  }
});

test("the best rows are inserted, and those that they drive out are deleted", async () => {
  const { records } = await driveInEveryWay(top({ n: 2 }), [
    bid("a", 5),
    bid("a", 3),
    bid("b", 1),
    bid("a", 4),
    bid("a", 2),
  ]);
  expect(records.map(text)).toEqual(["+I a5", "+I a3", "+I b1", "-D a3", "+I a4"]);
});

test("of equal rows the earlier stays", async () => {
  const { records } = await driveInEveryWay(top({ n: 1 }), [bid("a", 5, 1), bid("a", 5, 2), bid("a", 6, 3)]);
  expect(records.map(text)).toEqual(["+I a5/1", "-D a5/1", "+I a6/3"]);
});

test("ascending, the smallest are the best", async () => {
  const { records } = await driveInEveryWay(top({ n: 1, order: "ascending" }), [bid("a", 5), bid("a", 6), bid("a", 3)]);
  expect(records.map(text)).toEqual(["+I a5", "-D a5", "+I a3"]);
});

test("with ranks, every place that holds another row is updated", async () => {
  const { records } = await driveInEveryWay(top({ n: 3, ranks: true }), [
    bid("a", 5),
    bid("a", 3),
    bid("a", 4),
    bid("a", 6),
  ]);
  expect(records.map(text)).toEqual([
    "+I 1:a5",
    "+I 2:a3",
    ...["-U 2:a3", "+U 2:a4", "+I 3:a3"],
    ...["-U 1:a5", "+U 1:a6", "-U 2:a4", "+U 2:a5", "-U 3:a3", "+U 3:a4"],
  ]);
});

test("a key's rows are forgotten when they were not changed for long", async () => {
  const { records } = await driveInEveryWay(top({ n: 1, ttl: "10ms" }), [
    bid("a", 5),
    { advanceTime: 9 },
    bid("a", 4),
    { advanceTime: 1 },
    bid("a", 3),
  ]);
  expect(records.map(text)).toEqual(["+I a5", "+I a3"]);
});

describe("versions of rows", () => {
  const id = ({ bidder }: Bid): number => bidder;

  test("replace each other", async () => {
    const { records } = await driveInEveryWay(top({ n: 2, id, improving: true }), [
      bid("a", 1, 1),
      bid("a", 2, 2),
      bid("a", 3, 1),
      bid("a", 5, 3),
    ]);
    expect(records.map(text)).toEqual(["+I a1/1", "+I a2/2", "-U a1/1", "+U a3/1", "-D a2/2", "+I a5/3"]);
  });

  test("that get worse let others in", async () => {
    const { records } = await driveInEveryWay(top({ n: 1, id }), [
      bid("a", 5, 1),
      bid("a", 4, 2),
      bid("a", 3, 3),
      bid("a", 1, 1),
    ]);
    expect(records.map(text)).toEqual(["+I a5/1", "-D a5/1", "+I a4/2"]);
  });
});

describe.each([
  ["each record a row", undefined],
  ["versions of rows", ({ bidder }: Bid) => bidder],
] as const)("random records, %s, against the sorted ones", (_, id) => {
  test.each([true, false])("with ranks: %s", async (ranks) => {
    const record = fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 4 }));
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 14 }), fc.integer({ min: 1, max: 3 }), async (all, n) => {
        const build = top({ n, ranks, ...(id === undefined ? {} : { id }) });
        const { records } = await driveInEveryWay(
          build,
          all.map(([auction, price, bidder]) => bid(auction, price, bidder)),
        );
        const scores = (auction: string): number[] => {
          const rows = all.filter(([each]) => each === auction);
          const last =
            id === undefined
              ? rows
              : rows.filter(([, , bidder], at) => !rows.slice(at + 1).some((later) => later[2] === bidder));
          return last
            .map(([, price]) => price)
            .toSorted((a, b) => b - a)
            .slice(0, n);
        };
        const rows = standing(records as readonly Change<Row>[]);
        const expected = ["a", "b"].flatMap((auction) =>
          scores(auction).map((price, at) => (ranks ? `${at + 1}:${auction}${price}` : `${auction}${price}`)),
        );
        expect(rows.map((row) => row.replace(/\/\d+$/, "")).toSorted()).toEqual(expected.toSorted());
      }),
      { numRuns: 25 },
    );
  });
});

test("at the watermark, the best of each time come out once, in order", async () => {
  const at = (price: number, timestamp: number): Step<Bid> => [{ auction: "a", bidder: 0, price }, timestamp];
  const { elements } = await driveInEveryWay(
    (input) => input.keyBy("auction").topN("top", { n: 2, by: "price", emit: "watermark", ranks: true }),
    [at(1, 9), at(3, 9), at(7, 19), at(2, 9), { watermark: 9 }, at(8, 9), { watermark: 20 }],
  );
  expect(
    elements.map((each) => (each.kind === "record" ? `${rowText(each.value)} at ${each.timestamp}` : each.kind)),
  ).toEqual([...["1:a3 at 9", "2:a2 at 9", "watermark", "1:a7 at 19", "watermark"]]);
});

test("at the watermark, records that are late are counted", async () => {
  const harness = await openHarness<Bid, Bid>((input) =>
    input.keyBy("auction").topN("top", { n: 1, by: "price", emit: "watermark" }),
  );
  harness.watermark(10);
  harness.push({ auction: "a", bidder: 0, price: 1 }, 10);
  expect(harness.metrics().counters["lateRecords"]).toBe(1);
  expect(harness.records).toEqual([]);
});

test("the hottest auctions of each window, at any parallelism", async () => {
  const bids = Array.from({ length: 300 }, (_, i) => ({ auction: `a${(i * i) % 13}`, bidder: i, price: i }));
  const expected = [0, 100, 200].map((start) => {
    const counts = new Map<string, number>();
    for (const { auction } of bids.slice(start, start + 100)) counts.set(auction, (counts.get(auction) ?? 0) + 1);
    return Math.max(...counts.values());
  });
  await runEverywhere(
    (env) =>
      env
        .from(fromArray(bids), { parallelism: 1 })
        .withTimestamps(({ price }) => price)
        .keyBy("auction")
        .window(tumbling("100ms"))
        .aggregate("counts", counting())
        .keyBy("windowStart")
        .topN("hottest", { n: 1, by: "value", emit: "watermark" })
        .to(collectTo("hottest rows")),
    ({ rows }) => {
      const hottest = rows<{ windowStart: number; value: number }>("hottest rows");
      expect(hottest.toSorted((a, b) => a.windowStart - b.windowStart).map(({ value }) => value)).toEqual(expected);
    },
  );
});

test("what cannot be ordered is refused with the record", async () => {
  const harness = await openHarness<Bid, Change<Bid>>((input) =>
    input.keyBy("auction").topN("top", { n: 1, by: "price" }),
  );
  expect(() => {
    harness.push({ auction: "a", bidder: 1, price: Number.NaN });
    harness.push({ auction: "a", bidder: 1, price: 1 });
  }).toThrow(/cannot order a record by NaN/);
});

test("a changelog of upserts makes the table of last records", async () => {
  const record = fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 0, max: 3 }));
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 12 }), async (all) => {
      const { records } = await driveInEveryWay<Bid, Change<Bid>>(
        (input) =>
          input.keyBy("auction").toChangelog("table", {
            deleted: ({ price }) => price === 0,
            unchanged: (before, after) => before.price === after.price,
          }),
        all.map(([auction, price]) => bid(auction, price)),
      );
      const expected = new Map<string, number>();
      for (const [auction, price] of all) {
        if (price === 0) expected.delete(auction);
        else expected.set(auction, price);
      }
      const table = materialise(records, ({ auction }) => auction);
      expect(new Map([...table].map(([auction, { price }]) => [auction, price]))).toEqual(expected);
      expect(standing(records)).toEqual([...expected].map(([auction, price]) => `${auction}${price}`).toSorted());
    }),
    { numRuns: 25 },
  );
});
