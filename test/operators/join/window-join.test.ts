import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  collectTo,
  type DataStream,
  type EitherRecord,
  fromArray,
  type JoinType,
  outputTag,
  session,
  sliding,
  tumbling,
  valueState,
} from "../../../index.ts";
import { driveTwoInEveryWay, type TwoInputStep } from "../drive-two.ts";
import { runEverywhere } from "../run-everywhere.ts";
import { disturbances, type Item, type ItemStep, outcome, outOfTime, pairText, streams } from "./random-streams.ts";

type Streams = readonly [DataStream<Item>, DataStream<Item>];

const left = (id: number, key: string, time: number): TwoInputStep<Item, Item> => ({
  first: { id, key, time },
  at: time,
});
const right = (id: number, key: string, time: number): TwoInputStep<Item, Item> => ({
  second: { id, key, time },
  at: time,
});

const connected = (...[first, second]: Streams) => first.keyBy("key").connect(second.keyBy("key"));

const steps = [
  left(1, "a", 1),
  right(2, "a", 9),
  right(3, "a", 10),
  left(4, "b", 5),
  left(5, "a", 8),
  { watermark: 9 },
  right(6, "b", 9),
  { watermark: 40 },
] as const;

describe("a window join", () => {
  test.each([
    ["inner", ["1 2", "5 2"]],
    ["left", ["1 2", "5 2", "4 -"]],
    ["right", ["1 2", "5 2", "- 3"]],
    ["full", ["1 2", "5 2", "4 -", "- 3"]],
  ] as const)("%s", async (type, expected) => {
    const { records } = await driveTwoInEveryWay<Item, Item, string>(
      (...streams) =>
        connected(...streams)
          .window(tumbling("10ms"))
          .join("join", { type, join: pairText }),
      steps,
      { keysInAnyOrder: true },
    );
    expect(records.toSorted()).toEqual(expected.toSorted());
  });

  test("sessions are of the records of both streams", async () => {
    const { records, timestamps } = await driveTwoInEveryWay<Item, Item, string>(
      (...streams) =>
        connected(...streams)
          .window(session("10ms"))
          .join("join", { type: "full", join: pairText }),
      [left(1, "a", 1), right(2, "a", 10), left(3, "a", 19), right(4, "a", 40), { watermark: 100 }],
    );
    expect(records).toEqual(["1 2", "3 2", "- 4"]);
    expect(timestamps).toEqual([28, 28, 49]);
  });

  test("what comes too late is put out with the input that it came on", async () => {
    const late = outputTag<EitherRecord<Item, Item>>("late");
    const { records, sides } = await driveTwoInEveryWay<Item, Item, string>(
      (...streams) =>
        connected(...streams)
          .window(tumbling("10ms"), { late })
          .join("join", { join: pairText }),
      steps,
      { sides: [late as never] },
    );
    expect(records.toSorted()).toEqual(["1 2", "5 2"]);
    expect(sides).toEqual({ late: [{ second: { id: 6, key: "b", time: 9 } }] });
  });

  test("within the allowed lateness a record makes the results of its window anew", async () => {
    const { records } = await driveTwoInEveryWay<Item, Item, string>(
      (...streams) =>
        connected(...streams)
          .window(tumbling("10ms"), { allowedLateness: "5ms" })
          .join("join", { join: pairText }),
      [left(1, "a", 1), right(2, "a", 2), { watermark: 9 }, right(3, "a", 3), { watermark: 50 }],
    );
    expect(records).toEqual(["1 2", "1 2", "1 3"]);
  });
});

test("a co-group gets both lists, one of which may be empty, and keeps state by key", async () => {
  const { records } = await driveTwoInEveryWay<Item, Item, string>(
    (...streams) =>
      connected(...streams)
        .window(tumbling("10ms"))
        .coGroup("group", {
          state: { windows: valueState(0) },
          process(key, { start }, lefts, rights, { state: { windows } }) {
            windows.update((count) => count + 1);
            return [`${key}${start}: ${lefts.map(({ id }) => id)}|${rights.map(({ id }) => id)} #${windows.get()}`];
          },
        }),
    steps,
    { keysInAnyOrder: true },
  );
  expect(records.toSorted()).toEqual(["a0: 1,5|2 #1", "a10: |3 #2", "b0: 4| #1"]);
});

