import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectTo, type DataStream, type Duration, fromArray, type JoinType, outputTag } from "../../../index.ts";
import { openTwoInputHarness } from "../../../runtime/testing/index.ts";
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

interface Click {
  readonly user: string;
  readonly page: string;
}

const left = (user: string, page: string, at: number): TwoInputStep<Click, Click> => ({ first: { user, page }, at });
const right = (user: string, page: string, at: number): TwoInputStep<Click, Click> => ({ second: { user, page }, at });

function joined(
  lower: Duration,
  upper: Duration,
  type: JoinType = "inner",
  more: { lowerExclusive?: boolean; upperExclusive?: boolean } = {},
) {
  return (clicks: DataStream<Click>, others: DataStream<Click>): DataStream<string> =>
    clicks
      .keyBy("user")
      .connect(others.keyBy("user"))
      .intervalJoin("join", { type, lower, upper, ...more, join: (a, b) => `${a?.page ?? "-"}${b?.page ?? "-"}` });
}

describe("a record meets those of the other stream", () => {
  test("that are within the bounds, which belong to the interval", async () => {
    const { records, timestamps } = await driveTwoInEveryWay(joined("-2ms", "3ms"), [
      left("u", "a", 10),
      right("u", "1", 7),
      right("u", "2", 8),
      right("u", "3", 13),
      right("u", "4", 14),
      right("v", "5", 10),
    ]);
    expect(records).toEqual(["a2", "a3"]);
    expect(timestamps).toEqual([10, 13]);
  });

  test("whichever comes first", async () => {
    const steps = [right("u", "1", 12), left("u", "a", 10), left("u", "b", 11), right("u", "2", 11)];
    const { records, timestamps } = await driveTwoInEveryWay(joined("0ms", "2ms"), steps);
    expect(records).toEqual(["a1", "b1", "a2", "b2"]);
    expect(timestamps).toEqual([12, 12, 11, 11]);
  });

  test("bounds may be exclusive", async () => {
    const build = joined("-2ms", "3ms", "inner", { lowerExclusive: true, upperExclusive: true });
    const { records } = await driveTwoInEveryWay(build, [
      left("u", "a", 10),
      right("u", "2", 8),
      right("u", "3", 13),
      right("u", "4", 12),
      right("u", "5", 9),
    ]);
    expect(records).toEqual(["a4", "a5"]);
  });

  test("bounds may both be later, or both earlier", async () => {
    const later = await driveTwoInEveryWay(joined("5ms", "6ms"), [right("u", "1", 15), left("u", "a", 10)]);
    expect(later.records).toEqual(["a1"]);
    const earlier = await driveTwoInEveryWay(joined("-6ms", "-5ms"), [right("u", "1", 5), left("u", "a", 10)]);
    expect(earlier.records).toEqual(["a1"]);
  });
});

describe("an outer join", () => {
  const steps = [
    left("u", "a", 10),
    right("u", "1", 11),
    left("u", "b", 20),
    { watermark: 21 },
    right("u", "2", 30),
    { watermark: 22 },
    { watermark: 60 },
  ] as const;

  test("emits what has no match once it can have none, in front of the watermark", async () => {
    const { elements } = await driveTwoInEveryWay(joined("0ms", "2ms", "full"), steps);
    expect(elements).toEqual([
      { kind: "record", value: "a1", timestamp: 11 },
      { kind: "watermark", timestamp: 21 },
      { kind: "record", value: "b-", timestamp: 22 },
      { kind: "watermark", timestamp: 22 },
      { kind: "record", value: "-2", timestamp: 30 },
      { kind: "watermark", timestamp: 60 },
    ]);
  });

  test("of the left stream, or of the right one only", async () => {
    expect((await driveTwoInEveryWay(joined("0ms", "2ms", "left"), steps)).records).toEqual(["a1", "b-"]);
    expect((await driveTwoInEveryWay(joined("0ms", "2ms", "right"), steps)).records).toEqual(["a1", "-2"]);
  });
});

