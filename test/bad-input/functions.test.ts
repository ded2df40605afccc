/** Functions that throw, wait, or return something else fail by the name of their operator, wherever they stand. */

import { describe, expect, test } from "vitest";
import {
  collectTo,
  counting,
  type DataStream,
  defineJob,
  type Environment,
  fromArray,
  type MillraceError,
  summing,
  tumbling,
} from "../../index.ts";
import { runInThread } from "../../runtime/testing/index.ts";

interface Row {
  readonly n: number;
}

type Place = (stream: DataStream<Row>, fn: (...args: never[]) => never) => DataStream<unknown>;

const asAny = <T>(fn: T): never => fn as never;

/** Every place for a user's function, each with the operator's name "here". */
const places: readonly (readonly [string, Place])[] = [
  ["map", (s, fn) => s.map<unknown>(asAny(fn), { name: "here" }) as DataStream<unknown>],
  ["filter", (s, fn) => s.filter(asAny(fn), { name: "here" }) as unknown as DataStream<unknown>],
  ["flatMap", (s, fn) => s.flatMap<unknown>(asAny(fn), { name: "here" })],
  ["process", (s, fn) => s.process<unknown>("here", { process: asAny(fn) })],
  ["keyed process", (s, fn) => s.keyBy("n").process<unknown>("here", { process: asAny(fn) })],
  [
    "timer",
    (s, fn) =>
      s
        .withTimestamps(({ n }) => n)
        .keyBy("n")
        .process<unknown>("here", {
          process: (_, { timers, timestamp }) => timers.register("event", timestamp),
          onTimer: asAny(fn),
        }),
  ],
  ["timestamps", (s, fn) => s.withTimestamps(asAny(fn), { name: "here" }) as unknown as DataStream<unknown>],
  [
    "key",
    (s, fn) => s.keyBy(asAny(fn) as (row: Row) => number).reduce("here", (a) => a) as unknown as DataStream<unknown>,
  ],
  [
    "partitionBy",
    (s, fn) => s.partitionBy(asAny(fn)).map((row) => row, { name: "here" }) as unknown as DataStream<unknown>,
  ],
  ["reduce", (s, fn) => s.keyBy(() => 0).reduce("here", asAny(fn)) as unknown as DataStream<unknown>],
  [
    "sum",
    (s, fn) =>
      s
        .withTimestamps(({ n }) => n)
        .keyBy("n")
        .window(tumbling("1m"))
        .aggregate("here", summing<Row>(asAny(fn))) as unknown as DataStream<unknown>,
  ],
  [
    "aggregate",
    (s, fn) =>
      s
        .withTimestamps(({ n }) => n)
        .keyBy("n")
        .window(tumbling("1m"))
        .aggregate("here", {
          create: () => 0,
          add: asAny(fn),
          merge: (a: number) => a,
          result: (a: number) => a,
        }) as unknown as DataStream<unknown>,
  ],
  [
    "result of an aggregate",
    (s, fn) =>
      s
        .withTimestamps(({ n }) => n)
        .keyBy("n")
        .window(tumbling("1m"))
        .aggregate("here", {
          create: () => 0,
          add: (a: number) => a,
          merge: (a: number) => a,
          result: asAny(fn),
        }) as unknown as DataStream<unknown>,
  ],
];

