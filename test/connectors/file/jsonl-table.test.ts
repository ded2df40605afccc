import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { toJsonlTable } from "../../../connectors/file/jsonl-table.ts";
import {
  type Change,
  defineJob,
  deleted,
  fromArray,
  inserted,
  type Sink,
  summing,
  updatedFrom,
  updatedTo,
} from "../../../index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { twoPhaseSinkConformance } from "../../conformance/two-phase-sink.ts";
import { fakeContext } from "../fake-context.ts";
import { tempFolder } from "../temp-folder.ts";

const folder = tempFolder();

interface Row {
  readonly item: string;
  readonly n: number;
}

function linesOf(path: string): unknown[] {
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => JSON.parse(line));
}

async function published(changes: readonly Change<Row>[]): Promise<unknown[]> {
  const writer = toJsonlTable<Row>("table.jsonl", { key: "item" }).writer(
    fakeContext({ workingDirectory: folder.path }),
  );
  await writer.open?.();
  for (const change of changes) await writer.write(change, 0);
  await writer.commit?.(0, await writer.prepare?.(0));
  await writer.close?.();
  return linesOf(join(folder.path, "table.jsonl"));
}

const a1 = { item: "a", n: 1 };
const a2 = { item: "a", n: 2 };
const b1 = { item: "b", n: 1 };

test("the file has the last row of each key, in the order of first insertion", async () => {
  expect(await published([inserted(a1), inserted(b1), updatedFrom(a1), updatedTo(a2)])).toEqual([a2, b1]);
  expect(await published([inserted(a1), deleted(a1), inserted(b1)])).toEqual([b1]);
  expect(await published([inserted(a1), deleted(a1)])).toEqual([]);
  expect(await published([deleted(b1), inserted(a1), inserted(a2)])).toEqual([a2]);
});

test("keys of several fields are told apart, and dates and bigints are known again", async () => {
  const sink = toJsonlTable<{ at: Date; id: bigint; n: number }>("pairs.jsonl", { key: ["at", "id"] });
  const row = (at: number, id: bigint, n: number) => ({ at: new Date(at), id, n });
  const context = (more: object) => fakeContext({ workingDirectory: folder.path, ...more });
  const first = sink.writer(context({}));
  await first.open?.();
  for (const each of [row(1, 2n, 1), row(1, 3n, 2), row(2, 2n, 3)]) await first.write(inserted(each), 0);
  const part = { checkpoint: 1, prepared: await first.prepare?.(1) };
  const again = sink.writer(context({ attempt: 2, restored: { checkpoint: 1, parts: [part] } }));
  await again.open?.();
  await again.commit?.(1, part.prepared);
  await again.write(updatedTo(row(1, 3n, 9)), 0);
  await again.commit?.(2, await again.prepare?.(2));
  expect(linesOf(join(folder.path, "pairs.jsonl")).map((line) => (line as { n: number }).n)).toEqual([1, 9, 3]);
});

interface Numbered {
  readonly id: number;
}

/** A sink of numbers that inserts a row for each. */
function ofNumbers(table: Sink<Change<Numbered>>): Sink<number> {
  const { upsertKey: _, ...rest } = table;
  return {
    ...rest,
    writer: (context) => {
      const writer = table.writer(context);
      return Object.assign(Object.create(writer) as typeof writer, {
        open: () => writer.open?.(),
        write: (id: number) => writer.write(inserted({ id }), 0),
        prepare: (checkpoint: number) => writer.prepare?.(checkpoint),
        commit: (checkpoint: number, prepared: unknown) => writer.commit?.(checkpoint, prepared),
        close: () => writer.close?.(),
      }) as never;
    },
  };
}

let cases = 0;
twoPhaseSinkConformance("toJsonlTable", () => {
  const name = `case-${cases++}`;
  const path = join(folder.path, name, "table.jsonl");
  return {
    sink: ofNumbers(toJsonlTable<Numbered>(path, { key: "id" })),
    visible: async () => linesOf(path).map((row) => (row as Numbered).id),
    leftovers: async () => readdirSync(join(folder.path, name)).filter((file) => file !== "table.jsonl").length,
  };
});

test("a file that is not the checkpoint's is refused", async () => {
  const sink = toJsonlTable<Row>("refused.jsonl", { key: "item" });
  const first = sink.writer(fakeContext({ workingDirectory: folder.path }));
  await first.open?.();
  await first.write(inserted(a1), 0);
  const prepared = await first.prepare?.(1);
  await first.commit?.(1, prepared);
  writeFileSync(join(folder.path, "refused.jsonl"), '{"item":"a","n":7}\n');
  const restored = { checkpoint: 1, parts: [{ checkpoint: 1, prepared }] };
  const again = sink.writer(fakeContext({ workingDirectory: folder.path, attempt: 2, restored }));
  await expect(again.open?.()).rejects.toMatchObject({ code: "CHECKPOINT_BEHIND_OUTPUT" });
});

test("a table that an earlier job has left is gone when the job starts", async () => {
  const path = join(folder.path, "before.jsonl");
  writeFileSync(path, '{"item":"old","n":1}\n');
  const writer = toJsonlTable<Row>(path, { key: "item" }).writer(fakeContext());
  await writer.open?.();
  expect(existsSync(path)).toBe(false);
  expect(await writer.prepare?.(1)).toBe(undefined);
});

test.each([1, 2, 3])("the running totals of a job at parallelism %i, with crashes", async (parallelism) => {
  const path = join(folder.path, `totals-${parallelism}.jsonl`);
  const sales = Array.from({ length: 300 }, (_, i) => ({ item: `i${i % 7}`, amount: i }));
  const job = defineJob(import.meta, `totals ${parallelism}`, (env) => {
    env
      .from(fromArray(sales))
      .keyBy("item")
      .aggregate("totals", summing("amount"), { emit: "changes" })
      .to(toJsonlTable(path, { key: "key" }));
  });
  const crashes = [
    { afterSteps: 500, atCheckpoint: 1 },
    { afterSteps: 500, atCheckpoint: 2 },
  ];
  await (await runInThread(job, { parallelism, checkpoints: { everySteps: 20 }, crashes })).result;
  const sumOf = (item: string) => sales.reduce((sum, sale) => sum + (sale.item === item ? sale.amount : 0), 0);
  const expected = Array.from({ length: 7 }, (_, i) => ({ key: `i${i}`, value: sumOf(`i${i}`) }));
  expect((linesOf(path) as typeof expected).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(expected);
});

test.each([
  ["", { key: "item" }, /toJsonlTable expects the path of a file, got ""/],
  ["a.jsonl", { key: [] }, /toJsonlTable expects key to name the fields/],
])("the path %j with %o is refused", (path, options, message) => {
  expect(() => toJsonlTable<Row>(path, options as never)).toThrow(message);
});