test("a further condition decides what matches, and so what is without a match", async () => {
  const { records } = await driveTwoInEveryWay<Click, Click, string>(
    (clicks, others) =>
      clicks
        .keyBy("user")
        .connect(others.keyBy("user"))
        .intervalJoin("join", {
          type: "left",
          lower: "0s",
          upper: "1s",
          on: (a, b) => a.page === b.page,
          join: (a, b) => `${a.page}${b?.page ?? "-"}`,
        }),
    [left("u", "x", 1), right("u", "x", 2), left("u", "y", 3), { watermark: 5000 }],
  );
  expect(records).toEqual(["xx", "y-"]);
});

test("what comes behind the watermark is late: counted, and put out by its side", async () => {
  const [lateLeft, lateRight] = [outputTag<Click>("left"), outputTag<Click>("right")];
  const harness = await openTwoInputHarness<Click, Click, string>(
    (clicks, others) =>
      clicks
        .keyBy("user")
        .connect(others.keyBy("user"))
        .intervalJoin("join", { lower: "0s", upper: "1s", join: (a, b) => a.page + b.page, lateLeft, lateRight }),
    { sides: [lateLeft as never, lateRight as never] },
  );
  harness.watermark(10);
  harness.watermark2(20);
  harness.push({ user: "u", page: "a" }, 10);
  harness.push2({ user: "u", page: "1" }, 9);
  harness.push2({ user: "u", page: "2" }, 11);
  expect(harness.side(lateLeft)).toEqual([{ user: "u", page: "a" }]);
  expect(harness.side(lateRight)).toEqual([{ user: "u", page: "1" }]);
  expect(harness.metrics().counters).toMatchObject({ lateRecords: 2 });
  await harness.close();
});

test("a record without event time is refused by name", async () => {
  const harness = await openTwoInputHarness(joined("0s", "1s"));
  expect(() => harness.push2({ user: "u", page: "x" })).toThrow(
    /"join" got a record without event time on its right input, so no interval can be told; call withTimestamps/,
  );
  await harness.close();
});

describe("wrong options are refused", () => {
  test.each([
    ["5s", "1s", {}, /the interval of "join" is empty: lower is 5000 ms, upper is 1000 ms/],
    ["1s", "1s", { upperExclusive: true }, /the interval of "join" is empty/],
    ["1x", "2s", {}, /lower of "join" expects a duration/],
  ] as const)("%s to %s", async (lower, upper, more, message) => {
    await expect(openTwoInputHarness(joined(lower as Duration, upper, "inner", more))).rejects.toThrow(message);
  });
});

const numberOf = (key: Item["key"]): number => Number(String(key).slice(1));

function withKey(step: ItemStep, keyOf: (item: Item) => string | number): ItemStep {
  if ("first" in step) return { ...step, first: { ...step.first, key: keyOf(step.first) } };
  return "second" in step ? { ...step, second: { ...step.second, key: keyOf(step.second) } } : step;
}

