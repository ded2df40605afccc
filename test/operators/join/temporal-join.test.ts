import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectTo, type DataStream, type Duration, fromArray, outputTag } from "../../../index.ts";
import { type HarnessSnapshot, openTwoInputHarness } from "../../../runtime/testing/index.ts";
import { driveTwoInEveryWay, type TwoInputStep } from "../drive-two.ts";
import { runEverywhere } from "../run-everywhere.ts";
import {
  disturbances,
  type Item,
  type ItemStep,
  inTime,
  outcome,
  outOfTime,
  pairText,
  streams,
} from "./random-streams.ts";

interface Order {
  readonly currency: string;
  readonly amount: number;
}

interface Rate {
  readonly currency: string;
  readonly rate: number;
}

const order = (amount: number, at: number): TwoInputStep<Order, Rate> => ({ first: { currency: "eur", amount }, at });
const rate = (rate: number, at: number): TwoInputStep<Order, Rate> => ({ second: { currency: "eur", rate }, at });
const late = outputTag<Order>("late");

const joined =
  (type: "inner" | "left") =>
  (orders: DataStream<Order>, rates: DataStream<Rate>): DataStream<string> =>
    orders
      .keyBy("currency")
      .connect(rates.keyBy("currency"))
      .temporalJoin("convert", {
        type: type as "left",
        deleted: ({ rate }) => rate === 0,
        join: ({ amount }, row) => `${amount} at ${row?.rate ?? "-"}`,
        late,
      });

describe("a record gets the row of its time", () => {
  test("whichever comes first, and however late the row is", async () => {
    const { elements } = await driveTwoInEveryWay(joined("inner"), [
      order(1, 250),
      order(2, 150),
      rate(7, 200),
      rate(5, 100),
      rate(9, 300),
      { watermark: 199 },
      order(3, 350),
      { watermark: 1000 },
    ]);
    expect(elements).toEqual([
      { kind: "record", value: "2 at 5", timestamp: 150 },
      { kind: "watermark", timestamp: 199 },
      { kind: "record", value: "1 at 7", timestamp: 250 },
      { kind: "record", value: "3 at 9", timestamp: 350 },
      { kind: "watermark", timestamp: 1000 },
    ]);
  });

  test("without one it is dropped, or joined with undefined; a row may say that there is none any more", async () => {
    const steps = [order(1, 50), rate(5, 100), order(2, 150), rate(0, 200), order(3, 250), { watermark: 1000 }];
    expect((await driveTwoInEveryWay(joined("inner"), steps)).records).toEqual(["2 at 5"]);
    expect((await driveTwoInEveryWay(joined("left"), steps)).records).toEqual(["1 at -", "2 at 5", "3 at -"]);
  });

  test("the latest row stays however old it is", async () => {
    const steps = [
      rate(4, 10),
      rate(5, 20),
      { watermark: 100_000 },
      order(1, 100_050),
      { watermark: 200_000 },
    ] as const;
    expect((await driveTwoInEveryWay(joined("inner"), steps)).records).toEqual(["1 at 5"]);
  });

  test("behind the watermark it is late", async () => {
    const { records, sides } = await driveTwoInEveryWay(
      joined("inner"),
      [rate(5, 10), { watermark: 100 }, order(1, 100), { watermark: 1000 }],
      { sides: [late as never] },
    );
    expect(records).toEqual([]);
    expect(sides).toEqual({ late: [{ currency: "eur", amount: 1 }] });
  });
});

