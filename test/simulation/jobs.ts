/** The jobs that are run on simulated clusters. What each gives follows from its input alone, in whatever order that comes. */

import {
  type CheckpointOptions,
  collectTo,
  counting,
  defineJob,
  type Environment,
  eventTimeTrigger,
  generate,
  type Job,
  listState,
  mapState,
  outputTag,
  purgingTrigger,
  session,
  sliding,
  tumbling,
  valueState,
} from "millrace";
import type { SimulateOptions } from "millrace/testing";
import { countedParts } from "../runtime/testing/counted-parts.ts";

export interface SimulatedJob {
  readonly job: Job;
  readonly options?: SimulateOptions;
}

interface Item {
  readonly key: string;
  readonly i: number;
}

const RECORDS = 1000;
const itemOf = (i: number): Item => ({ key: `k${i % 7}`, i });

/** Counts by windows of event time: panes as state, their ends as timers. */
function windows(env: Environment): void {
  env
    .from(generate({ count: RECORDS, splits: 12, record: itemOf }))
    .withTimestamps(({ i }) => i, { outOfOrderness: "1s" })
    .keyBy("key")
    .window(tumbling("50ms"))
    .aggregate("counts", counting())
    .to(collectTo("counted"));
}

/** Sessions of a few records each, kept by panes of their ends. */
function sessions(env: Environment): void {
  env
    .from(generate({ count: RECORDS, splits: 12, record: itemOf }))
    .withTimestamps(({ i }) => i + 20 * Math.floor(i / 40), { outOfOrderness: "2s" })
    .keyBy("key")
    .window(session("15ms"))
    .aggregate("sessions", counting())
    .to(collectTo("closed"));
}

/** Every window fires early and at its end, with all of its records and a state of the key; timers as many as windows. */
function triggered(env: Environment): void {
  env
    .from(generate({ count: RECORDS, splits: 12, record: itemOf }))
    .withTimestamps(({ i }) => i, { outOfOrderness: "2s" })
    .keyBy("key")
    .window(sliding("60ms", "20ms"))
    .trigger(purgingTrigger(eventTimeTrigger()))
    .process("lists", {
      state: { windows: valueState(0) },
      process(key, { start }, records, { state: { windows } }) {
        windows.update((n) => n + 1);
        return [{ key, start, sum: records.reduce((sum, { i }) => sum + i, 0), windows: windows.get() }];
      },
    })
    .to(collectTo("listed"));
}

interface Side {
  readonly side: "order" | "payment";
  readonly id: number;
}

/** Two sources meet by key: each order waits for its payment, and what stays alone is told when all input has come. */
function join(env: Environment): void {
  const orders = generate({ count: RECORDS / 2, splits: 7, record: (id): Side => ({ side: "order", id }) });
  const payments = generate({ count: RECORDS / 2, splits: 5, record: (i): Side => ({ side: "payment", id: i * 2 }) });
  env
    .from(orders, { name: "orders" })
    .union(env.from(payments, { name: "payments" }))
    .keyBy("id")
    .process("join", {
      state: { waiting: valueState<Side["side"]>() },
      process({ side, id }, { state: { waiting }, timers }) {
        if (waiting.get() === undefined) {
          waiting.set(side);
          timers.register("event", Number.POSITIVE_INFINITY);
          return [];
        }
        waiting.clear();
        return [{ id: String(id), paid: true }];
      },
      onTimer({ key }, { state: { waiting } }) {
        const side = waiting.get();
        return side === undefined ? [] : [{ id: `${String(key)}, ${side} only`, paid: false }];
      },
    })
    .to(collectTo("joined"));
}

/** Maps and lists by key, and timers that come due while records still do. */
function timers(env: Environment): void {
  env
    .from(generate({ count: RECORDS, splits: 9, record: itemOf }))
    .withTimestamps(({ i }) => i, { outOfOrderness: "1s" })
    .keyBy("key")
    .process("sums", {
      state: { sums: mapState<number, number>(), seen: listState<number>() },
      process({ i }, { state: { sums, seen }, timers: due }) {
        const end = Math.ceil((i + 1) / 100) * 100;
        sums.put(end, (sums.get(end) ?? 0) + i);
        if (i % 50 === 0) seen.add(i);
        due.register("event", end);
        return [];
      },
      onTimer({ timestamp, key }, { state: { sums } }) {
        const sum = sums.get(timestamp);
        sums.remove(timestamp);
        return [{ key, timestamp, sum }];
      },
    })
    .to(collectTo("summed"));
}

function shuffles(env: Environment): void {
  env
    .from(generate({ count: RECORDS, splits: 10, record: itemOf }))
    .rebalance()
    .transform("counted", countedParts)
    .keyBy(() => 0)
    .process("total", {
      state: { total: valueState<number>(0) },
      process({ count }, { state: { total } }) {
        total.update((sum) => sum + count);
        return total.get() === RECORDS ? [{ total: RECORDS }] : [];
      },
    })
    .to(collectTo("totals"));
}

/** Every third record is too late for its window, once so many have come that a watermark has passed it. */
function late(env: Environment): void {
  const tooLate = outputTag<Item>("late");
  const timeOf = ({ i }: Item): number => (i > 30 && i % 3 === 2 ? i - 1_000_000 : i);
  const counts = env
    .from(generate({ count: RECORDS, splits: 9, record: itemOf }))
    .withTimestamps(timeOf, { punctuated: (_, time) => time - 1 })
    .keyBy("key")
    .window(tumbling("20ms"), { late: tooLate })
    .aggregate("counts", counting());
  counts.to(collectTo("counted"));
  counts.sideOutput(tooLate).to(collectTo("late"));
}

const parallelism = 3;

/** The other jobs' checkpoints are kept by the workers. */
const inFolder: SimulateOptions = { checkpoints: "folder" };

/** The simulation sets the interval. */
function unaligned(how: NonNullable<CheckpointOptions["unaligned"]>): CheckpointOptions {
  return { interval: "1s", unaligned: how };
}

export const jobs: Readonly<Record<string, SimulatedJob>> = {
  window: { job: defineJob(import.meta, "window", windows, { parallelism }), options: inFolder },
  sessions: { job: defineJob(import.meta, "sessions", sessions, { parallelism }) },
  triggered: { job: defineJob(import.meta, "triggered", triggered, { parallelism }), options: inFolder },
  join: { job: defineJob(import.meta, "join", join, { parallelism }) },
  timers: { job: defineJob(import.meta, "timers", timers, { parallelism }) },
  shuffle: { job: defineJob(import.meta, "shuffle", shuffles, { parallelism }) },
  // Barriers overtake what is on its way, which goes into the checkpoint.
  unaligned: { job: defineJob(import.meta, "unaligned", join, { parallelism, checkpoints: unaligned(true) }) },
  overtaking: {
    job: defineJob(import.meta, "overtaking", windows, {
      parallelism,
      checkpoints: unaligned({ alignmentTimeout: "5ms" }),
    }),
    options: inFolder,
  },
  // One subtask, as what is late depends on the order.
  late: { job: defineJob(import.meta, "late", late, { parallelism: 1 }) },
  // Its rows are kept by the coordinator, which takes back those that come again.
  collected: { job: defineJob(import.meta, "collected", windows, { parallelism }), options: { sinks: "own" } },
};
