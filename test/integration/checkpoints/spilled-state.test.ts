/** State of many times its memory budget, embedded and on a cluster, with checkpoints, and from one backend to the other. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type JobHandle, type RunOptions, run } from "../../../runtime/run.ts";
import { byField, Cluster, eventually } from "../cluster/cluster.ts";
import { endsAllProcesses, workFolder } from "../cluster/processes.ts";
import { completed, restarted, submitFixture } from "./counted-job.ts";
import profiles from "./fixtures/profiles.ts";

endsAllProcesses();

const folder = await workFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const KEYS = 1000;
const VISITS = 10;
const answer = Array.from({ length: KEYS }, (_, key) => ({ key, visits: VISITS }));
const memory = { backend: "memory" } as const;
const quiet = { logLevel: "silent" } as const;

test("a job runs on a fraction of its state in memory, and nothing of it stays on the disk", async () => {
  const directory = join(folder.path, "spilled");
  const seen: number[] = [];
  const handle = await run(profiles, {
    ...{ ...quiet, params: { perSecond: 50_000 } },
    state: { backend: "level", memory: "50KB", directory },
    onProgress: () => void readdir(directory).then((found) => seen.push(found.length)),
  });
  await handle.result;
  expect(byField(handle.collect("profiles"), "key")).toEqual(answer);
  expect(Math.max(...seen)).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

async function someCheckpoints(directory: string, count: number): Promise<void> {
  await eventually(`${count} checkpoints are complete`, async () => {
    const manifests = await readdir(join(directory, "manifests"));
    return manifests.some((name) => Number(name.slice(0, 13)) >= count);
  });
}

test.each([
  ["level", "memory", undefined, memory],
  ["memory", "level", memory, undefined],
] as const)("a checkpoint of %s is restored into %s", async (from, to, before, after) => {
  const checkpoints = { directory: join(folder.path, `${from}-${to}`) };
  const stateOf = (state: RunOptions["state"]) => (state === undefined ? {} : { state });
  const abort = new AbortController();
  const first: JobHandle = await run(profiles, { ...quiet, ...stateOf(before), checkpoints, signal: abort.signal });
  await someCheckpoints(checkpoints.directory, 3);
  abort.abort();
  await expect(first.result).rejects.toMatchObject({ code: "CANCELLED" });
  const second = await run(profiles, { ...quiet, ...stateOf(after), checkpoints });
  await second.result;
  // A visit that was forgotten would leave its key without an answer, as would one that counts twice.
  expect(byField(second.collect("profiles"), "key")).toEqual(answer);
});

test("checkpoints of an embedded job may be a LevelDB, which its next run finds as it was left", async () => {
  const checkpoints = { directory: `level:${join(folder.path, "in-level")}`, interval: "100ms" } as const;
  const settings = { ...quiet, checkpoints, params: { perSecond: 20_000 } };
  const first = await run(profiles, settings);
  await first.result;
  expect(byField(first.collect("profiles"), "key")).toEqual(answer);
  const second = await run(profiles, settings);
  await second.result;
  // It goes on from the newest checkpoint, behind which there is little or nothing left.
  expect(second.collect("profiles").length).toBeLessThan(KEYS);
  const other = run(Object.freeze({ ...profiles, name: "another" }), settings);
  await expect(other).rejects.toMatchObject({ code: "CHECKPOINT_FOREIGN" });
  // What was refused does not keep the store.
  await (await run(profiles, settings)).result;
});

test("on a cluster, with a worker that is killed: its scratch is gone when another one comes", async () => {
  await using cluster = await Cluster.coordinator({ folder: folder.path });
  const [victim] = await Promise.all([cluster.worker(["--slots", "1"]), cluster.worker(["--slots", "1"])]);
  const jid = await submitFixture(cluster, "profiles");
  await cluster.reaches(jid, "RUNNING");
  await completed(cluster, jid, 2);
  const spill = join(cluster.data, "spill");
  expect(await readdir(spill)).toHaveLength(2);
  process.kill(victim?.pid ?? 0, "SIGKILL");
  await cluster.worker(["--slots", "1"]);
  await restarted(cluster, jid);
  expect(await readdir(spill)).toHaveLength(2);
  await cluster.reaches(jid, "FINISHED");
  expect(byField(await cluster.rows(jid, "profiles"), "key")).toEqual(answer);
  await eventually("nothing of the job is on the disk", async () => {
    const left = await Promise.all((await readdir(spill)).map((worker) => readdir(join(spill, worker))));
    return left.flat().every((name) => name === "owner.json");
  });
});
