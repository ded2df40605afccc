/** Real processes on what count as two hosts, each with a data folder of its own: what one loses the other has. */

import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster } from "../cluster/cluster.ts";
import { endsAllProcesses, type Process, workFolder } from "../cluster/processes.ts";
import { completed, expectAnswer, restarted, submitCounted, submitFixture } from "./counted-job.ts";

endsAllProcesses();

const folder = await workFolder();
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.coordinator({ folder: folder.path, args: ["--verbose"] });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const dataOf = (host: string): string => join(folder.path, host);

function workerOn(host: string, slots = 1): Promise<Process> {
  const { address, tokenFile } = cluster.place;
  const place = ["--coordinator", address, "--token-file", tokenFile, "--data", dataOf(host)];
  return cluster.worker(["--slots", String(slots), "--host-name", host, ...place]);
}

/** The folders of stores in a host's data folder. */
async function storesOf(host: string): Promise<readonly string[]> {
  const root = join(dataOf(host), "stores", cluster.place.clusterId);
  return existsSync(root) ? await readdir(root) : [];
}

test("two copies cannot be had on one host, and the job that wants them is refused", async () => {
  const only = await workerOn("a", 2);
  const refused = submitFixture(cluster, "copied");
  await expect(refused).rejects.toMatchObject({ code: "CHECKPOINT_COPIES" });
  await expect(refused).rejects.toThrow(/2 copies .* 1 host/);
  const second = await workerOn("b");
  await cluster.reaches(await submitFixture(cluster, "copied"), "FINISHED");
  await Promise.all([only.end(), second.end()]);
});

test("a worker is killed and its folder deleted: the job goes on from the copies on the other host", async () => {
  const [lost] = await Promise.all([workerOn("a"), workerOn("b")]);
  const jid = await submitCounted(cluster);
  await cluster.reaches(jid, "RUNNING");
  await completed(cluster, jid, 3);
  expect(await storesOf("a")).toHaveLength(1);
  expect(await storesOf("b")).toHaveLength(1);
  process.kill(lost?.pid ?? 0, "SIGKILL");
  await rm(dataOf("a"), { recursive: true });
  await workerOn("c");
  await restarted(cluster, jid);
  expect((await cluster.client.checkpoints(jid)).counts.restored).toBe(1);
  expect((await cluster.exceptions(jid)).map(({ exceptionName }) => exceptionName)).toEqual(["WORKER_LOST"]);
  expect(await expectAnswer(cluster, jid)).toEqual(new Set([1, 2]));
  // The first attempt's blocks were read from the one that was left.
  expect(await storesOf("a")).toEqual([]);
});
