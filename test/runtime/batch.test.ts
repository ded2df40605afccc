/** Jobs that are executed as batches: the same final results as of streams, and stages that are redone. */

import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Change,
  collectTo,
  counting,
  type DataStream,
  type Environment,
  fromArray,
  generate,
  listState,
  mapReduce,
  maximum,
  type OperatorFactory,
  session,
  sliding,
  summing,
  tumbling,
  type ValueState,
  valueState,
} from "../../index.ts";
import { runInThread } from "../../runtime/testing/index.ts";
import { inOrder, jobOf, type Reading, rising, rows, timed } from "./batch-programs.ts";

const readings = fc.array(
  fc.record({
    key: fc.constantFrom<string | number>("a", "b", "c", 1, 2, 3),
    value: fc.integer({ min: 0, max: 9 }),
    time: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 30, size: "max" },
);

type Build = (input: DataStream<Reading>) => DataStream<unknown>;

const perKey: readonly (readonly [name: string, build: Build])[] = [
  ["tumbling windows", (input) => input.keyBy("key").window(tumbling("10ms")).aggregate("w", summing("value"))],
  ["sliding windows", (input) => input.keyBy("key").window(sliding("20ms", "5ms")).aggregate("w", counting())],
  ["sessions", (input) => input.keyBy("key").window(session("4ms")).aggregate("w", maximum("value"))],
  [
    "windows with a function",
    (input) =>
      input
        .keyBy("key")
        .window(tumbling("10ms"))
        .process("w", {
          process: (key, { start }, records) => [
            { key, start, values: [...records].map(({ value }) => value).sort((a, b) => a - b) },
          ],
        }),
  ],
  ["windows of all keys", (input) => input.windowAll(tumbling("10ms")).aggregate("w", counting())],
  [
    "process with timers",
    (input) =>
      input.keyBy("key").process("p", {
        state: { sum: valueState(0) },
        process({ value, time }, { state, timers }) {
          state.sum.set(state.sum.get() + value);
          timers.register("event", Math.floor(time / 20) * 20 + 1000);
          return [];
        },
        onTimer: ({ key, timestamp }, { state }) => [{ key, timestamp, sum: state.sum.get() }],
      }),
  ],
];

/** Whose results do not change once they are there; each record has a time of its own. */
const perTime: readonly (readonly [name: string, build: Build])[] = [
  ["the first of each key by event time", (input) => input.keyBy("key").deduplicate("d", { time: "event" })],
  [
    "the first of each key, by filters",
    (input) => input.keyBy("key").deduplicate("d", { approximate: { capacity: 100 } }),
  ],
  ["patterns", (input) => input.keyBy("key").match(rising)],
  [
    "the best of each window",
    (input) =>
      input
        .keyBy("key")
        .window(tumbling("10ms"))
        .aggregate("w", summing("value"))
        .keyBy(({ windowStart }) => windowStart)
        // Of equal sums either may be the best, but the sum is the same.
        .topN("best", { n: 1, by: "value", emit: "watermark" })
        .map(({ windowStart, value }) => ({ windowStart, value })),
  ],
];

/** What becomes a changelog, of which only the table that it makes in the end is the same; scores are all different. */
const tables: readonly (readonly [name: string, build: (input: DataStream<Reading>) => DataStream<Change<unknown>>])[] =
  [
    ["the last of each key", (input) => input.keyBy("key").deduplicate("d", { keep: "last" })],
    [
      "the last of each key by event time",
      (input) => input.keyBy("key").deduplicate("d", { keep: "last", time: "event" }),
    ],
    [
      "upserts, some of which delete",
      (input) =>
        input.keyBy("key").toChangelog("c", {
          deleted: ({ value }) => value === 0,
          unchanged: (before, after) => before.value === after.value,
        }),
    ],
    ["the best of each key", (input) => input.keyBy("key").topN("t", { n: 2, by: "time" })],
    [
      "the worst of each key, ranked",
      (input) => input.keyBy("key").topN("t", { n: 3, by: "time", order: "ascending", ranks: true }),
    ],
    [
      "the best rows, whose versions may get worse",
      (input) =>
        input
          .keyBy("key")
          .topN("t", { n: 2, by: ({ value, time }) => 1000 * value + time, id: ({ time }) => time % 4 }),
    ],
    [
      "the best rows, whose versions only get better",
      (input) =>
        input.keyBy("key").topN("t", { n: 2, by: "time", id: ({ time }) => time % 4, improving: true, ranks: true }),
    ],
  ];

/** The rows that changes leave. */
function tableOf(changes: readonly Change<unknown>[]): string[] {
  const rows: string[] = [];
  for (const { kind, value } of changes) {
    const row = JSON.stringify(value);
    if (kind === "insert" || kind === "updateAfter") rows.push(row);
    else rows.splice(rows.indexOf(row), 1);
  }
  return rows.sort();
}

let reduced = 0;

describe("results are those of a stream", () => {
  test.each(perTime)("%s", async (_, build) => {
    await fc.assert(
      fc.asyncProperty(readings, fc.integer({ min: 1, max: 3 }), async (input, parallelism) => {
        const each = input.map((reading, index) => ({ ...reading, time: 3 * index }));
        const program = (env: Environment): void => build(inOrder(env, each)).to(collectTo("out"));
        expect(await rows(program, "batch", parallelism)).toEqual(await rows(program, "streaming", parallelism));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  test.each(tables)("%s, inserted once", async (_, build) => {
    const changes = async (input: readonly Reading[], execution: "batch" | "streaming", parallelism: number) => {
      const job = jobOf((env) => build(inOrder(env, input)).to(collectTo("out"), { changesAsRecords: true }));
      const handle = await runInThread(job, { execution, parallelism });
      await handle.result;
      return handle.collect<Change<unknown>>("out");
    };
    await fc.assert(
      fc.asyncProperty(readings, fc.integer({ min: 1, max: 3 }), async (input, parallelism) => {
        const each = input.map((reading, index) => ({ ...reading, time: index }));
        const batch = await changes(each, "batch", parallelism);
        expect(batch.every(({ kind }) => kind === "insert")).toBe(true);
        expect(tableOf(batch)).toEqual(tableOf(await changes(each, "streaming", parallelism)));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  test("an operator of the program's own that keeps state per key, and mapReduce", async () => {
    const counted: OperatorFactory<Reading, string> = (context) => {
      const count = context.state.state("count", valueState(0)) as ValueState<number>;
      return {
        process({ key }, timestamp) {
          context.state.setCurrentKey(key, timestamp);
          count.set((count.get() ?? 0) + 1);
          context.timers.register("event", 1000);
        },
        onTimer: ({ key, timestamp }) => context.output.push(`${key} ${count.get()}`, timestamp),
      };
    };
    await fc.assert(
      fc.asyncProperty(readings, fc.integer({ min: 1, max: 3 }), async (input, parallelism) => {
        const program = (env: Environment): void =>
          timed(env, input).keyBy("key").transform("count", counted).to(collectTo("out"));
        expect(await rows(program, "batch", parallelism)).toEqual(await rows(program, "streaming", parallelism));
        const job = mapReduce(import.meta, `reduced ${reduced++}`, {
          input: fromArray(input),
          map: ({ key, value }) => [[key, value] as const],
          combine: (a, b) => a + b,
          reduce: (key, values) => [key, values.reduce((a, b) => a + b)] as const,
          output: collectTo("out"),
        });
        const [batch, stream] = await Promise.all(
          (["batch", "streaming"] as const).map(async (execution) => {
            const handle = await runInThread(job, { execution, parallelism });
            await handle.result;
            return handle.collect("out");
          }),
        );
        expect([...(batch as unknown[])].sort()).toEqual([...(stream as unknown[])].sort());
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  test.each(perKey)("%s", async (_, build) => {
    await fc.assert(
      fc.asyncProperty(readings, fc.integer({ min: 1, max: 3 }), async (input, parallelism) => {
        const program = (env: Environment): void => build(timed(env, input)).to(collectTo("out"));
        expect(await rows(program, "batch", parallelism)).toEqual(await rows(program, "streaming", parallelism));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  test("the last ones of reduce and of running aggregates", async () => {
    const last = (all: readonly string[], keyOf: (row: never) => unknown): unknown[] => [
      ...new Map(all.map((row) => [keyOf(JSON.parse(row) as never), row])).values(),
    ];
    await fc.assert(
      fc.asyncProperty(readings, fc.integer({ min: 1, max: 3 }), async (input, parallelism) => {
        const inOrder = input.map((each, index) => ({ ...each, time: index }));
        const program = (env: Environment): void => {
          const keyed = timed(env, inOrder).keyBy("key");
          keyed
            .reduce("reduce", (a, b) => ({ ...b, value: a.value + b.value, time: Math.max(a.time, b.time) }))
            .to(collectTo("out"));
          keyed.aggregate("largest", maximum("value")).to(collectTo("aggregated"));
        };
        for (const sink of ["out", "aggregated"]) {
          const [batch, stream] = await Promise.all(
            (["batch", "streaming"] as const).map(async (execution) => {
              const handle = await runInThread(jobOf(program), { execution, parallelism });
              await handle.result;
              return handle.collect(sink).map((row) => JSON.stringify(row));
            }),
          );
          expect(batch?.sort()).toEqual(last(stream as string[], ({ key }: Reading) => key).sort());
        }
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  test.each([
    [
      "an interval join",
      (left: DataStream<Reading>, right: DataStream<Reading>) =>
        left
          .keyBy("key")
          .connect(right.keyBy("key"))
          .intervalJoin("join", { type: "full", lower: "-3ms", upper: "3ms", join: (a, b) => [a, b] }),
    ],
    [
      "a window join",
      (left: DataStream<Reading>, right: DataStream<Reading>) =>
        left
          .keyBy("key")
          .connect(right.keyBy("key"))
          .window(tumbling("10ms"))
          .join("join", { type: "left", join: (a, b) => [a, b] }),
    ],
    [
      "a temporal join",
      (left: DataStream<Reading>, right: DataStream<Reading>) =>
        left
          .keyBy("key")
          .connect(right.keyBy("key"))
          .temporalJoin("join", { type: "left", deleted: ({ time }) => time % 5 === 0, join: (a, b) => [a, b?.time] }),
    ],
    [
      "a process of two inputs",
      (left: DataStream<Reading>, right: DataStream<Reading>) =>
        left
          .keyBy("key")
          .connect(right.keyBy("key"))
          .process("both", {
            state: { seen: listState<number>() },
            process1({ value }, { state }) {
              state.seen.add(value);
              return [];
            },
            process2({ value, key }, { state, timers }) {
              state.seen.add(10 * value);
              timers.register("event", 1000);
              return [{ key, sum: -1 }];
            },
            onTimer: (_timer, { key, state }) => [{ key, sum: [...state.seen.get()].reduce((a, b) => a + b, 0) }],
          }),
    ],
  ])("%s", async (_, join) => {
    await fc.assert(
      fc.asyncProperty(readings, readings, fc.integer({ min: 1, max: 3 }), async (left, right, parallelism) => {
        const program = (env: Environment): void =>
          (join(timed(env, left, "left"), timed(env, right, "right")) as DataStream<unknown>).to(collectTo("out"));
        expect(await rows(program, "batch", parallelism)).toEqual(await rows(program, "streaming", parallelism));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });

  test("of more keys and records than a portion and a run have, behind one another", async () => {
    const program = (env: Environment): void => {
      const made = env
        .from(
          generate({
            count: 30_000,
            record: (i) => ({ key: (i * 7919) % 10_007, value: i % 10, time: i }),
            timestamp: ({ time }) => time,
          }),
        )
        .withTimestamps(({ time }) => time);
      made
        .keyBy("key")
        .window(tumbling("1h"))
        .aggregate("w", summing("value"))
        .map(({ key, value }) => ({ tenth: key % 10, value }))
        .keyBy("tenth")
        .window(tumbling("1d"))
        .aggregate("tenths", summing("value"))
        .to(collectTo("out"));
    };
    expect(await rows(program, "batch", 2)).toEqual(await rows(program, "streaming", 2));
  });
});

test("a function is opened once, and its keys have no state of others", async () => {
  let opened = 0;
  let closed = 0;
  const program = (env: Environment): void => {
    const keys = generate({
      count: 20_000,
      record: (i) => ({ key: i, value: 1, time: i }),
      timestamp: ({ time }) => time,
    });
    env
      .from(keys)
      .keyBy("key")
      .process("p", {
        state: { seen: valueState(0) },
        open: () => void opened++,
        close: () => void closed++,
        process({ key }, { state }) {
          state.seen.set(state.seen.get() + 1);
          return state.seen.get() === 1 ? [] : [key];
        },
      })
      .to(collectTo("out"));
  };
  expect(await rows(program, "batch", 1)).toEqual([]);
  expect([opened, closed]).toEqual([1, 1]);
});

describe("a stage that fails", () => {
  const failing = (failures: { left: number; reads: number }) => (env: Environment) => {
    env
      .from(fromArray([1, 2, 3]))
      .map((value) => {
        failures.reads++;
        return value;
      })
      .keyBy((value) => value)
      .reduce("reduce", (a) => a)
      .map((value) => {
        if (failures.left-- > 0) throw new Error("a stage fails");
        return value;
      })
      .to(collectTo("out"));
  };

  test("is redone by itself, from what the stage before has left", async () => {
    const failures = { left: 2, reads: 0 };
    const restart = { kind: "fixedDelay", attempts: 3, delay: "1s" } as const;
    expect(await rows(failing(failures), "batch", 1, { restart })).toEqual(["1", "2", "3"]);
    expect(failures.reads).toBe(3);
  });

  test("fails the job where none says otherwise, and leaves no files", async () => {
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("millrace-batch-"));
    const before = folders();
    await expect(rows(failing({ left: 1, reads: 0 }), "batch", 1)).rejects.toThrow("a stage fails");
    expect(folders().filter((name) => !before.includes(name))).toEqual([]);
  });
});
