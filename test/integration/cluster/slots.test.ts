/** Jobs that need more than is free, or what no worker has. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byField, Cluster, eventually } from "./cluster.ts";
import { endsAllProcesses, workFolder } from "./processes.ts";

endsAllProcesses();

const SLOT_TIMEOUT_MS = 8000;

const folder = await workFolder();
let cluster: Cluster;

beforeAll(async () => {
  const args = ["--workers", "2", "--slots", "2", "--slot-timeout", `${SLOT_TIMEOUT_MS}ms`];
  cluster = await Cluster.start({ folder: folder.path, args });
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** What the job says while it waits. */
async function waits(jid: string): Promise<string> {
  return await eventually(`${jid} says what it waits for`, async () => {
    const { state, failure } = await cluster.client.job(jid);
    expect(["CREATED", "WAITING"]).toContain(state);
    return failure?.code === "SLOTS_MISSING" && failure.message;
  });
}

test("more slots than there are: it waits, says how many are missing, and fails when its time is over", async () => {
  const jid = await cluster.submit("endless", { parallelism: 5 });
  const missing = "needs 5 slots, 4 of 4 on 2 workers are free; slot 5 needs any worker";
  expect(await waits(jid)).toBe(`job "endless" waits: it ${missing}`);
  const { timestamps, failure, restarts } = await cluster.reaches(jid, "FAILED");
  expect(failure).toMatchObject({
    code: "SLOTS_MISSING",
    message: `job "endless" ${missing}; they did not come within ${SLOT_TIMEOUT_MS} ms`,
  });
  expect(restarts).toBe(0);
  const { CREATED: from = 0, FAILED: to = 0 } = timestamps;
  expect(to - from).toBeGreaterThanOrEqual(SLOT_TIMEOUT_MS - 1);
  expect(await cluster.exceptions(jid)).toMatchObject([{ exceptionName: "SLOTS_MISSING", restarted: false }]);
  expect(await cluster.freeSlots()).toBe(4);
});

test("all slots are taken: it waits, and starts when the job that has them is cancelled", async () => {
  const holder = await cluster.submit("endless", { parallelism: 4 });
  await cluster.reaches(holder, "RUNNING");
  const jid = await cluster.submit("sums", { params: { count: 1000 } });
  expect(await waits(jid)).toBe(
    'job "sums" waits: it needs 2 slots, 0 of 4 on 2 workers are free; slots 1, 2 need any worker',
  );
  expect(await cluster.client.overview()).toMatchObject({ "jobs-running": 1, "jobs-waiting": 1, "slots-available": 0 });
  await cluster.client.cancel(holder);
  await cluster.reaches(holder, "CANCELED");
  await cluster.expectSums(jid, 1);
});

test("a small job does not overtake a larger one that waits for the same slots; one that is cancelled does not start", async () => {
  const holder = await cluster.submit("endless", { parallelism: 3 });
  await cluster.reaches(holder, "RUNNING");
  const large = await cluster.submit("sums", { params: { count: 1000 }, parallelism: 4 });
  await waits(large);
  const small = await cluster.submit("sums", { params: { count: 1000 }, parallelism: 1 });
  const cancelled = await cluster.submit("endless");
  await cluster.client.cancel(cancelled);
  expect((await cluster.reaches(cancelled, "CANCELED")).timestamps.RUNNING).toBeUndefined();
  // One slot is free, and would do.
  expect(await cluster.freeSlots()).toBe(1);
  expect((await cluster.client.job(small)).state).toMatch(/CREATED|WAITING/);
  await cluster.client.cancel(holder);
  const [first, second] = [await cluster.expectSums(large, 1), await cluster.expectSums(small, 1)];
  // The large one takes all slots: the small one has one only when a slot of it has ended.
  const startOf = ({ vertices }: typeof first): number => Math.min(...vertices.map((vertex) => vertex["start-time"]));
  expect(startOf(first)).toBeLessThanOrEqual(startOf(second));
});

test("a label that no worker has: the message names it; when a worker with it joins, the job runs there", async () => {
  const gate = join(folder.path, "gate");
  const jid = await cluster.submit("needs-gpu", { params: { gate } });
  expect(await waits(jid)).toMatch(/; slots \d, \d need a worker with gpu=true, no worker has it$/);
  // It waits for nobody's slots, so others pass.
  const other = await cluster.submit("sums", { params: { count: 1000 } });
  await cluster.expectSums(other, 1);
  const worker = await cluster.worker(["--slots", "2", "--label", "gpu=true"]);
  await cluster.flows(jid, "out");
  expect(await cluster.placesOf(jid, "scores")).toEqual([worker.pid, worker.pid]);
  expect(await cluster.placesOf(jid, "numbers")).not.toContain(worker.pid);
  writeFileSync(gate, "");
  await cluster.reaches(jid, "FINISHED");
  expect(byField(await cluster.rows(jid, "out"), "index")).toEqual(
    Array.from({ length: 10 }, (_, at) => ({ index: at * 100 })),
  );
});
