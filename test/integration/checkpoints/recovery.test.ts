/** Real processes: a worker or the coordinator is killed while a window job runs, and the job goes on from a checkpoint. */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SubmitRequest } from "../../../runtime/rest/views.ts";
import { byField, Cluster } from "../cluster/cluster.ts";
import { endsAllProcesses, freePort, millrace, workFolder } from "../cluster/processes.ts";
import { COUNT, completed, expectAnswer, restarted, submitCounted, sums } from "./counted-job.ts";

endsAllProcesses();

const folder = await workFolder();
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.coordinator({ folder: folder.path, args: ["--verbose"] });
  await Promise.all([1, 2, 3].map(() => cluster.worker(["--slots", "1"])));
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const submit = (options: Partial<SubmitRequest> = {}) => submitCounted(cluster, options);

describe("a window job with a checkpoint every 200 ms", () => {
  test("kill -9 of a worker: it goes on from a checkpoint, and its rows are those of an undisturbed run", async () => {
    const jid = await submit();
    await cluster.reaches(jid, "RUNNING");
    await completed(cluster, jid, 3);
    const [victim = 0] = await cluster.placesOf(jid, "sum");
    process.kill(victim, "SIGKILL");
    await restarted(cluster, jid);
    const { latest, counts } = await cluster.client.checkpoints(jid);
    expect(counts.restored).toBe(1);
    expect(latest.restored?.id).toBeGreaterThanOrEqual(3);
    expect((await cluster.exceptions(jid)).map(({ exceptionName }) => exceptionName)).toEqual(["WORKER_LOST"]);
    // Both attempts have seen rows that count: the job did not begin anew.
    expect(await expectAnswer(cluster, jid)).toEqual(new Set([1, 2]));
    await cluster.worker(["--slots", "1"]);
  });

  test("a savepoint that is not there is refused before anything runs", async () => {
    const nowhere = submit({ from: join(folder.path, "nowhere") });
    await expect(nowhere).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a savepoint, and another job that goes on from it at another parallelism", async () => {
    const jid = await submit();
    await cluster.reaches(jid, "RUNNING");
    await completed(cluster, jid, 2);
    const target = join(folder.path, "mine");
    const first = await millrace(["savepoint", jid, "--to", "mine"], { cwd: folder.path });
    expect(first).toMatchObject({ code: 0, stdout: target });
    const again = await millrace(["savepoint", jid, "--to", "mine"], { cwd: folder.path });
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain("holds a savepoint already");
    const { location } = await cluster.client.savepoint(jid, { "cancel-job": true });
    await cluster.reaches(jid, "FINISHED");
    const before = (await cluster.rows(jid, "seen")).length;
    expect(before).toBeLessThan(COUNT / 100);
    const next = await submit({ from: location, parallelism: 1 });
    await cluster.reaches(next, "FINISHED");
    const order = (rows: readonly unknown[]) => byField(byField(rows, "key"), "windowStart");
    const rows = [...(await cluster.rows(jid, "sums")), ...(await cluster.rows(next, "sums"))];
    // Neither of them has any row of the other: the first one read nothing behind the savepoint.
    expect(order(rows)).toEqual(sums());
    const seen = [...(await cluster.rows(jid, "seen")), ...(await cluster.rows(next, "seen"))];
    expect(byField(seen, "index")).toMatchObject(Array.from({ length: COUNT / 100 }, (_, at) => ({ index: at * 100 })));
    expect((await cluster.client.checkpoints(next)).latest.restored).toMatchObject({
      is_savepoint: true,
      external_path: location,
    });
  });
});

// Where there is one copy of everything: what the workers have stands in for a manifest that the coordinator's folder lost.
test("checkpoints in a folder, kill -9 of the coordinator: the next one names a damaged one and goes on from the one before", async () => {
  await using own = await workFolder();
  const kept = join(own.path, "kept");
  const options = { folder: own.path, port: await freePort(), args: ["--verbose", "--checkpoints", kept] };
  const first = await Cluster.coordinator(options);
  await Promise.all([1, 2].map(() => first.worker(["--slots", "1"])));
  const jid = await submitCounted(first);
  await first.reaches(jid, "RUNNING");
  await completed(first, jid, 3);
  await first.main.end();
  const newest = await damageNewest(join(kept, jid, "0", "manifests"));
  await using second = await Cluster.coordinator(options);
  second.workers.push(...first.workers.splice(0));
  await second.reaches(jid, "RUNNING", "FINISHED");
  const [damage] = await second.exceptions(jid);
  expect(damage).toMatchObject({ exceptionName: "STATE_CORRUPT", restarted: true });
  expect(damage?.error.message).toContain(String(newest));
  const { latest } = await second.client.checkpoints(jid);
  expect(latest.restored?.id).toBeLessThan(newest);
  expect(await expectAnswer(second, jid)).toEqual(new Set([1, 2]));
});

/** @returns the number of the newest complete checkpoint. */
async function damageNewest(manifests: string): Promise<number> {
  const newest = (await readdir(manifests)).sort().at(-1) as string;
  const path = join(manifests, newest);
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  await writeFile(path, bytes);
  return Number(newest);
}
