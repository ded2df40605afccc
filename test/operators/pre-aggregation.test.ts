/** Aggregating before the shuffle: the results are those without it, whatever comes in whatever order. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  PRE_AGGREGATE_HOLD_MS,
  PRE_AGGREGATE_HOT_REPLACED_EVERY,
  PRE_AGGREGATE_HOT_REST_RECORDS,
  PRE_AGGREGATE_HOT_TRIAL_RECORDS,
  PRE_AGGREGATE_TRIAL_RECORDS,
} from "../../core/limits.ts";
import {
  type Aggregate,
  aggregates,
  approximateDistinct,
  averaging,
  collectTo,
  counting,
  countingDistinct,
  countTrigger,
  type DataStream,
  defineJob,
  type Environment,
  fromArray,
  type KeyedStream,
  maximum,
  minimum,
  session,
  sliding,
  summing,
  topN,
  tumbling,
  type WindowResult,
} from "../../index.ts";
import type { WindowSpec } from "../../operators/window/partials.ts";
import { recordsOf } from "../../operators/window/partials.ts";
import { type HeldKeys, PreAggregator } from "../../operators/window/pre-aggregator.ts";
import { explain } from "../../runtime/graph/explain.ts";
import { planJob } from "../../runtime/graph/plan.ts";
import { runInThread, VirtualClock } from "../../runtime/testing/index.ts";
import { runEverywhere } from "./run-everywhere.ts";

interface Reading {
  readonly key: string | number;
  readonly value: number;
  readonly time: number;
}

const window = tumbling("10ms");

function spec(aggregate: unknown): WindowSpec {
  const key = { select: (value: Reading) => value.key, fields: undefined };
  return { kind: "window", key, window, aggregate, allowedLatenessMs: 0, late: undefined } as unknown as WindowSpec;
}

function preAggregator(aggregate: unknown = counting(), keys: HeldKeys = "all") {
  const sent: { readonly value: Record<string, unknown>; readonly timestamp: number }[] = [];
  const clock = new VirtualClock();
  const one = new PreAggregator({
    spec: spec(aggregate),
    keys,
    operator: "window",
    clock,
    push: (value, timestamp) => sent.push({ value: value as Record<string, unknown>, timestamp }),
    pushPartial: (value, _, timestamp) => sent.push({ value: value as Record<string, unknown>, timestamp }),
    failure: (cause) => cause as Error,
  });
  const push = (key: unknown, time: number, value = 1): void => one.push({ key, value, time }, time);
  return { one, sent, clock, push };
}

describe("what is held", () => {
  test("is one partial for each key and pane, sent before the first window that it is in fires", () => {
    const { one, sent, push } = preAggregator();
    for (const [key, time] of [
      ["a", 1],
      ["b", 2],
      ["a", 3],
      ["a", 12],
    ] as const)
      push(key, time);
    one.watermark(8);
    expect(sent).toEqual([]);
    one.watermark(9);
    expect(sent.toSorted((a, b) => a.timestamp - b.timestamp)).toEqual([
      { value: { "~records": 2, key: "a", c0: 2 }, timestamp: 1 },
      { value: { "~records": 1, key: "b", c0: 1 }, timestamp: 2 },
      { value: { "~records": 1, key: "a", c0: 1 }, timestamp: 12 },
    ]);
  });

  test("keeps keys of all kinds apart", () => {
    const { one, sent, push } = preAggregator();
    const keys = [1, "1", 1n, true, new Date(1), [1, "1"], [1, 1], ["1", 1]];
    for (const key of [...keys, ...keys.map((each) => structuredClone(each))]) push(key, 1);
    one.send();
    expect(sent.map(({ value }) => value["~records"])).toEqual(keys.map(() => 2));
  });

  test("is sent when it has been held for long", () => {
    const { one, sent, clock, push } = preAggregator();
    push("a", 1);
    clock.advanceTo(PRE_AGGREGATE_HOLD_MS - 1);
    one.flush();
    expect(sent).toEqual([]);
    clock.advanceTo(PRE_AGGREGATE_HOLD_MS);
    one.flush();
    expect(sent.length).toBe(1);
    one.send();
    expect(sent.length).toBe(1);
  });
});

test("a key that comes often is held among any number of others", () => {
  const { one, sent, push } = preAggregator();
  const records = 4 * PRE_AGGREGATE_TRIAL_RECORDS;
  for (let i = 0; i < records; i++) push(i % 2 === 0 ? "hot" : i, 1);
  one.send();
  expect(sent.filter(({ value }) => value["key"] === "hot").length).toBeLessThan(records / 1000);
  expect(sent.reduce((sum, { value }) => sum + (value["~records"] as number), 0)).toBe(records);
});

test("where no key comes twice, records are sent as they come, and after a while it is tried again", () => {
  const { one, sent, push } = preAggregator(summing<Reading>("value"));
  let next = 0;
  const pushNew = (count: number): void => {
    for (let i = 0; i < count; i++) push(next++, 1, 3);
  };
  pushNew(PRE_AGGREGATE_TRIAL_RECORDS * 2);
  expect(sent.length).toBeGreaterThan(PRE_AGGREGATE_TRIAL_RECORDS * 2 - 10);
  pushNew(1);
  expect(sent.at(-1)).toEqual({ value: { key: next - 1, value: 3, time: 1 }, timestamp: 1 });
  pushNew(PRE_AGGREGATE_TRIAL_RECORDS * 20);
  const held = sent.length;
  one.send();
  expect(sent.length).toBe(next);
  expect(sent.length - held).toBeGreaterThanOrEqual(0);
});

test("what cannot be a key or a number is refused with its record", () => {
  const { push } = preAggregator(summing<Reading>("value"));
  expect(() => push(Number.NaN, 1)).toThrow(/was given NaN as a key/);
  expect(() => push("a", 1, "2" as never)).toThrow(/got a string instead of a number/);
});

describe("where only named fields are sent", () => {
  test("single records go as they are, partials in an array", () => {
    const { one, sent, push } = preAggregator(counting(), "hot");
    for (const key of ["a", "b", "a"]) push(key, 1);
    one.send();
    expect(sent.map(({ value }) => value)).toEqual(
      expect.arrayContaining([[{ "~records": 2, key: "a", c0: 2 }], { key: "b", value: 1, time: 1 }]),
    );
    expect(sent.length).toBe(2);
  });

  test("a hot key is held while all others go by, most of them at once", () => {
    const { one, sent, push } = preAggregator(summing<Reading>("value"), "hot");
    const records = 8 * PRE_AGGREGATE_HOT_TRIAL_RECORDS;
    for (let i = 0; i < records; i++) push(i % 2 === 0 ? "hot" : i, 1, i);
    one.send();
    const hot = sent.filter(({ value }) => (Array.isArray(value) ? value[0] : value).key === "hot");
    // Until it has taken a place over, at the worst after as many misses as go by.
    expect(hot.length).toBeLessThan(4 * PRE_AGGREGATE_HOT_REPLACED_EVERY);
    expect(sent.reduce((sum, { value }) => sum + recordsOf(value), 0)).toBe(records);
  });

  test("without hot keys it is given up, and tried again after a while", () => {
    const { one, sent, push } = preAggregator(counting(), "hot");
    let next = 0;
    const pushNew = (count: number): void => {
      for (let i = 0; i < count; i++) push(next++, 1);
    };
    pushNew(2 * PRE_AGGREGATE_HOT_TRIAL_RECORDS);
    for (let i = 0; i < 10; i++) push("hot", 1);
    expect(sent.slice(-10).map(({ value }) => value["key"])).toEqual(Array.from({ length: 10 }, () => "hot"));
    pushNew(PRE_AGGREGATE_HOT_REST_RECORDS);
    const before = sent.length;
    for (let i = 0; i < 10; i++) push("hot", 1);
    one.send();
    expect(sent.slice(before).filter(({ value }) => recordsOf(value) > 1)).toEqual([
      { value: [{ "~records": 10, key: "hot", c0: 10 }], timestamp: 1 },
    ]);
  });
});

const kinds: Readonly<Record<string, () => Aggregate<Reading, never, unknown>>> = {
  columns: () =>
    aggregates<Reading, Readonly<Record<string, number>>>({
      n: counting(),
      sum: summing("value"),
      low: minimum("value"),
      high: maximum("value"),
      mean: averaging("value"),
    }) as Aggregate<Reading, never, unknown>,
  values: () =>
    aggregates<Reading, Readonly<Record<string, unknown>>>({
      n: counting(),
      kinds: countingDistinct("value"),
      about: approximateDistinct("value"),
      best: topN({ n: 2, by: "value" }),
    }) as Aggregate<Reading, never, unknown>,
};

const readings = fc.array(
  fc.record({
    key: fc.constantFrom<string | number>("hot", "hot", "hot", "a", "b", 1, 2, 3),
    value: fc.integer({ min: -50, max: 50 }),
    time: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 80 },
);

describe.each(Object.entries(kinds))("windows of %s", (_, aggregate) => {
  test.each([
    ["tumbling", tumbling("10ms")],
    ["sliding", sliding("20ms", "5ms")],
  ])(
    "%s: the same results with and without, disorder and late records among them",
    { timeout: 120_000 },
    async (_name, each) => {
      await fc.assert(
        fc.asyncProperty(
          readings,
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 1, max: 50 }),
          async (all, ahead, seed) => {
            const build = (preAggregate: boolean | "hotKeys") => (env: Environment) =>
              env
                .from(fromArray(all), { parallelism: 1 })
                // By one subtask and by each record, so that which records are late does not hang on who runs when.
                .withTimestamps(({ time }) => time, { punctuated: ({ time }) => time - ahead, parallelism: 1 })
                .keyBy("key")
                .window(each, { preAggregate })
                .aggregate("results", aggregate() as never)
                .to(collectTo("rows"));
            const results: string[][] = [];
            for (const preAggregate of [true, "hotKeys", false] as const) {
              for (const parallelism of [2, 3]) {
                const handle = await runInThread(defineJob(import.meta, "windows", build(preAggregate)), {
                  parallelism,
                  seed,
                });
                const { operators } = await handle.result;
                const rows = handle
                  .collect<WindowResult<string, unknown>>("rows")
                  .map((row) => JSON.stringify(row))
                  .toSorted();
                results.push([...rows, `late ${operators["results"]?.counters["lateRecords"] ?? 0}`]);
              }
            }
            for (const other of results.slice(1)) expect(other).toEqual(results[0]);
          },
        ),
        { numRuns: 5 },
      );
    },
  );
});

test.each([
  ["of all keys", { preAggregate: true }],
  ["of hot keys", { preAggregate: "hotKeys" as const }],
])(
  "many subtasks send partials %s, and a window counts every record once",
  { timeout: 120_000 },
  async (_, options) => {
    const all = Array.from(
      { length: 3000 },
      (_, i): Reading => ({ key: i % 2 === 0 ? "hot" : i % 100, value: i % 7, time: i }),
    );
    const expected = new Map<string, number>();
    for (const { key, time } of all) {
      const id = `${key} ${Math.floor(time / 1000)}`;
      expected.set(id, (expected.get(id) ?? 0) + 1);
    }
    await runEverywhere(
      (env) =>
        env
          .from(fromArray(all))
          .withTimestamps(({ time }) => time, { outOfOrderness: "1h" })
          .keyBy("key")
          .window(tumbling("1s"), options)
          .aggregate("counts", counting())
          .to(collectTo("rows")),
      ({ rows }) => {
        const counted = rows<WindowResult<string, number>>("rows").map(
          ({ key, windowStart, value }) => [`${key} ${windowStart / 1000}`, value] as const,
        );
        expect(new Map(counted)).toEqual(expected);
        expect(counted.length).toBe(expected.size);
      },
    );
  },
);

test("of a key that half of the records have, and of a window of all, next to nothing crosses the exchange", async () => {
  const records = 60_000;
  const all = Array.from({ length: records }, (_, i): Reading => ({ key: i % 2 === 0 ? "hot" : i, value: 1, time: i }));
  const sent = async (build: (input: DataStream<Reading>) => DataStream<WindowResult<unknown, number>>) => {
    const job = defineJob(import.meta, "crossing", (env) => {
      build(env.from(fromArray(all)).withTimestamps(({ time }) => time, { outOfOrderness: "1h" })).to(
        collectTo("rows"),
      );
    });
    const handle = await runInThread(job, { parallelism: 2, seed: 1 });
    const { vertices } = await handle.result;
    const counted = handle.collect<WindowResult<unknown, number>>("rows").reduce((sum, { value }) => sum + value, 0);
    expect(counted).toBe(records);
    return vertices.find(({ source }) => source)?.recordsOut ?? 0;
  };
  const day = tumbling("1d");
  const hot = { preAggregate: "hotKeys" } as const;
  expect(await sent((input) => input.keyBy("key").window(day, hot).aggregate("n", counting()))).toBeLessThan(
    records * 0.51,
  );
  expect(await sent((input) => input.windowAll(day).aggregate("n", counting()))).toBeLessThan(100);
  const behind = { preAggregate: false };
  expect(await sent((input) => input.keyBy("key").window(day, behind).aggregate("n", counting()))).toBe(records);
});

test.each([
  ["aligned", { everySteps: 15 }, { preAggregate: true }],
  ["unaligned", { everySteps: 15, overtakeAfterSteps: 0 }, { preAggregate: true }],
  ["aligned, of hot keys", { everySteps: 15 }, { preAggregate: "hotKeys" as const }],
  ["unaligned, of hot keys", { everySteps: 15, overtakeAfterSteps: 0 }, { preAggregate: "hotKeys" as const }],
])(
  "crashes lose and double nothing of what was held, with %s checkpoints",
  { timeout: 120_000 },
  async (_, checkpoints, options) => {
    const all = Array.from({ length: 2000 }, (__, i): Reading => ({ key: i % 3 === 0 ? i : "hot", value: i, time: i }));
    const job = defineJob(import.meta, "crashing", (env) => {
      env
        .from(fromArray(all))
        .withTimestamps(({ time }) => time, { outOfOrderness: "1h" })
        .keyBy("key")
        .window(tumbling("100ms"), options)
        .aggregate("sums", summing("value"))
        .to(collectTo("rows"));
    });
    for (const seed of [1, 2, 3, 4]) {
      const handle = await runInThread(job, {
        parallelism: 2,
        seed,
        checkpoints,
        crashes: [{ afterSteps: 40 }, { afterSteps: 60 }],
      });
      await handle.result;
      const rows = handle.collect<WindowResult<string, number>>("rows");
      expect(rows.reduce((sum, { value }) => sum + value, 0)).toBe((2000 * 1999) / 2);
    }
  },
);

describe("the plan", () => {
  const plan = (build: (env: Environment) => void, parallelism = 2): string =>
    explain(planJob(defineJob(import.meta, "planned", build), { parallelism }));
  const sums =
    (options: object, aggregate: unknown = counting()) =>
    (env: Environment) =>
      env
        .from(fromArray<Reading>([]))
        .withTimestamps(({ time }) => time)
        .keyBy("key")
        .window(window, options)
        .aggregate("sums", aggregate as never)
        .to(collectTo("rows"));

  test("says what is aggregated before it is sent", () => {
    expect(plan(sums({ preAggregate: true }))).toContain("hash, aggregated before it is sent");
    expect(plan(sums({}, topN<Reading>({ n: 1, by: "value" })))).toContain("hash, aggregated before it is sent");
  });

  test("says where the hot keys alone are, beside which the fields of others travel", () => {
    const hot = "hash, fields key, hot keys aggregated before they are sent";
    expect(plan(sums({ preAggregate: "hotKeys" }))).toContain(`${hot}\n`);
    expect(plan(sums({ preAggregate: "underPressure" }))).toContain(`${hot}, while one consumer has too much`);
    expect(plan(sums({}))).toContain(`${hot}, while one consumer has too much`);
    const all = (env: Environment) =>
      env
        .from(fromArray<Reading>([]))
        .withTimestamps(({ time }) => time)
        .windowAll(window)
        .aggregate("sums", summing("value"))
        .to(collectTo("rows"));
    expect(plan(all)).toContain("hash, fields value, hot keys aggregated before they are sent");
  });

  test.each([
    ["where it is switched off", sums({ preAggregate: false }, topN<Reading>({ n: 1, by: "value" }))],
    ["where it is switched off and few fields travel", sums({ preAggregate: false })],
    ["where late records are wanted", sums({ preAggregate: true, allowedLateness: "1s" })],
    [
      "where the aggregate says of none of its accumulators how it travels",
      sums({}, { ...countingDistinct<Reading>("value"), partials: undefined }),
    ],
  ])("leaves records as they are %s", (_, build) => {
    expect(plan(build)).not.toContain("aggregated before");
  });

  test.each<[string, (stream: KeyedStream<Reading, string | number>) => DataStream<unknown>]>([
    ["sessions are put together by key", (s) => s.window(session("1s")).aggregate("n", counting())],
    ["they are counted by key", (s) => s.countWindow(3).aggregate("n", counting())],
    [
      "the clock counts when they come",
      (s) => s.window(tumbling("1s", { time: "processing" })).aggregate("n", counting()),
    ],
    [
      "a trigger or an evictor looks at each",
      (s) => s.window(window).trigger(countTrigger(3)).aggregate("n", counting()),
    ],
    ["a function follows", (s) => s.window(window).aggregate("n", counting(), { process: (_, __, n) => [n] })],
    ["late ones are wanted", (s) => s.window(window, { allowedLateness: "1s" }).aggregate("n", counting())],
  ])("says why the records go one by one: %s", (why, build) => {
    const text = plan((env) => {
      const input = env.from(fromArray<Reading>([])).withTimestamps(({ time }) => time);
      build(input.keyBy("key")).to(collectTo("rows"));
    });
    expect(text).toMatch(new RegExp(`from timestamps: hash, .*, one by one: ${why}\n`));
  });

  test("is refused for what it does not know", () => {
    const refused = expect.objectContaining({ code: "BAD_OPTION", message: expect.stringContaining("hotKeys") });
    expect(() => plan(sums({ preAggregate: "hot" }))).toThrow(refused);
  });

  test("leaves records as they are where they are not sent at all", () => {
    expect(plan(sums({ preAggregate: true }), 1)).not.toContain("aggregated before");
  });
});
