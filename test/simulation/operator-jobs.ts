/**
 * A job for each operator that keeps state. One subtask reads in one order, so that each key's records have an order too,
 * and what depends on it, such as the first of them, follows from the input.
 */

import {
  aggregates,
  approximateDistinct,
  averaging,
  collectTo,
  countEvictor,
  counting,
  countingDistinct,
  countTrigger,
  cumulative,
  type DataStream,
  defineJob,
  deleted,
  deltaTrigger,
  type Environment,
  earlyAndLateTrigger,
  generate,
  globalWindow,
  inserted,
  listState,
  mapState,
  maximum,
  minBy,
  purgingTrigger,
  quantile,
  reducingState,
  session,
  sliding,
  summing,
  timeEvictor,
  topN,
  tumbling,
  valueState,
  variance,
  withTtl,
} from "millrace";
import type { SimulatedJob } from "./jobs.ts";
import { type Item, ofJoins } from "./join-jobs.ts";

const RECORDS = 400;

/** Scores of which some are equal. */
const itemOf = (i: number): Item => ({ key: `k${i % 5}`, i, x: (i * 37) % 23 });

/** In order; the watermark is right behind each record. */
function items(env: Environment, name = "items"): DataStream<Item> {
  return env
    .from(generate({ count: RECORDS, splits: 1, record: itemOf }), { name, parallelism: 1 })
    .withTimestamps(({ i }) => i, { name: `times of ${name}`, parallelism: 1, punctuated: (_, time) => time - 1 });
}

type Keyed = ReturnType<typeof keyed>;

function keyed(env: Environment) {
  return items(env).keyBy("key");
}

/** Most rows of a key go when the fifth one behind them comes. */
function changing(stream: Keyed) {
  return stream.flatMap((item) => {
    const stays = item.i < 25 || item.i % 4 === 0;
    return stays ? [inserted(item)] : [deleted(itemOf(item.i - 25)), inserted(item)];
  });
}

/** By what they are about: what is made of the records of each key. */
const ofKeys: Readonly<Record<string, (stream: Keyed) => DataStream<unknown>>> = {
  "tumbling windows, aggregated before they are sent": (stream) =>
    stream.window(tumbling("40ms"), { preAggregate: true }).aggregate("counts", counting()),
  "tumbling windows of whole records": (stream) =>
    stream.window(tumbling("40ms")).aggregate("least", aggregates({ n: counting(), least: minBy("x") })),
  "sliding windows": (stream) =>
    stream
      .window(sliding("60ms", "20ms"), { preAggregate: false })
      .aggregate("spread", aggregates({ mean: averaging("x"), most: maximum("x"), s2: variance("x") })),
  "cumulative windows": (stream) => stream.window(cumulative("100ms", "25ms")).aggregate("sums", summing("x")),
  "sketches in windows": (stream) =>
    stream
      .window(tumbling("100ms"), { preAggregate: false })
      .aggregate("sketches", aggregates({ about: approximateDistinct("x"), middle: quantile("x", 0.5) })),
  "sessions with a gap of the record's own": (stream) =>
    stream
      .window(session((item) => `${5 + (item.x % 9)}ms`))
      .aggregate("sessions", aggregates({ n: counting(), best: topN({ n: 2, by: "x" }) })),
  "sessions of whole records": (stream) =>
    stream.window(session("6ms")).process("sessions", {
      state: { sessions: valueState(0) },
      process(key, { start, end }, content, { state }) {
        state.sessions.update((n) => n + 1);
        return [{ key, start, end, n: content.length, nth: state.sessions.get() }];
      },
    }),
  "windows by count": (stream) => stream.countWindow(7, 3).aggregate("counted", summing("x")),
  "a trigger with state on the global window": (stream) =>
    stream
      .window(globalWindow())
      .trigger(purgingTrigger(countTrigger(9)))
      .aggregate("nines", summing("i")),
  "a trigger by differences, and the latest of what it has": (stream) =>
    stream
      .window(globalWindow())
      .trigger(deltaTrigger<Item>(15, (before, { x }) => Math.abs(x - before.x)))
      .evictor(timeEvictor("30ms"))
      .process("latest", { process: (key, _, content) => [{ key, i: content.map(({ i }) => i) }] }),
  "the last records of windows": (stream) =>
    stream.window(sliding("80ms", "40ms")).evictor(countEvictor(3)).aggregate("last", summing("x")),
  "windows of all records": (stream) =>
    stream.windowAll(session("2ms"), { allowedLateness: "5ms" }).aggregate("all", summing("x")),
  "early firing, with a state of the window": (stream) =>
    stream
      .window(tumbling("80ms"))
      .trigger(earlyAndLateTrigger({ early: countTrigger(5) }))
      .process("early", {
        windowState: { firings: valueState(0) },
        process(key, { start }, content, { windowState: { firings } }) {
          firings.update((n) => n + 1);
          return [{ key, start, n: content.length, firing: firings.get() }];
        },
      }),
  "a running aggregate": (stream) =>
    stream.aggregate("running", aggregates({ n: counting(), sum: summing("x") }), { emit: "changes" }),
  "a running reduce": (stream) => stream.reduce("sums", ({ key, i, x: sum }, { x }) => ({ key, i, x: sum + x })),
  "the first of each key": (stream) => firstsOf(stream).deduplicate("firsts"),
  "the first of each key by event time": (stream) => firstsOf(stream).deduplicate("firsts", { time: "event" }),
  "the first of each key, for a while": (stream) =>
    firstsOf(stream).deduplicate("firsts", { ttl: "90ms", time: "event" }),
  "the first of each key, by Bloom filters": (stream) =>
    firstsOf(stream).deduplicate("firsts", { approximate: { capacity: 20 }, ttl: "90ms", time: "event" }),
  "the last of each key": (stream) => firstsOf(stream).deduplicate("lasts", { keep: "last" }),
  "the best of each key": (stream) => stream.topN("best", { n: 3, by: "x", ranks: true }),
  "the best of each key, by row": (stream) =>
    stream.topN("best", { n: 2, by: "x", id: ({ i }) => i % 11, order: "ascending" }),
  "the best of each window": (stream) =>
    stream
      .window(tumbling("50ms"))
      .aggregate("sums", summing("x"))
      .keyBy(() => "all")
      .topN("best", { n: 2, by: ({ value }) => value, emit: "watermark" }),
  "a changelog of upserts": (stream) =>
    firstsOf(stream).toChangelog("changes", {
      deleted: ({ x }) => x === 3,
      unchanged: (before, after) => before.x === after.x,
    }),
  "figures of a changelog whose rows go": (stream) =>
    changing(stream)
      .keyBy(({ value }) => value.key)
      .aggregateChanges(
        "figures",
        aggregates({ n: counting(), sum: summing("x"), most: maximum("x"), keys: countingDistinct("key") }),
      ),
  "the best of a changelog whose rows go": (stream) =>
    changing(stream)
      .keyBy(({ value }) => value.key)
      .topNChanges("best", { n: 2, by: "x", ranks: true }),
  "a process function with every kind of state, which ages": (stream) =>
    stream.process("all states", {
      state: {
        last: withTtl(valueState<number>(), "30ms", { time: "event" }),
        seen: withTtl(listState<number>(), "50ms", { time: "event" }),
        sums: mapState<number, number>(),
        most: reducingState<number>(Math.max),
      },
      process({ i, x }, { state: { last, seen, sums, most }, timers }) {
        const row: object = { i, last: last.get() ?? null, seen: [...seen.get()], most: most.get() ?? null };
        if (x % 3 === 0) last.set(x);
        seen.add(i);
        most.add(x);
        const due = Math.ceil((i + 1) / 70) * 70;
        sums.put(due, (sums.get(due) ?? 0) + x);
        timers.register("event", due);
        return [row];
      },
      onTimer({ timestamp, key }, { state: { sums } }) {
        const sum = sums.get(timestamp);
        sums.remove(timestamp);
        return [{ key, timestamp, sum }];
      },
    }),
};

