/** Workers that die, stop and come back while a job runs: what becomes of the job is named, and its answer stays the same. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, eventually } from "./cluster.ts";
import { endsAllProcesses, holdings, workFolder } from "./processes.ts";

endsAllProcesses();

/** Longer than a busy machine keeps a process from running. */
const HEARTBEAT_TIMEOUT_MS = 3000;

const folder = await workFolder();
let cluster: Cluster;

beforeAll(async () => {
  const args = ["--heartbeat-every", "200ms", "--heartbeat-timeout", `${HEARTBEAT_TIMEOUT_MS}ms`, "--verbose"];
  cluster = await Cluster.coordinator({ folder: folder.path, args });
  await Promise.all([1, 2, 3].map(() => cluster.worker(["--slots", "1"])));
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

describe("a job on two of three workers with one slot each", () => {
  test("undisturbed it has the known answer of its first attempt", async () => {
    const { jid, open } = await cluster.gatedSums();
    open();
    await cluster.expectSums(jid, 1);
    expect(await cluster.exceptions(jid)).toEqual([]);
    expect((await cluster.client.job(jid)).restarts).toBe(0);
  });

  test("kill -9 of a worker: WORKER_LOST, a restart on the workers that are left, the same answer", async () => {
    const { jid, open } = await cluster.gatedSums();
    const [victim = 0] = await cluster.placesOf(jid, "sum");
    const lost = (await cluster.client.workers()).find(({ pid }) => pid === victim);
    process.kill(victim, "SIGKILL");
    const job = await eventually("it runs again", async () => {
      const now = await cluster.client.job(jid);
      return now.restarts > 0 && now.state === "RUNNING" && now;
    });
    expect(job.restarts).toBe(1);
    expect(await cluster.exceptions(jid)).toMatchObject([
      {
        exceptionName: "WORKER_LOST",
        restarted: true,
        attempt: 0,
        endpoint: `${lost?.host}:${victim}`,
        "taskmanager-id": lost?.id,
        error: {
          code: "WORKER_LOST",
          message: expect.stringMatching(/was lost: its connection to the coordinator broke/),
        },
      },
    ]);
    const overview = await cluster.client.overview();
    expect(overview).toMatchObject({ workers: 2, "slots-total": 2, "slots-available": 0 });
    const places = [...(await cluster.placesOf(jid, "numbers")), ...(await cluster.placesOf(jid, "sum"))];
    expect(new Set(places).size).toBe(2);
    expect(places).not.toContain(victim);
    open();
    await cluster.expectSums(jid, 2);
    await cluster.worker(["--slots", "1"]);
  });

  test("SIGSTOP of a worker: lost after the timeout and not before, the job goes on without it; awake it joins anew", async () => {
    const idle = new Map<number, number>();
    for (const pid of await cluster.pids()) idle.set(pid, (await holdings(pid)).threads);
    const { jid, open } = await cluster.gatedSums();
    const [victim = 0] = await cluster.placesOf(jid, "sum");
    const askedMs = Date.now();
    const before = await cluster.member(victim);
    const heardMs = askedMs - before.timeSinceLastHeartbeat;
    process.kill(victim, "SIGSTOP");
    const [lost] = await eventually("the failure is noticed", async () => {
      const found = await cluster.exceptions(jid);
      return found.length > 0 && found;
    });
    expect(lost).toMatchObject({ exceptionName: "WORKER_LOST", restarted: true, "taskmanager-id": before.id });
    const [, silentMs] = /was lost: .* (\d+) ms/.exec(lost?.error.message ?? "") ?? [];
    expect(Number(silentMs)).toBeGreaterThanOrEqual(HEARTBEAT_TIMEOUT_MS);
    // Rounding of two clocks aside.
    expect(lost?.timestamp).toBeGreaterThan(heardMs + HEARTBEAT_TIMEOUT_MS - 50);
    await eventually("the second attempt runs on the others", async () => {
      const job = await cluster.client.job(jid);
      return job.state === "RUNNING" && job.restarts === 1;
    });
    await cluster.flows(jid, "seen");
    // With all that its slots had in hand when they were stopped.
    process.kill(victim, "SIGCONT");
    const after = await cluster.member(victim, before.epoch);
    expect(after).toMatchObject({ id: before.id, freeSlots: 1 });
    const worker = cluster.workers.find(({ pid }) => pid === victim);
    expect(worker?.stderr.join("\n")).toMatch(/the worker leaves the cluster, and its slots are ended/);
    // Of its old attempt no thread is left.
    await eventually(`process ${victim} is idle`, async () => (await holdings(victim)).threads === idle.get(victim));
    open();
    await cluster.expectSums(jid, 2);
    expect(await cluster.exceptions(jid)).toHaveLength(1);
    expect(await cluster.freeSlots()).toBe(3);
    const next = await cluster.gatedSums();
    next.open();
    await cluster.expectSums(next.jid, 1);
  });
});