describe("against brute force", () => {
  const types = fc.constantFrom<JoinType>("inner", "left", "right", "full");
  const cuts = fc.constantFrom([10, 10], [10, 5], [12, 4]);

  /** The records that still have an open window when they come. */
  function inTime(given: readonly ItemStep[], windowsOf: (time: number) => readonly number[], size: number) {
    const [lefts, rights]: [(readonly [Item, number])[], (readonly [Item, number])[]] = [[], []];
    const marks = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY] as [number, number];
    for (const step of given) {
      if ("watermark" in step) {
        if (step.of !== 2) marks[0] = Math.max(marks[0], step.watermark);
        if (step.of !== 1) marks[1] = Math.max(marks[1], step.watermark);
      } else if ("first" in step || "second" in step) {
        const item = "first" in step ? step.first : step.second;
        for (const start of windowsOf(item.time))
          if (start + size - 1 > Math.min(...marks)) ("first" in step ? lefts : rights).push([item, start]);
      }
    }
    return [lefts, rights] as const;
  }

  test("each window joins what it holds of both streams, once", async () => {
    await fc.assert(
      fc.asyncProperty(
        streams,
        types,
        cuts,
        disturbances,
        async (given, type, [size = 10, slide = 10], disturbance) => {
          const window = size === slide ? tumbling(`${size}ms`) : sliding(`${size}ms`, `${slide}ms`);
          const elements = await outcome<string>(
            (...both) =>
              connected(...both)
                .window(window)
                .join("join", { type, join: pairText }),
            given,
            disturbance,
          );
          const windowsOf = (time: number): number[] => {
            const last = Math.floor(time / slide) * slide;
            return Array.from({ length: size / slide }, (_, at) => last - at * slide);
          };
          const [lefts, rights] = inTime(given, windowsOf, size);
          const meet = ([a, s]: readonly [Item, number], [b, t]: readonly [Item, number]): boolean =>
            a.key === b.key && s === t;
          const expected = lefts.flatMap((a) => rights.filter((b) => meet(a, b)).map((b) => pairText(a[0], b[0])));
          if (type === "left" || type === "full")
            expected.push(...lefts.filter((a) => !rights.some((b) => meet(a, b))).map(([a]) => pairText(a, undefined)));
          if (type === "right" || type === "full")
            expected.push(...rights.filter((b) => !lefts.some((a) => meet(a, b))).map(([b]) => pairText(undefined, b)));
          const records = elements.flatMap((element) => (element.kind === "record" ? [element.value] : []));
          expect(records.toSorted()).toEqual(expected.toSorted());
          expect(outOfTime(elements)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

test("at any parallelism", async () => {
  const items = (from: number): Item[] =>
    Array.from({ length: 90 }, (_, at) => ({ id: from + at, key: `k${(at * 5) % 7}`, time: at * 3 }));
  const [some, others] = [items(0), items(100)];
  const windowOf = ({ time }: Item): number => Math.floor(time / 20);
  const expected = some
    .flatMap((a) => others.filter((b) => a.key === b.key && windowOf(a) === windowOf(b)).map((b) => pairText(a, b)))
    .toSorted();
  await runEverywhere(
    (env) => {
      const timed = (name: string, from: readonly Item[]): DataStream<Item> =>
        env
          .from(fromArray(from), { name })
          .withTimestamps(({ time }) => time, { name: `times of ${name}`, outOfOrderness: "9ms" });
      connected(timed("some", some), timed("others", others))
        .window(tumbling("20ms"))
        .join("join", { join: pairText })
        .to(collectTo("out"));
    },
    ({ rows }) => expect(rows<string>("out").toSorted()).toEqual(expected),
  );
});
