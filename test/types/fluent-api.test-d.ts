/** The types of a stream's elements follow from the user's functions, and wrong calls are refused. Nothing here runs. */

import { describe, expectTypeOf, test } from "vitest";
import {
  averaging,
  type BroadcastStream,
  counting,
  type DataStream,
  defineJob,
  type Environment,
  type Key,
  listState,
  mapState,
  maximum,
  outputTag,
  type ProcessContext,
  reducingState,
  type Sink,
  type Source,
  sliding,
  summing,
  tumbling,
  valueState,
  type WindowResult,
} from "../../index.ts";

interface Click {
  readonly item: number;
  readonly user: string;
  readonly at: Date;
  readonly price: number;
  readonly tags: readonly string[];
}

declare const env: Environment;
declare const source: Source<Click>;
declare function sinkOf<T>(): Sink<T>;

/** The type of a stream's elements. */
type ElementOf<S> = S extends DataStream<infer T> ? T : never;

const clicks = env.from(source);

describe("elements", () => {
  test("a source gives its element type", () => {
    expectTypeOf(clicks).toEqualTypeOf<DataStream<Click>>();
  });

  test("map and flatMap give what their functions return", () => {
    expectTypeOf(clicks.map((click) => click.price)).toEqualTypeOf<DataStream<number>>();
    expectTypeOf(clicks.map((click) => ({ item: click.item, big: click.price > 5 }))).toEqualTypeOf<
      DataStream<{ item: number; big: boolean }>
    >();
    expectTypeOf(clicks.flatMap((click) => click.tags)).toEqualTypeOf<DataStream<string>>();
    expectTypeOf(
      clicks.flatMap(function* (click) {
        yield click.item;
      }),
    ).toEqualTypeOf<DataStream<number>>();
  });

  test("functions may be objects with a life cycle", () => {
    expectTypeOf(clicks.map({ open: async () => {}, map: (click) => click.user, close: () => {} })).toEqualTypeOf<
      DataStream<string>
    >();
    expectTypeOf(clicks.filter({ filter: (click) => click.price > 5 })).toEqualTypeOf<DataStream<Click>>();
  });

  test("filter keeps the type, and a type guard narrows it", () => {
    const mixed = clicks.map((click): string | number => (click.price > 5 ? click.user : click.item));
    expectTypeOf(mixed.filter((value) => value !== 7)).toEqualTypeOf<DataStream<string | number>>();
    expectTypeOf(mixed.filter((value): value is string => typeof value === "string")).toEqualTypeOf<
      DataStream<string>
    >();
  });

  test("select keeps the named fields", () => {
    expectTypeOf(clicks.select("item", "at")).toEqualTypeOf<DataStream<Pick<Click, "item" | "at">>>();
    // @ts-expect-error there is no such field
    clicks.select("itm");
  });

  test("a union has one element type", () => {
    expectTypeOf(clicks.union(clicks.filter(() => true))).toEqualTypeOf<DataStream<Click>>();
    // @ts-expect-error numbers are no clicks
    clicks.union(clicks.map((click) => click.item));
  });

  test("a stream of something is a stream of anything wider", () => {
    expectTypeOf(clicks).toExtend<DataStream<unknown>>();
    expectTypeOf(clicks.map((click) => click.item)).toExtend<DataStream<number | string>>();
    expectTypeOf(clicks).not.toExtend<DataStream<number>>();
  });

  test("partitioning changes no type", () => {
    expectTypeOf(clicks.rebalance()).toEqualTypeOf<DataStream<Click>>();
    expectTypeOf(clicks.broadcast()).toEqualTypeOf<BroadcastStream<Click>>();
    expectTypeOf(clicks.partitionBy((click, subtasks) => click.item % subtasks)).toEqualTypeOf<DataStream<Click>>();
  });

  test("mapBatches gives its rows", () => {
    const scored = clicks.mapBatches("score", {
      schema: { price: "float64" },
      process: async (batch) => [{ score: batch.numRows }],
    });
    expectTypeOf(scored).toEqualTypeOf<DataStream<{ score: number }>>();
    // @ts-expect-error there is no such column type
    clicks.mapBatches("score", { schema: { price: "float" }, process: () => [1] });
  });
});

