import { expect, test } from "vitest";
import { collectTable, collectTo, fromArray } from "../../connectors/memory.ts";
import {
  type Change,
  defineJob,
  deleted,
  inserted,
  type KeyedResult,
  materialise,
  summing,
  updatedFrom,
  updatedTo,
} from "../../index.ts";
import { runInThread } from "../../runtime/testing/index.ts";
import { sinkConformance } from "../conformance/sink.ts";
import { readSource, sourceConformance } from "../conformance/source.ts";
import { fakeContext } from "./fake-context.ts";

const hundred = Array.from({ length: 100 }, (_, index) => index);

sourceConformance("fromArray", () => ({ source: fromArray(hundred), expected: hundred }));
sourceConformance("fromArray of nothing", () => ({ source: fromArray([]), expected: [] }));
sourceConformance("fromArray of one value", () => ({ source: fromArray(["only"]), expected: ["only"] }));

sinkConformance<number>("collectTo", () => {
  const context = fakeContext();
  return {
    sink: collectTo<number>("numbers"),
    context,
    record: (index) => index,
    visible: () => context.reported.collected.flat(),
    shown: (record) => record,
  };
});

test("what happens to the array after fromArray changes nothing", async () => {
  const values = [1, 2, 3];
  const source = fromArray(values);
  values.push(4);
  expect((await readSource(source)).records).toEqual([1, 2, 3]);
});

test("an array's elements may be undefined and null", async () => {
  expect((await readSource(fromArray([undefined, null, 0]))).records).toEqual([undefined, null, 0]);
});

test("collectTo takes the name under which the rows are asked for", () => {
  expect(collectTo("alerts").name).toBe("alerts");
});

test("collectTo hands rows over in batches and waits when the other side has to catch up", async () => {
  const caughtUp = Promise.withResolvers<void>();
  const context = fakeContext({ collected: () => caughtUp.promise });
  const writer = collectTo<number>("rows").writer(context);
  const waits = Array.from({ length: 1024 }, (_, index) => writer.write(index, 0)).filter((wait) => wait !== undefined);
  expect(waits).toEqual([caughtUp.promise]);
  expect(context.reported.collected.map((rows) => rows.length)).toEqual([1024]);
});

test("collectTable hands over the last change of each key, and again when there is another", async () => {
  const context = fakeContext();
  const row = (key: string, n: number) => ({ key, n });
  const writer = collectTable<{ key: string; n: number }>("table", { key: ({ key }) => key }).writer(context);
  for (const change of [inserted(row("a", 1)), inserted(row("b", 1)), updatedFrom(row("a", 1)), updatedTo(row("a", 2))])
    await writer.write(change, 0);
  await writer.flush?.();
  await writer.flush?.();
  await writer.write(deleted(row("b", 1)), 0);
  expect(await writer.prepare?.(1)).toEqual({ kind: "millrace.collected", subtask: 0, attempt: 1, rows: 3 });
  expect(context.reported.collected).toEqual([[updatedTo(row("a", 2)), inserted(row("b", 1))], [deleted(row("b", 1))]]);
});

test("what collectTable has gathered makes the table, at any parallelism", async () => {
  const sales = Array.from({ length: 200 }, (_, i) => ({ item: `i${i % 5}`, amount: i }));
  const job = defineJob(import.meta, "gathered", (env) => {
    env
      .from(fromArray(sales))
      .keyBy("item")
      .aggregate("totals", summing("amount"), { emit: "changes" })
      .to(collectTable("table", { key: ({ key }) => key }));
  });
  const sumOf = (k: number) => sales.reduce((sum, { item, amount }) => sum + (item === `i${k}` ? amount : 0), 0);
  for (const parallelism of [1, 2, 3]) {
    const handle = await runInThread(job, { parallelism });
    await handle.result;
    const table = materialise(handle.collect<Change<KeyedResult<string, number>>>("table"), ({ key }) => key);
    expect([...table.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(
      Array.from({ length: 5 }, (_, k) => ({ key: `i${k}`, value: sumOf(k) })),
    );
  }
});
