/**
 * Exactly once by unaligned checkpoints: barriers overtake what is on its way, at once or after a while, also behind operators
 * that are slow for as long as time stands still; what was in flight is dealt out anew after a crash, at whatever parallelism.
 * MILLRACE_CRASH_RUNS says how many disturbances of each job are tried.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type DataStream, defineJob, generate, type OperatorFactory, type Sink, valueState } from "../../../index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { type Build, disturbance, type Item, items, jobs, outputOf, timed } from "./disturbed.ts";

/** Waits after every so many records until time has passed, which it does not before everyone waits for something. */
function slowly<T>(every: number): OperatorFactory<T, T> {
  return (context) => {
    let taken = 0;
    return {
      process(value, timestamp) {
        context.output.push(value as T, timestamp);
        if (++taken % every !== 0) return;
        const moment = Promise.withResolvers<void>();
        context.callAt(context.clock.now() + 10, () => moment.resolve());
        context.wait(moment.promise, 10_000, "a moment");
      },
    };
  };
}

/** Says of each record which one of its key came before. */
function followed(stream: DataStream<Item>, name: string): DataStream<Item & { readonly after: number }> {
  return stream.keyBy("key").process(name, {
    state: { last: valueState<number>() },
    process(item, { state: { last } }) {
      const after = last.get() ?? -1;
      last.set(item.i);
      return [{ ...item, after }];
    },
  });
}

const slowJobs: Readonly<Record<string, Build>> = {
  "each key's records in their order, through two shuffles": (env, ledger) => {
    const first = followed(items(env, 900, "items"), "first").transform("slow", slowly(40));
    followed(first, "second").to(ledger.sink("out"));
  },
  "records that are dealt out in turn, and some of them to one": (env, ledger) => {
    const dealt = items(env, 600, "items").rebalance().transform("slow", slowly<Item>(30));
    dealt.to(ledger.sink("dealt"));
    dealt
      .filter(({ i }) => i % 3 === 0)
      .global()
      .transform("slow one", slowly<Item>(30))
      .to(ledger.sink("one"));
  },
  "a union of what is dealt out by key and in turn": (env, ledger) => {
    const keyed = followed(items(env, 300, "items"), "keyed").map(({ key, i }) => ({ key, i }));
    const other = items(env, 300, "others")
      .rebalance()
      .map((item) => item);
    keyed
      .union(other.map(({ key, i }) => ({ key, i: 1000 + i })))
      .transform("slow", slowly(20))
      .to(ledger.sink("out"));
  },
  "barriers that wait where they cannot overtake": (env, ledger) => {
    const all = items(env, 300, "items");
    followed(all, "first").rescale().transform("rescaled", slowly(25)).to(ledger.sink("from rescaled"));
    all
      .partitionBy(({ i }, subtasks) => i % subtasks)
      .transform("chosen", slowly(25))
      .to(ledger.sink("from chosen"));
    all
      .keyBy("key")
      .process("kept", { process: (item) => [item] })
      .broadcast()
      .transform("heard", slowly<Item>(25), { parallelism: 1 })
      .to(ledger.sink("from heard"));
  },
  "a batch that was gathered and not run": (env, ledger) => {
    const doubled = items(env, 500, "items")
      .rebalance()
      .flatMap(({ i }) => [{ i }, { i: -i }])
      .mapBatches<{ readonly double: number }>("double", {
        schema: { i: "float64" },
        process: (batch) => Array.from(batch.getChild("i")?.toArray() ?? [], (i) => ({ double: 2 * (i as number) })),
      });
    doubled.rebalance().transform("slow", slowly(40)).to(ledger.sink("doubles", true));
  },
  "late records behind slow ones": (env, ledger) => {
    timed(items(env, 200, "items", 400), "timed")
      .keyBy("key")
      .transform<Item & { readonly late: boolean }>("lateness", (context) => ({
        process(value, timestamp) {
          context.output.push({ ...value, late: timestamp <= context.currentWatermark }, timestamp);
        },
      }))
      .transform("slow", slowly(10))
      .to(ledger.sink("out"));
  },
};

const unaligned = fc
  .tuple(disturbance, fc.integer({ min: 0, max: 12 }))
  .map(([disturbed, overtakeAfterSteps]) => ({ ...disturbed, overtakeAfterSteps }));

test.each(Object.entries({ ...jobs, ...slowJobs }))("%s", async (_, build) => {
  const expected = await outputOf(build, undefined);
  expect(expected.length).toBeGreaterThan(0);
  await fc.assert(
    fc.asyncProperty(unaligned, async (disturbed) => {
      expect(await outputOf(build, disturbed)).toEqual(expected);
    }),
    { numRuns: Number(process.env["MILLRACE_CRASH_RUNS"] ?? 15) },
  );
});

/** How many records a slow operator had taken when the first checkpoint was complete. */
async function takenByFirstCheckpoint(overtakeAfterSteps: number | undefined): Promise<number> {
  let taken = 0;
  let byFirst: number | undefined;
  const sink: Sink<unknown> = {
    name: "out",
    writer: () => ({
      write: () => void taken++,
      prepare: () => taken,
      commit: async () => {
        byFirst ??= taken;
      },
    }),
  };
  const job = defineJob(import.meta, "slow", (env) => {
    env
      .from(generate({ count: 20_000, record: (i) => ({ i }) }), { name: "numbers", parallelism: 1 })
      .rebalance()
      .transform("slow", slowly(1))
      .to(sink);
  });
  const checkpoints = { everySteps: 300, ...(overtakeAfterSteps === undefined ? {} : { overtakeAfterSteps }) };
  await (await runInThread(job, { parallelism: 2, checkpoints })).result;
  expect(taken).toBe(20_000);
  return byFirst as number;
}

test("a barrier behind a slow operator's records waits for them; one that overtakes them does not", async () => {
  const [aligned, unaligned] = await Promise.all([takenByFirstCheckpoint(undefined), takenByFirstCheckpoint(0)]);
  // What channels and the operator's batch hold: thousands of records, of which it takes one at a time.
  expect(aligned).toBeGreaterThan(8 * 1024);
  expect(unaligned).toBeLessThan(aligned / 4);
});