describe("promises are refused where a function has to be synchronous", () => {
  test("in map, filter and flatMap", () => {
    // @ts-expect-error this function must be synchronous
    clicks.map(async (click) => click.item);
    // @ts-expect-error this function must be synchronous
    clicks.map({ map: async (click: Click) => click.item });
    // @ts-expect-error this function must be synchronous
    clicks.filter(async (click) => click.price > 5);
    // @ts-expect-error this function must be synchronous
    clicks.flatMap(async (click) => [click.item]);
  });

  test("in process, aggregates and keys", () => {
    const waiting = { create: () => 0, add: (sum: number) => sum, merge: (sum: number) => sum, result: async () => 1 };
    // @ts-expect-error this function must be synchronous
    clicks.keyBy("item").process("p", { process: async (click) => [click.item] });
    // @ts-expect-error this function must be synchronous
    clicks.keyBy("item").window(tumbling("1m")).aggregate("a", waiting);
    // @ts-expect-error a promise is no key
    clicks.keyBy(async (click) => click.item);
  });

  test("with the sentence in the type", () => {
    type Refused = Parameters<typeof clicks.map<Promise<number>>>[0];
    expectTypeOf<Refused>().toHaveProperty("this function must be synchronous: use asyncMap for promises");
  });
});

describe("keys", () => {
  test("a field, several fields, or a function", () => {
    expectTypeOf<KeyOf<ReturnType<typeof byField>>>().toExtend<number>();
    expectTypeOf<KeyOf<ReturnType<typeof byFields>>>().toExtend<readonly [number, string]>();
    expectTypeOf<KeyOf<ReturnType<typeof byFunction>>>().toEqualTypeOf<string>();
  });

  const byField = () => clicks.keyBy("item").window(tumbling("1m")).aggregate("n", counting());
  const byFields = () => clicks.keyBy(["item", "user"]).window(tumbling("1m")).aggregate("n", counting());
  const byFunction = () =>
    clicks
      .keyBy((click) => click.user)
      .window(tumbling("1m"))
      .aggregate("n", counting());
  type KeyOf<S> = ElementOf<S> extends WindowResult<infer K, unknown> ? K : never;

  test("must be able to be keys", () => {
    // @ts-expect-error there is no such field
    clicks.keyBy("itm");
    // @ts-expect-error an array of tags is no key
    clicks.keyBy("tags");
    // @ts-expect-error an object is no key
    clicks.keyBy((click) => ({ item: click.item }));
    // @ts-expect-error undefined is no key
    clicks.keyBy((click) => click.tags[0]);
    expectTypeOf(clicks.keyBy("at")).toExtend<DataStream<Click>>();
  });
});

describe("process", () => {
  test("the context has key, state and side outputs in their types", () => {
    const late = outputTag<Click>("late");
    const result = clicks.keyBy("user").process("p", {
      state: {
        last: valueState<Click>(),
        count: valueState(0),
        items: listState<number>(),
        perItem: mapState<number, { n: number }>(),
        total: reducingState<number>((a, b) => a + b),
      },
      process(click, { key, state, timers, side, timestamp }) {
        expectTypeOf(click).toEqualTypeOf<Click>();
        expectTypeOf(key).toExtend<string>();
        expectTypeOf(timestamp).toEqualTypeOf<number>();
        expectTypeOf(state.last.get()).toEqualTypeOf<Readonly<Click> | undefined>();
        expectTypeOf(state.count.get()).toEqualTypeOf<number>();
        expectTypeOf(state.items.get()).toEqualTypeOf<readonly number[]>();
        expectTypeOf(state.perItem.get(1)).toEqualTypeOf<Readonly<{ n: number }> | undefined>();
        expectTypeOf(state.total.get()).toEqualTypeOf<number | undefined>();
        timers.register("event", timestamp);
        side(late, click);
        // @ts-expect-error the side output carries clicks
        side(late, 5);
        // @ts-expect-error there is no such state
        state.none;
        // @ts-expect-error the state holds numbers
        state.items.add("one");
        return [{ user: key, price: click.price }];
      },
    });
    expectTypeOf(result).toExtend<DataStream<{ user: string; price: number }>>();
    expectTypeOf(result.sideOutput(late)).toEqualTypeOf<DataStream<Click>>();
  });

  test("generators and functions that emit nothing", () => {
    const generated = clicks.keyBy("item").process("p", {
      *process(click) {
        yield click.user;
      },
    });
    expectTypeOf(generated).toEqualTypeOf<DataStream<string>>();
    clicks.keyBy("item").process<never>("nothing", { process() {} });
  });

  test("without a key there is no key and no state", () => {
    clicks.process("p", {
      process(click, context) {
        expectTypeOf(context).toExtend<ProcessContext<never, Record<string, never>>>();
        expectTypeOf(context.key).toEqualTypeOf<never>();
        return [click.item];
      },
    });
    // @ts-expect-error state needs keyBy
    clicks.process("p", { state: { n: valueState<number>() }, process: () => [1] });
  });
});