async function failureAt(place: Place, fn: (...args: never[]) => unknown, parallelism: number) {
  const job = defineJob(import.meta, "bad", (env) =>
    place(env.from(fromArray([{ n: 1 }, { n: 2 }])), fn as never).to(collectTo("out")),
  );
  const handle = await runInThread(job, { parallelism });
  return handle.result.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.each([1, 2])("with parallelism %i", (parallelism) => {
  test.each(places)("%s that throws", async (name, place) => {
    if (name === "partitionBy" && parallelism === 1) return; // one subtask is no choice, so it is not asked
    const failure = await failureAt(
      place,
      function faulty() {
        throw new RangeError("out of range");
      },
      parallelism,
    );
    // The partitioning belongs to the edge, which fails in the name of the operator before it.
    expect(failure).toMatchObject({
      code: "USER_FUNCTION",
      message: expect.stringMatching(/a function of ".*" threw RangeError: out of range \(subtask \d of \d, attempt 1/),
      origin: { parallelism: expect.any(Number), attempt: 1 },
      cause: { name: "RangeError", message: "out of range", stack: expect.stringMatching(/at (\w+\.)?faulty/) },
    });
  });

  // An async function is refused before the job runs; one that only returns a promise, when it does.
  test.each(places.filter(([name]) => !["timestamps", "key", "partitionBy", "sum"].includes(name)))(
    "%s that returns a promise",
    async (_, place) => {
      expect(await failureAt(place, () => Promise.resolve(1), parallelism)).toMatchObject({
        code: "PROMISE_RETURNED",
        operator: "here",
        message: expect.stringMatching(
          /function of "here" returned a promise, but it must be synchronous; use asyncMap/,
        ),
      });
    },
  );

  test.each(["filter", "flatMap", "process", "keyed process", "timer"])(
    "%s that returns the wrong shape",
    async (name) => {
      const [, place] = places.find(([each]) => each === name) as (typeof places)[number];
      expect(await failureAt(place, () => 42, parallelism)).toMatchObject({
        code: "WRONG_SHAPE",
        operator: "here",
        message: expect.stringMatching(/function of "here" returned (a )?number; it must return/),
      });
    },
  );

  test.each([
    ["undefined", undefined],
    ["NaN", Number.NaN],
    ["a text", "2026-01-01"],
    ["a Date", new Date(0)],
    ["infinity", Number.POSITIVE_INFINITY],
  ])("an event time that is %s", async (_, time) => {
    expect(
      await failureAt(
        (s) => s.withTimestamps(() => time as number, { name: "here" }) as unknown as DataStream<unknown>,
        () => 0,
        parallelism,
      ),
    ).toMatchObject({
      code: "WRONG_SHAPE",
      operator: "here",
      message: expect.stringMatching(/the timestamp function of "here" returned .*finite number of epoch milliseconds/),
    });
  });

  test.each([
    ["a text", "1"],
    ["undefined", undefined],
    ["a bigint", 1n],
  ])("a sum of %s", async (_, value) => {
    expect(
      await failureAt(
        (s) =>
          s
            .withTimestamps(({ n }) => n)
            .keyBy("n")
            .window(tumbling("1m"))
            .aggregate(
              "here",
              summing(() => value as unknown as number),
            ) as unknown as DataStream<unknown>,
        () => 0,
        parallelism,
      ),
    ).toMatchObject({
      code: "WRONG_SHAPE",
      operator: "here",
      message: expect.stringMatching(/the aggregate of "here" \(sum\) got .* instead of a number/),
    });
  });
});

test("a record's contents are shown only where the job asks for it", async () => {
  const messages: string[] = [];
  for (const showRecordsInErrors of [false, true]) {
    const build = (env: Environment): void => {
      const payments = env.from(fromArray([{ card: "4000-0012", amount: 5 }]));
      const charge = (): number => {
        throw new Error("declined");
      };
      payments.map(charge, { name: "charge" }).to(collectTo("out"));
    };
    const handle = await runInThread(defineJob(import.meta, "payments", build, { showRecordsInErrors }));
    const { message, origin } = (await handle.result.catch((error: unknown) => error)) as MillraceError;
    messages.push(message);
    expect(message).toContain(`attempt 1, on ${origin?.record}`);
  }
  expect(messages[0]).toContain("{ card: string, amount: number }");
  expect(messages[0]).not.toContain("4000");
  expect(messages[1]).toContain("{ card: '4000-0012', amount: 5 }");
});

describe("a key that cannot be one is refused, whether the records travel or not", () => {
  test.each<[string, unknown, RegExp]>([
    ["NaN", Number.NaN, /NaN as a key/],
    ["null", null, /null as a key/],
    ["undefined", undefined, /undefined as a key/],
    ["an object", { id: 1 }, /an object \(Object\) as a key/],
    ["a nested array", [1, [2]], /an array with a part that cannot be a key/],
    ["an empty array", [], /an empty array as a key/],
    ["an invalid Date", new Date(Number.NaN), /an invalid Date as a key/],
    ["a promise", Promise.resolve(1), /an object \(Promise\) as a key/],
  ])("%s", async (_, key, sentence) => {
    const operators: Place[] = [
      (s) => s.keyBy(() => key as number).reduce("here", (a) => a) as unknown as DataStream<unknown>,
      (s) => s.keyBy(() => key as number).process("here", { process: () => [1] }) as unknown as DataStream<unknown>,
      (s) =>
        s
          .withTimestamps(({ n }) => n)
          .keyBy(() => key as number)
          .window(tumbling("1m"))
          .aggregate("here", counting()) as unknown as DataStream<unknown>,
    ];
    for (const parallelism of [1, 2]) {
      for (const place of operators) {
        expect(await failureAt(place, () => 0, parallelism)).toMatchObject({
          code: "BAD_KEY",
          operator: "here",
          message: expect.stringMatching(sentence),
          origin: { attempt: 1 },
        });
      }
    }
  });
});

test.each([
  ["a fraction", 0.5],
  ["too many", 2],
  ["negative", -1],
  ["a promise", Promise.resolve(0)],
  ["nothing", undefined],
])("a partition that is %s", async (_, partition) => {
  expect(
    await failureAt(
      (s) =>
        s.partitionBy(() => partition as number).map((row) => row, { name: "here" }) as unknown as DataStream<unknown>,
      () => 0,
      2,
    ),
  ).toMatchObject({
    code: "WRONG_SHAPE",
    message: expect.stringMatching(/the partitionBy function in front of "here" returned .*whole number from 0 to 1/),
  });
});

test("an async function is refused before anything runs", async () => {
  for (const [name, place] of places) {
    if (["timestamps", "key", "partitionBy", "sum"].includes(name)) continue;
    const job = defineJob(import.meta, "bad", (env) =>
      place(env.from(fromArray([{ n: 1 }])), (async () => 1) as never).to(collectTo("out")),
    );
    await expect(
      runInThread(job).then((handle) => handle.result),
      name,
    ).rejects.toMatchObject({ code: "PROMISE_RETURNED", operator: "here" });
  }
});

describe("records that could not travel are refused by name, in chains too", () => {
  class Point {
    readonly x = 1;
  }

  test.each<[string, () => unknown, RegExp]>([
    ["a class instance", () => new Point(), /record emitted by "make".*got a Point; send a plain object/],
    ["a class instance inside", () => ({ at: [new Point()] }), /record\.at\[0\] emitted by "make".*got a Point/],
    ["a Map", () => ({ seen: new Map() }), /record\.seen emitted by "make".*got a Map; send \[\.\.\.map\]/],
    ["a Set", () => new Set(), /got a Set; send \[\.\.\.set\]/],
    ["a function", () => ({ run: () => 1 }), /record\.run emitted by "make".*got the function run; send data/],
    ["a symbol", () => Symbol("s"), /got the symbol Symbol\(s\)/],
    [
      "a cycle",
      () => {
        const a: { self?: unknown } = {};
        a.self = a;
        return a;
      },
      /record\.self.*contains itself/,
    ],
  ])("%s", async (_, make, sentence) => {
    for (const parallelism of [1, 2]) {
      const failure = await failureAt(
        (s) => s.map<unknown>(make as never, { name: "make" }) as DataStream<unknown>,
        () => 0,
        parallelism,
      );
      expect(failure).toMatchObject({ code: "BAD_RECORD", operator: "make", message: expect.stringMatching(sentence) });
    }
  });
});