describe("against brute force", () => {
  const types = fc.constantFrom<JoinType>("inner", "left", "right", "full");
  const bounds = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.nat(12), fc.boolean(), fc.boolean());
  /** Records of numbers alone are kept otherwise than those with texts; and some may be the ones, and some the others. */
  const keyOf = fc.constantFrom<(item: Item) => string | number>(
    ({ key }) => key,
    ({ key }) => numberOf(key),
    ({ id, key }) => (id % 3 === 0 ? key : numberOf(key)),
  );

  test("every pair in time is found once, what has none is emitted once, and nothing behind its watermark", async () => {
    await fc.assert(
      fc.asyncProperty(streams, types, bounds, keyOf, disturbances, async (drawn, type, bounds, keyOf, disturbance) => {
        const steps = drawn.map((step) => withKey(step, keyOf));
        const [lower, length, low, high] = bounds;
        const [lowerExclusive, upperExclusive] = length === 0 ? [false, false] : [low, high];
        const upper = lower + length;
        const elements = await outcome<string>(
          (first, second) =>
            first
              .keyBy("key")
              .connect(second.keyBy("key"))
              .intervalJoin("join", {
                ...{ type, lower: `${lower}ms`, upper: `${upper}ms`, lowerExclusive, upperExclusive },
                join: (a, b) => pairText(a, b),
              }),
          steps,
          disturbance,
        );
        const { left, right } = inTime(steps);
        const matches = (a: Item, b: Item): boolean => {
          const later = b.time - a.time;
          if (a.key !== b.key || later < lower || later > upper) return false;
          return !(lowerExclusive && later === lower) && !(upperExclusive && later === upper);
        };
        const expected = left.flatMap((a) => right.filter((b) => matches(a, b)).map((b) => pairText(a, b)));
        if (type === "left" || type === "full")
          expected.push(...left.filter((a) => !right.some((b) => matches(a, b))).map((a) => pairText(a, undefined)));
        if (type === "right" || type === "full")
          expected.push(...right.filter((b) => !left.some((a) => matches(a, b))).map((b) => pairText(undefined, b)));
        const records = elements.flatMap((element) => (element.kind === "record" ? [element.value] : []));
        expect(records.toSorted()).toEqual(expected.toSorted());
        expect(outOfTime(elements)).toEqual([]);
      }),
      { numRuns: Number(process.env["JOIN_RUNS"] ?? 60) },
    );
  });
});

test("more records than are looked up together, whatever room there is", async () => {
  const items = Array.from({ length: 700 }, (_, id): Item => ({ id, key: `k${id % 9}`, time: 1000 + id }));
  const [left, right] = [items.filter(({ id }) => id % 3 > 0), items.filter(({ id }) => id % 3 === 0)];
  const expected = left.flatMap((a) =>
    right.filter((b) => a.key === b.key && Math.abs(a.time - b.time) <= 30).map((b) => pairText(a, b)),
  );
  const build = (first: DataStream<Item>, second: DataStream<Item>): DataStream<string> =>
    first
      .keyBy("key")
      .connect(second.keyBy("key"))
      .intervalJoin("join", { lower: "-30ms", upper: "30ms", join: pairText });
  for (const blockEvery of [Number.POSITIVE_INFINITY, 7]) {
    const harness = await openTwoInputHarness(build, { blockEvery });
    harness.pushBatch(left.map((item) => [item, item.time]));
    harness.pushBatch2(right.map((item) => [item, item.time]));
    harness.finish();
    expect(harness.records.toSorted()).toEqual(expected.toSorted());
    await harness.close();
  }
});

test("at any parallelism, with a union on one side", async () => {
  const items = (from: number): Item[] =>
    Array.from({ length: 80 }, (_, at) => ({ id: from + at, key: `k${(at * 7) % 11}`, time: at * 5 + ((at * 3) % 7) }));
  const [some, more, others] = [items(0), items(100), items(200)];
  const expected = [...some, ...more]
    .flatMap((a) => others.filter((b) => a.key === b.key && Math.abs(a.time - b.time) <= 60).map((b) => pairText(a, b)))
    .toSorted();
  expect(expected.length).toBeGreaterThan(50);
  await runEverywhere(
    (env) => {
      const timed = (name: string, from: readonly Item[]): DataStream<Item> =>
        env
          .from(fromArray(from), { name })
          .withTimestamps(({ time }) => time, { name: `times of ${name}`, outOfOrderness: "20ms" });
      timed("some", some)
        .union(timed("more", more))
        .keyBy("key")
        .connect(timed("others", others).keyBy("key"))
        .intervalJoin("join", { lower: "-60ms", upper: "60ms", join: pairText })
        .to(collectTo("out"));
    },
    ({ rows }) => expect(rows<string>("out").toSorted()).toEqual(expected),
  );
});
