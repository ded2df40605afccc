/**
 * Exactly once where two streams meet and where calls wait: whatever is crashed whenever, with aligned and unaligned
 * checkpoints, and at whatever parallelism it goes on, the committed output is that of a run without disturbance.
 * MILLRACE_CRASH_RUNS says how many disturbances of each job are tried.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type DataStream,
  type Environment,
  generate,
  listState,
  type MapState,
  mapState,
  tumbling,
  valueState,
} from "../../../index.ts";
import { type Build, disturbance, type Item, itemOf, outputOf } from "./disturbed.ts";
import { slowly } from "./slowly.ts";

const COUNT = 140;

/** In order, so that nothing is late; one of the two waits now and then, so that the other is ahead. */
function stream(env: Environment, name: string, slow: boolean): DataStream<Item> {
  const made = env.from(generate({ count: COUNT, splits: 1, record: itemOf }), { name, parallelism: 1 });
  const paced = slow ? made.transform(`${name} paced`, slowly<Item>(30), { parallelism: 1 }) : made;
  return paced.withTimestamps(({ i }) => i, {
    name: `times of ${name}`,
    parallelism: 1,
    punctuated: (_, time) => time - 1,
  });
}

function both(env: Environment): readonly [DataStream<Item>, DataStream<Item>] {
  return [stream(env, "left", true), stream(env, "right", false).map(({ key, i }) => ({ key, i }))];
}

function connected(env: Environment) {
  const [left, right] = both(env);
  return left.keyBy("key").connect(right.keyBy("key"));
}

const pair = (a: Item | undefined, b: Item | undefined) => ({ left: a?.i ?? null, right: b?.i ?? null });

const jobs: Readonly<Record<string, Build>> = {
  "a process function of two inputs": (env, ledger) => {
    connected(env)
      .process("pairs", {
        state: { left: listState<number>(), right: listState<number>() },
        process1({ i }, { state: { left, right } }) {
          left.add(i);
          return right.get().map((other) => ({ left: i, right: other }));
        },
        process2({ i }, { state: { left, right } }) {
          right.add(i);
          return left.get().map((other) => ({ left: other, right: i }));
        },
      })
      .to(ledger.sink("out"));
  },
  "a full interval join": (env, ledger) => {
    connected(env)
      .intervalJoin("join", { type: "full", lower: "-9ms", upper: "2ms", on: (a, b) => a.i !== b.i, join: pair })
      .transform("slow", slowly(40))
      .to(ledger.sink("out"));
  },
  "a full window join": (env, ledger) => {
    connected(env)
      .window(tumbling("20ms"))
      .join("join", { type: "full", on: (a, b) => a.i < b.i, join: pair })
      .to(ledger.sink("out", true));
  },
  "an inner join of all rows": (env, ledger) => {
    connected(env)
      .join("join", { keep: "forever", on: (a, b) => Math.abs(a.i - b.i) < 30, join: pair })
      .to(ledger.sink("out"));
  },
  "what the changes of a left join make": (env, ledger) => {
    connected(env)
      .join("join", {
        type: "left",
        keep: "forever",
        on: (a, b) => a.i === b.i + 7,
        join: (a, b) => ({ ...a, right: b?.i ?? -1 }),
      })
      .keyBy(({ value }) => value.key)
      .process("table", {
        state: { rows: mapState<readonly number[], number>() },
        process({ kind, value }, { state: { rows }, timers }) {
          count(rows, [value.i, value.right], kind === "insert" ? 1 : -1);
          timers.register("event", Number.POSITIVE_INFINITY);
        },
        onTimer: (_, { state: { rows } }) => [...rows.entries()].map(([row, copies]) => ({ row, copies })),
      })
      .to(ledger.sink("out"));
  },
  "a temporal join": (env, ledger) => {
    connected(env).temporalJoin("join", { type: "left", join: pair }).to(ledger.sink("out"));
  },
  "broadcast state beside state of keys": (env, ledger) => {
    const [left, right] = both(env);
    left
      .keyBy("key")
      .connect(right.broadcast())
      .process("sums", {
        state: { sum: valueState(0) },
        broadcast: { sums: mapState<string, number>() },
        process({ i }, { state: { sum }, timers }) {
          sum.update((before) => before + i);
          timers.register("event", Number.POSITIVE_INFINITY);
        },
        processBroadcast({ key, i }, { broadcast: { sums } }) {
          sums.put(key, (sums.get(key) ?? 0) + i);
        },
        onTimer: (_, { key, state: { sum }, broadcast: { sums } }) => [
          { key, own: sum.get(), all: [...sums.entries()].toSorted() },
        ],
      })
      .to(ledger.sink("out"));
  },
  "calls that wait, in order and not": (env, ledger) => {
    const [left, right] = both(env);
    const double = async ({ i }: Item): Promise<number> => {
      for (let turn = 0; turn < i % 5; turn++) await Promise.resolve();
      return 2 * i;
    };
    left.asyncMap("ordered", double, { capacity: 5 }).to(ledger.sink("ordered out"));
    right
      .keyBy("key")
      .asyncMap("unordered", double, { capacity: 3, ordered: false, retry: { attempts: 3 } })
      .transform("slow", slowly(20))
      .to(ledger.sink("unordered out", true));
  },
};

function count(rows: MapState<readonly number[], number>, row: readonly number[], change: number): void {
  const copies = (rows.get(row) ?? 0) + change;
  if (copies === 0) rows.remove(row);
  else rows.put(row, copies);
}

const anyDisturbance = fc.oneof(
  disturbance,
  fc
    .tuple(disturbance, fc.integer({ min: 0, max: 12 }))
    .map(([disturbed, overtakeAfterSteps]) => ({ ...disturbed, overtakeAfterSteps })),
);

test.each(Object.entries(jobs))("%s", async (_, build) => {
  const expected = await outputOf(build, undefined);
  expect(expected.length).toBeGreaterThan(0);
  await fc.assert(
    fc.asyncProperty(anyDisturbance, async (disturbed) => {
      expect(await outputOf(build, disturbed)).toEqual(expected);
    }),
    { numRuns: Number(process.env["MILLRACE_CRASH_RUNS"] ?? 10) },
  );
});
