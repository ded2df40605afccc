/**
 * Exactly once by unaligned checkpoints: barriers overtake what is on its way, at once or after a while, also behind operators
 * that are slow for as long as time stands still; what was in flight is dealt out anew after a crash, at whatever parallelism.
 * MILLRACE_CRASH_RUNS says how many disturbances of each job are tried.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { CHANNEL_CREDIT, LOCAL_BATCH_ROWS } from "../../../core/limits.ts";
import { type DataStream, defineJob, generate, type Sink, valueState } from "../../../index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { type Build, disturbance, type Item, items, jobs, outputOf } from "./disturbed.ts";
import { slowly } from "./slowly.ts";

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
    // Far more than channels hold, so that both are in flight.
    const both = followed(followed(items(env, 6000, "items"), "first"), "second");
    both.transform("slow", slowly(200)).to(ledger.sink("out"));
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
    // Everyone hears everything, and one of them says it.
    const heard = all
      .rebalance()
      .map((item) => item)
      .broadcast();
    heard
      .transform<Item>("heard", ({ output, subtask, parallelism }) => ({
        process(item, timestamp) {
          if (item.i % parallelism === subtask) output.push(item, timestamp);
        },
      }))
      .transform("slow", slowly(8))
      .to(ledger.sink("from heard"));
  },
  "a batch that was gathered and not run": (env, ledger) => {
    const pairs = items(env, 1500, "items")
      .rebalance()
      .flatMap(({ i }) => [
        { i, text: "many bytes".repeat(200) },
        { i: -i, text: "" },
      ]);
    // Large records, so that it is this one that closes the gate in the midst of a batch.
    pairs
      .rebalance()
      .transform("slow", slowly<{ readonly i: number }>(100))
      .map(({ i }) => i)
      .to(ledger.sink("pairs"));
    const doubled = pairs.mapBatches<{ readonly double: number }>("double", {
      schema: { i: "float64" },
      process: (batch) => Array.from(batch.getChild("i")?.toArray() ?? [], (i) => ({ double: 2 * (i as number) })),
    });
    doubled.to(ledger.sink("doubles", true));
  },
  "records that come out of one by thousands": (env, ledger) => {
    items(env, 4, "items")
      .rebalance()
      .flatMap(function* ({ i }) {
        for (let part = 0; part < 3000; part++) yield { i, part };
      })
      .rebalance()
      .transform("slow", slowly(500))
      .to(ledger.sink("out"));
  },
  "late records behind slow ones": (env, ledger) => {
    // Late by no more than the watermark of the record before says, which is sent while the next one is waited for.
    const timeOf = ({ i }: Item): number => (i % 3 === 2 ? i - 2 : i);
    items(env, 150, "items")
      .transform("paced", slowly<Item>(1), { parallelism: 1 })
      .withTimestamps(timeOf, { punctuated: (_, time) => time - 1, name: "timed", parallelism: 1 })
      .keyBy("key")
      .transform<Item & { readonly late: boolean }>("lateness", (context) => ({
        process(value, timestamp) {
          context.output.push({ ...value, late: timestamp <= context.currentWatermark }, timestamp);
        },
      }))
      .transform("slow", slowly(4, 40))
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
  expect(aligned).toBeGreaterThan(CHANNEL_CREDIT * LOCAL_BATCH_ROWS);
  expect(unaligned).toBeLessThan(aligned / 4);
});
