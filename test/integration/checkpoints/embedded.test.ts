/** A job embedded in this process, on real threads: it goes on from its checkpoints after a failure, and after its process. */

import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { JobHandle } from "../../../runtime/run.ts";
import { run } from "../../../runtime/run.ts";
import { byField, eventually } from "../cluster/cluster.ts";
import { workFolder } from "../cluster/processes.ts";
import comesToEnd from "./fixtures/comes-to-end.ts";
import failsOnce from "./fixtures/fails-once.ts";

const COUNT = 4000;
const folder = await workFolder();
afterAll(() => folder[Symbol.asyncDispose]());

function sums(): readonly unknown[] {
  const rows: unknown[] = [];
  for (let start = 0; start < COUNT; start += 1000) {
    for (let key = 0; key < 4; key++) {
      let value = 0;
      for (let index = start + key; index < start + 1000; index += 4) value += index;
      rows.push({ key, windowStart: start, windowEnd: start + 1000, value });
    }
  }
  return rows;
}

const ordered = (rows: readonly unknown[]): readonly unknown[] => byField(byField(rows, "key"), "windowStart");
const indices = (rows: readonly unknown[]): readonly number[] =>
  (rows as readonly { index: number }[]).map(({ index }) => index).sort((a, b) => a - b);
const everyTenth = Array.from({ length: COUNT / 10 }, (_, at) => at * 10);

async function completed(directory: string, count: number): Promise<void> {
  await eventually(`${count} checkpoints are complete`, async () => {
    const manifests = await readdir(join(directory, "manifests"));
    return manifests.some((name) => Number(name.slice(0, 13)) >= count);
  });
}

test("after a failure it restarts from a checkpoint, and each row is there once", async () => {
  const directory = join(folder.path, "failing");
  const marker = join(folder.path, "has-failed");
  // Late enough for several checkpoints.
  const handle = await run(failsOnce, {
    params: { failAt: 1500, marker },
    checkpoints: { directory },
    logLevel: "silent",
  });
  await handle.result;
  expect(await readdir(folder.path)).toContain("has-failed");
  expect(ordered(handle.collect("sums"))).toEqual(sums());
  const seen = handle.collect<{ index: number; attempt: number }>("seen");
  expect(indices(seen)).toEqual(everyTenth);
  // Both attempts have seen rows that count: the job did not begin anew.
  expect(new Set(seen.map(({ attempt }) => attempt))).toEqual(new Set([1, 2]));
});

test("another run on the folder goes on where the first was ended, at another parallelism", async () => {
  const directory = join(folder.path, "ended");
  const abort = new AbortController();
  const first = await run(failsOnce, { checkpoints: { directory }, signal: abort.signal, logLevel: "silent" });
  await completed(directory, 5);
  abort.abort();
  await expect(first.result).rejects.toMatchObject({ code: "CANCELLED" });
  const second: JobHandle = await run(failsOnce, { checkpoints: { directory }, parallelism: 3, logLevel: "silent" });
  await second.result;
  const seen = indices(second.collect("seen"));
  expect(seen.length).toBeLessThan(everyTenth.length);
  // What came behind the checkpoint comes again, and all of it together is everything.
  expect([...new Set([...indices(first.collect("seen")), ...seen])].sort((a, b) => a - b)).toEqual(everyTenth);
  const both = [...first.collect("sums"), ...second.collect("sums")];
  expect(ordered([...new Map(both.map((row) => [JSON.stringify(row), row])).values()])).toEqual(sums());
});

test("a folder with another job's checkpoints is refused", async () => {
  const directory = join(folder.path, "ended");
  const other = Object.freeze({ ...failsOnce, name: "another" });
  await expect(run(other, { checkpoints: { directory } })).rejects.toMatchObject({ code: "CHECKPOINT_FOREIGN" });
});

test("where none is wanted at the end, there is one only if a sink commits by it", async () => {
  const ends = async (name: string, exactlyOnce: boolean): Promise<readonly string[]> => {
    const directory = join(folder.path, name);
    const params = { out: join(folder.path, `${name}-out`), exactlyOnce };
    const handle = await run(comesToEnd, { params, checkpoints: { directory }, logLevel: "silent" });
    await handle.result;
    const files = exactlyOnce ? (await readdir(params.out)).map((part) => join(params.out, part)) : [params.out];
    const rows = files.map((file) => readFileSync(file, "utf8")).join("");
    expect(rows.trimEnd().split("\n")).toHaveLength(1000);
    return await readdir(join(directory, "manifests")).catch(() => []);
  };
  expect(await ends("at-once", false)).toEqual([]);
  expect((await ends("by-checkpoints", true)).length).toBeGreaterThan(0);
});