/** Keys that come a few times each. */
function firstsOf(stream: Keyed) {
  return stream.keyBy(({ i }) => (i * 7) % 60);
}

/** What reads two streams, whose order between each other is not known: what comes out must not depend on it. */
const ofTwo: Readonly<Record<string, (env: Environment) => DataStream<unknown>>> = {
  "a process function of two inputs": (env) =>
    items(env, "left")
      .keyBy("key")
      .connect(items(env, "right").keyBy("key"))
      .process("pairs", {
        state: { left: mapState<number, number>(), right: mapState<number, number>() },
        process1({ i, x }, { state: { left, right }, timers }) {
          left.put(i, x);
          timers.register("event", i + 10);
          const other = right.get(i);
          return other === undefined ? [] : [{ i, x, other }];
        },
        process2({ i, x }, { state: { left, right }, timers }) {
          right.put(i, x);
          timers.register("event", i + 10);
          const other = left.get(i);
          return other === undefined ? [] : [{ i, x: other, other: x }];
        },
        onTimer({ timestamp }, { state: { left, right } }) {
          left.remove(timestamp - 10);
          right.remove(timestamp - 10);
        },
      }),
  "broadcast state beside state of keys": (env) =>
    items(env, "left")
      .keyBy("key")
      .connect(items(env, "right").broadcast())
      .process("sums", {
        state: { sum: valueState(0) },
        broadcast: { sums: mapState<string, number>() },
        process({ x }, { state: { sum }, timers }) {
          sum.update((before) => before + x);
          timers.register("event", Number.POSITIVE_INFINITY);
        },
        processBroadcast({ key, x }, { broadcast: { sums } }) {
          sums.put(key, (sums.get(key) ?? 0) + x);
        },
        onTimer: (_, { key, state: { sum }, broadcast: { sums } }) => [
          { key, own: sum.get(), all: [...sums.entries()].toSorted() },
        ],
      }),
};

/** Their values that are too old are never seen again, but given back bit by bit: how many are left differs. */
const ageing: readonly string[] = [
  "the first of each key, for a while",
  "the first of each key, by Bloom filters",
  "a process function with every kind of state, which ages",
];

function simulated(name: string, build: (env: Environment) => DataStream<unknown>): SimulatedJob {
  const job = defineJob(import.meta, name, (env) => build(env).to(collectTo("out")), { parallelism: 3 });
  return ageing.includes(name) ? { job, options: { compareState: false } } : { job };
}

export const operatorJobs: Readonly<Record<string, SimulatedJob>> = Object.fromEntries([
  ...Object.entries(ofKeys).map(([name, build]) => [name, simulated(name, (env) => build(keyed(env)))]),
  ...Object.entries(ofTwo).map(([name, build]) => [name, simulated(name, build)]),
  ...Object.entries(ofJoins).map(([name, build]) => [name, simulated(name, (env) => build(env, items))]),
]);