describe("windows", () => {
  const keyed = clicks.keyBy("item");

  test("aggregates give their results with key and span", () => {
    expectTypeOf(keyed.window(tumbling("1m")).aggregate("n", counting())).toEqualTypeOf<
      DataStream<WindowResult<number, number>>
    >();
    expectTypeOf(keyed.window(sliding("1m", "10s")).aggregate("s", summing("price"))).toEqualTypeOf<
      DataStream<WindowResult<number, number>>
    >();
    expectTypeOf(
      keyed.window(tumbling("1m")).aggregate(
        "m",
        maximum((click) => click.at.getTime()),
      ),
    ).toExtend<DataStream<WindowResult<number, number>>>();
    // @ts-expect-error a text has no average
    keyed.window(tumbling("1m")).aggregate("a", averaging("user"));
    // @ts-expect-error there is no such field
    keyed.window(tumbling("1m")).aggregate("s", summing("prise"));
  });

  test("an aggregate of one's own", () => {
    const users = keyed.window(tumbling("1m")).aggregate("users", {
      create: () => [] as string[],
      add: (all, click) => [...all, click.user],
      merge: (a, b) => [...a, ...b],
      result: (all) => ({ first: all[0] ?? "", all: all.length }),
    });
    expectTypeOf(users).toEqualTypeOf<DataStream<WindowResult<number, { first: string; all: number }>>>();
  });

  test("reduce gives records", () => {
    expectTypeOf(keyed.window(tumbling("1m")).reduce("m", (a, b) => (a.price > b.price ? a : b))).toEqualTypeOf<
      DataStream<WindowResult<number, Click>>
    >();
  });

  test("durations are checked as they are written", () => {
    tumbling("15m", { timeZone: "Europe/Berlin", offset: { hours: 6 } });
    // @ts-expect-error there is no such unit
    tumbling("15 minutes");
    // @ts-expect-error a number has no unit
    sliding(60_000, "1s");
  });

  test("late records have the stream's type", () => {
    keyed.window(tumbling("1m"), { late: outputTag<Click>("late") });
    // @ts-expect-error late records are clicks
    keyed.window(tumbling("1m"), { late: outputTag<string>("late") });
  });
});

test("a sink takes what the stream has", () => {
  clicks.to(sinkOf<Click>());
  clicks.map((click) => click.item).to(sinkOf<number | string>());
  clicks.to(sinkOf<unknown>());
  // @ts-expect-error the stream has numbers
  clicks.map((click) => click.item).to(sinkOf<string>());
});

test("timestamps and watermarks are read from the stream's records", () => {
  expectTypeOf(
    clicks.withTimestamps((click) => click.at.getTime(), { outOfOrderness: "5s", idleAfter: "1m" }),
  ).toEqualTypeOf<DataStream<Click>>();
  // @ts-expect-error a Date is no number of milliseconds
  clicks.withTimestamps((click) => click.at);
});

test("parameters have the types of their defaults", () => {
  defineJob(
    import.meta,
    "job",
    (_env, params) => {
      expectTypeOf(params).toEqualTypeOf<{ readonly input: string; readonly limit: number; readonly dry: boolean }>();
    },
    { params: { input: "a.jsonl", limit: 5, dry: false } },
  );
});

test("the keys of streams are keys", () => {
  expectTypeOf<string | number | bigint | boolean | Date | readonly (string | number)[]>().toExtend<Key>();
});

describe("requirements", () => {
  test("leave the stream as it is", () => {
    expectTypeOf(clicks.map((click) => click.price).requires({ gpu: true })).toEqualTypeOf<DataStream<number>>();
    expectTypeOf(env.from(source, { requires: { zone: "a" } })).toEqualTypeOf<DataStream<Click>>();
  });

  test("are plain values", () => {
    // @ts-expect-error a label is a text, a number or a boolean
    clicks.requires({ gpu: { memory: 16 } });
    // @ts-expect-error and has a value
    clicks.requires({ gpu: undefined });
  });
});

describe("a job's options", () => {
  test("restart strategies have what their kind needs", () => {
    defineJob(import.meta, "job", () => {}, {
      restart: { kind: "fixedDelay", attempts: 3, delay: "1s" },
      watchdog: "5m",
    });
    // @ts-expect-error a delay is missing
    defineJob(import.meta, "job", () => {}, { restart: { kind: "fixedDelay", attempts: 3 } });
  });
});
