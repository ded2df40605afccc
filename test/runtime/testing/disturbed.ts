/** Jobs whose output is known whatever happens to them, and what may happen to them. */

import fc from "fast-check";
import {
  counting,
  type DataStream,
  defineJob,
  type Environment,
  fromArray,
  generate,
  listState,
  mapState,
  outputTag,
  tumbling,
  valueState,
} from "../../../index.ts";
import { type InThreadCrash, runInThread } from "../../../runtime/testing/index.ts";
import { countedParts } from "./counted-parts.ts";
import { Ledger } from "./ledger.ts";

export interface Item {
  readonly key: string;
  readonly i: number;
}

export const itemOf = (i: number): Item => ({ key: `k${i % 7}`, i });
/** Every third record is too late for everything, once so many have come that a watermark has. */
const isLate = ({ i }: Item): boolean => i > 30 && i % 3 === 2;
const timeOf = (item: Item): number => (isLate(item) ? item.i - 1_000_000 : item.i);

/** `perSecond`: each record then travels by itself, with the watermark behind it, so that late ones are late for certain. */
export function items(env: Environment, count: number, name: string, perSecond?: number): DataStream<Item> {
  const paced = perSecond === undefined ? {} : { perSecond };
  const source = generate({ count, splits: 9, record: itemOf, ...paced });
  return env.from(source, { name, parallelism: 1 });
}

export function timed(stream: DataStream<Item>, name: string): DataStream<Item> {
  return stream.withTimestamps(timeOf, { punctuated: (_, time) => time - 1, name, parallelism: 1 });
}

export type Build = (env: Environment, ledger: Ledger) => void;

/** By what they are about. */
export const jobs: Readonly<Record<string, Build>> = {
  "counts by windows, with late records": (env, ledger) => {
    const late = outputTag<Item>("late");
    const counts = timed(items(env, 120, "items", 100), "timed")
      .keyBy("key")
      .window(tumbling("20ms"), { late })
      .aggregate("counts", counting());
    counts.to(ledger.sink("out"));
    counts.sideOutput(late).to(ledger.sink("late"));
  },
  "a process function with state and timers": (env, ledger) => {
    timed(items(env, 700, "items"), "timed")
      .filter((item) => !isLate(item))
      .keyBy("key")
      .process("sums", {
        state: { sums: mapState<number, number>(), seen: listState<number>() },
        process({ i }, { state: { sums, seen }, timers }) {
          const end = Math.ceil((i + 1) / 100) * 100;
          sums.put(end, (sums.get(end) ?? 0) + i);
          if (i % 20 === 0 && end === 100) seen.add(i);
          timers.register("event", end);
          return [];
        },
        onTimer({ timestamp, key }, { state: { sums, seen } }) {
          const sum = sums.get(timestamp);
          sums.remove(timestamp);
          return [{ key, timestamp, sum, seen: [...seen.get()] }];
        },
      })
      .to(ledger.sink("out", true));
  },
  "a union of two sources, shuffled twice": (env, ledger) => {
    const numbers = fromArray(Array.from({ length: 400 }, (_, at) => itemOf(1000 + at)));
    env
      .from(numbers, { name: "numbers" })
      .union(items(env, 500, "items"))
      .keyBy("key")
      .process("last", {
        state: { count: valueState<number>() },
        process({ key }, { state }) {
          state.count.update((count) => (count ?? 0) + 1);
          return [{ key, count: state.count.get() ?? 0 }];
        },
      })
      .keyBy("count")
      .process("again", {
        state: { count: valueState<number>() },
        process({ count }, { state }) {
          state.count.update((seen) => (seen ?? 0) + 1);
          return [{ count, seen: state.count.get() }];
        },
      })
      .to(ledger.sink("out"));
  },
  "operator state and batches": (env, ledger) => {
    const all = env.from(generate({ count: 800, splits: 20, record: itemOf }), { name: "items" });
    all
      .mapBatches<{ readonly double: number }>("double", {
        schema: { i: "float64" },
        process: (batch) => Array.from(batch.getChild("i")?.toArray() ?? [], (i) => ({ double: 2 * (i as number) })),
      })
      .to(ledger.sink("doubles", true));
    all
      .rebalance()
      .transform("counted", countedParts)
      .global()
      .keyBy(() => 0)
      .process(
        "total",
        {
          state: { total: valueState<number>() },
          process({ count }, { state }) {
            state.total.update((total) => (total ?? 0) + count);
            return state.total.get() === 800 ? [{ total: 800 }] : [];
          },
        },
        { parallelism: 1 },
      )
      .to(ledger.sink("totals"));
  },
};

let names = 0;

export interface Disturbance {
  readonly seed: number;
  readonly parallelism: number;
  readonly everySteps: number;
  readonly giveUpEvery: number;
  /** Absent: checkpoints are aligned. */
  readonly overtakeAfterSteps?: number;
  readonly crashes: readonly InThreadCrash[];
}

/** Checkpoints are aligned. */
export const disturbance: fc.Arbitrary<Disturbance> = fc.record({
  seed: fc.nat(1_000_000),
  parallelism: fc.integer({ min: 1, max: 3 }),
  everySteps: fc.integer({ min: 10, max: 60 }),
  giveUpEvery: fc.integer({ min: 2, max: 4 }),
  crashes: fc.array(
    fc.record({
      afterSteps: fc.integer({ min: 1, max: 400 }),
      atCheckpoint: fc.integer({ min: 1, max: 12 }),
      parallelism: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 4 },
  ),
});

export async function outputOf(build: Build, disturbed: Disturbance | undefined): Promise<readonly string[]> {
  const ledger = new Ledger();
  const job = defineJob(import.meta, `job ${names++}`, (env) => build(env, ledger));
  const options = disturbed === undefined ? {} : { ...disturbed, checkpoints: disturbed };
  await (await runInThread(job, options)).result;
  return ledger.rows;
}