describe("what is forgotten", () => {
  const clicks = (keep: Duration | "forever") => (orders: DataStream<Order>, rates: DataStream<Rate>) =>
    orders
      .keyBy("currency")
      .connect(rates.keyBy("currency"))
      .temporalJoin("convert", { keep, join: ({ amount }, { rate }) => `${amount} at ${rate}` });

  test("rows that others have replaced, though no row comes any more", async () => {
    const harness = await openTwoInputHarness(clicks("forever"));
    for (let at = 0; at < 5000; at++) harness.push2({ currency: "eur", rate: at }, at);
    harness.watermark(6000);
    harness.watermark2(6000);
    expect(bytesOf(harness.snapshot())).toBeLessThan(1000);
    harness.push({ currency: "eur", amount: 1 }, 7000);
    harness.finish();
    expect(harness.records).toEqual(["1 at 4999"]);
  });

  test("rows that have become too old, and their keys", async () => {
    const harness = await openTwoInputHarness(clicks("1s"));
    for (let at = 0; at < 5000; at++) harness.push2({ currency: `c${at}`, rate: at }, at);
    harness.push({ currency: "c4000", amount: 1 }, 5000);
    harness.push({ currency: "c3999", amount: 2 }, 5000);
    harness.watermark(10_000);
    harness.watermark2(10_000);
    expect(harness.records).toEqual(["1 at 4000"]);
    expect(bytesOf(harness.snapshot())).toBeLessThan(1000);
    await harness.close();
  });
});

const ages = fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined });

test("against brute force: rows and records in disorder", async () => {
  const spread = (step: ItemStep): ItemStep => {
    const wide = (item: Item): Item => ({ ...item, time: item.time * 25 });
    if ("first" in step) return { first: wide(step.first), at: step.first.time * 25 };
    if ("second" in step) return { second: wide(step.second), at: step.second.time * 25 };
    return "watermark" in step ? { ...step, watermark: step.watermark * 25 } : step;
  };
  await fc.assert(
    fc.asyncProperty(streams, fc.boolean(), disturbances, ages, async (given, left, disturbance, keep) => {
      const steps = given.map(spread);
      const { left: records, right: rows } = inTime(steps);
      // What two rows of one time and key make depends on which of them came last: leave the others out.
      const versions = rows.filter(
        (row, at) => !rows.some((other, o) => o > at && other.key === row.key && other.time === row.time),
      );
      const type = left ? "left" : "inner";
      const wanted = steps.filter((step) => !("second" in step) || rows.includes(step.second));
      const elements = await outcome<string>(
        (first, second) =>
          first
            .keyBy("key")
            .connect(second.keyBy("key"))
            .temporalJoin("join", {
              ...{ type: type as "left", join: pairText },
              keep: keep === undefined ? "forever" : { milliseconds: keep },
            }),
        wanted,
        disturbance,
      );
      const expected = records.flatMap((record) => {
        const row = versions
          .filter(({ key, time }) => key === record.key && time <= record.time)
          .toSorted((a, b) => b.time - a.time)
          .slice(0, 1)
          .find(({ time }) => keep === undefined || record.time - time <= keep);
        return row !== undefined || left ? [pairText(record, row)] : [];
      });
      const out = elements.flatMap((element) => (element.kind === "record" ? [element.value] : []));
      expect(out.toSorted()).toEqual(expected.toSorted());
      expect(outOfTime(elements)).toEqual([]);
    }),
    { numRuns: Number(process.env["JOIN_RUNS"] ?? 60) },
  );
});

test("at any parallelism", async () => {
  const items = (from: number, step: number): Item[] =>
    Array.from({ length: 50 }, (_, at) => ({ id: from + at, key: `k${at % 5}`, time: 1000 + at * step }));
  const [records, rows] = [items(0, 70), items(100, 63)];
  const expected = records.flatMap((record) => {
    const row = rows.filter(({ key, time }) => key === record.key && time <= record.time).at(-1);
    return row === undefined ? [] : [pairText(record, row)];
  });
  await runEverywhere(
    (env) => {
      const timed = (name: string, from: readonly Item[]): DataStream<Item> =>
        env
          .from(fromArray(from), { name })
          .withTimestamps(({ time }) => time, { name: `times of ${name}`, outOfOrderness: "500ms" });
      timed("records", records)
        .keyBy("key")
        .connect(timed("rows", rows).keyBy("key"))
        .temporalJoin("join", { join: pairText })
        .to(collectTo("out"));
    },
    ({ rows: out }) => expect(out<string>("out").toSorted()).toEqual(expected.toSorted()),
  );
});

function bytesOf(snapshot: HarnessSnapshot): number {
  const parts = [...snapshot.values()].flatMap(({ keyed }) => [...(keyed?.values() ?? [])].flat());
  return parts.reduce((sum, part) => sum + part.length, 0);
}
