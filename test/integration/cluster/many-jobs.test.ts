/**
 * Many jobs on one cluster, one after the other and at once: none is lost, and nothing of them is left behind but what is
 * retained.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JOBS_RETAINED } from "../../../core/limits.ts";
import { RestClient } from "../../../runtime/rest/client.ts";
import { parseAddress } from "../../../runtime/wire/address.ts";
import { readToken } from "../../../runtime/wire/token.ts";
import { Cluster, eventually } from "./cluster.ts";
import { childrenOf, endsAllProcesses, holdings, memoryOf, workFolder } from "./processes.ts";

endsAllProcesses();

const folder = await workFolder();
let cluster: Cluster;

beforeAll(async () => {
  // Who waits for slots that others use waits longer than that.
  const args = ["--workers", "2", "--slots", "2", "--slot-timeout", "3s"];
  cluster = await Cluster.start({ folder: folder.path, args });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const JOBS = 50;
/** An idle one has some 100 MB; what it holds of a job, in memory, is some 100 KB. */
const COORDINATOR_BYTES_MAX = 256 * 1024 * 1024;

test("50 jobs at once on 4 slots: each finishes with the right answer, and they start in their order", {
  timeout: 300_000,
}, async () => {
  const { hash } = await cluster.putFixture("sums");
  const { address, tokenFile } = cluster.place;
  const token = await readToken(tokenFile);
  // A client opens four connections; these are as many users.
  const clients = Array.from({ length: JOBS }, () => new RestClient({ ...parseAddress(address), token }));
  const counts = clients.map((_, at) => 800 + 8 * at);
  const submitted = await Promise.all(
    clients.map((client, at) =>
      client.submit({ bundle: hash, workingDirectory: folder.path, params: { count: counts[at] ?? 0 } }),
    ),
  );
  for (const client of clients) client.close();
  expect(new Set(submitted.map(({ jid }) => jid)).size).toBe(JOBS);
  for (const { jid } of submitted) expect((await cluster.expectSums(jid, 1)).restarts).toBe(0);
  const jobs = await cluster.client.jobs();
  expect(jobs).toHaveLength(JOBS);
  // As they are listed, which is the order in which they were accepted.
  const starts = [];
  for (const { jid } of jobs) {
    const { vertices } = await cluster.client.job(jid);
    starts.push(Math.min(...vertices.map((vertex) => vertex["start-time"])));
  }
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  expect(await cluster.freeSlots()).toBe(4);
  expect((await memoryOf(cluster.main.pid)).rss).toBeLessThan(COORDINATOR_BYTES_MAX);
});

const LANES = 4;
const ROUNDS = 200;

/** Submits a job without end and cancels it: while it starts, when it runs, or when it has rows, in turn. */
async function round(number: number): Promise<void> {
  const jid = await cluster.submit("endless", { parallelism: 1 });
  if (number % 3 === 1) await cluster.reaches(jid, "RUNNING");
  if (number % 3 === 2) await cluster.flows(jid, "first");
  await cluster.client.cancel(jid);
  await cluster.reaches(jid, "CANCELED");
}

async function rounds(count: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await round(next++);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

interface Held {
  readonly threads: number;
  /** How many file descriptors there are of each kind. */
  readonly descriptors: Readonly<Record<string, number>>;
}

async function heldBy(pid: number): Promise<Held> {
  const { threads, files } = await holdings(pid);
  const kinds = files.map((file) => /^(\w+):\[/.exec(file)?.[1] ?? (file.startsWith("/") ? "file" : file));
  const descriptors: Record<string, number> = {};
  for (const kind of kinds) descriptors[kind] = (descriptors[kind] ?? 0) + 1;
  return { threads, descriptors };
}

function isWithin(held: Held, before: Held): boolean {
  const kinds = Object.entries(held.descriptors);
  return held.threads <= before.threads && kinds.every(([kind, count]) => count <= (before.descriptors[kind] ?? 0));
}

test("200 rounds of submit and cancel leave no process, thread, descriptor, socket or file behind", {
  timeout: 600_000,
}, async () => {
  const { main, data } = cluster;
  await rounds(3 * LANES);
  const pids = [main.pid, ...(await cluster.pids())];
  const children = await childrenOf(main.pid);
  const settled = async (pid: number): Promise<Held> => {
    let before = await heldBy(pid);
    return await eventually(`process ${pid} holds the same for a while`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const now = await heldBy(pid);
      const same = JSON.stringify(now) === JSON.stringify(before);
      before = now;
      return same && now;
    });
  };
  const before = new Map<number, Held>();
  for (const pid of pids) before.set(pid, await settled(pid));

  await rounds(ROUNDS);

  expect(await cluster.client.overview()).toMatchObject({ "slots-available": 4, "jobs-running": 0, "jobs-waiting": 0 });
  expect([main.pid, ...(await cluster.pids())]).toEqual(pids);
  await eventually("no planner is left", async () => (await childrenOf(main.pid)).length === children.length);
  expect(await childrenOf(main.pid)).toEqual(children);
  for (const [pid, held] of before) {
    let now = held;
    await eventually(`process ${pid} holds no more than ${JSON.stringify(held)}`, async () => {
      now = await heldBy(pid);
      return isWithin(now, held);
    }).catch((cause: unknown) => {
      throw new Error(`process ${pid} held ${JSON.stringify(held)} and holds ${JSON.stringify(now)}`, { cause });
    });
  }
  const jobs = (await cluster.client.jobs()).map(({ jid }) => jid);
  expect(jobs).toHaveLength(JOBS_RETAINED);
  await eventually("logs and results are those of the retained jobs", async () => {
    const logs = await readdir(join(data, "logs"));
    const results = await readdir(join(data, "results"));
    return logs.every((name) => jobs.includes(name)) && results.every((name) => jobs.includes(name));
  });
  expect((await readdir(data)).toSorted()).toEqual(
    ["bundles", "cluster.json", "logs", "results", "run", "store", "token", "worker-bundles"].toSorted(),
  );
  expect(await readdir(join(data, "run"))).toHaveLength(2);
  expect(await readdir(join(data, "bundles"))).toHaveLength(2);
  expect(await readdir(join(data, "worker-bundles"))).toHaveLength(2);
  // Its log, its manifest, and a few tables: LevelDB merges them.
  expect((await readdir(join(data, "store"))).length).toBeLessThan(20);
  expect((await memoryOf(main.pid)).rss).toBeLessThan(COORDINATOR_BYTES_MAX);
});
