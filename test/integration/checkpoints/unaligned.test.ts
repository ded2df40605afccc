/**
 * Backpressure on real threads and between real processes: behind an operator that takes its time aligned checkpoints are not
 * complete in time, unaligned ones are, and what was in flight comes once, at another parallelism too.
 */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../runtime/run.ts";
import { decodeManifest, holdsInFlight } from "../../../runtime/state/checkpoint-manifest.ts";
import type { CheckpointName } from "../../../runtime/state/checkpoint-store.ts";
import { byField, Cluster, eventually } from "../cluster/cluster.ts";
import { endsAllProcesses, workFolder } from "../cluster/processes.ts";
import { completed, restarted, submitFixture } from "./counted-job.ts";
import unaligned from "./fixtures/gated-unaligned.ts";

endsAllProcesses();

const COUNT = 60_000;
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

function sums(): readonly unknown[] {
  const rows: { key: number; windowStart: number; windowEnd: number; value: number }[] = [];
  for (let start = 0; start < COUNT; start += 10_000) {
    for (let key = 0; key < 8; key++) {
      let value = 0;
      for (let index = start + key; index < start + 10_000; index += 8) value += index;
      rows.push({ key, windowStart: start, windowEnd: start + 10_000, value });
    }
  }
  return rows;
}

const ordered = (rows: readonly unknown[]): readonly unknown[] => byField(byField(rows, "key"), "windowStart");

/** Submits the job and its gate, which is closed. */
async function submitted(fixture: string): Promise<{ readonly jid: string; readonly gate: string }> {
  const gate = join(folder.path, `${fixture}.open`);
  const jid = await submitFixture(cluster, fixture, { params: { gate } });
  await cluster.reaches(jid, "RUNNING");
  return { jid, gate };
}

test("behind an operator that takes its time an aligned checkpoint is not complete in time", async () => {
  const { jid, gate } = await submitted("gated-aligned");
  // The first may find nothing on its way.
  const failures = async (count: number) =>
    eventually(`${count} checkpoints have failed`, async () => {
      const view = await cluster.client.checkpoints(jid);
      return view.counts.failed >= count && view;
    });
  const before = await failures(2);
  const after = await failures(before.counts.failed + 3);
  expect(after.counts.completed).toBe(before.counts.completed);
  expect(after.latest.failed).toMatchObject({ checkpoint_type: "CHECKPOINT", persisted_data: 0 });
  await writeFile(gate, "");
  await cluster.reaches(jid, "FINISHED");
  expect(ordered(await cluster.rows(jid, "sums"))).toEqual(sums());
});

test("an unaligned one is, and after kill -9 of a worker its rows are those of an undisturbed run", async () => {
  const { jid, gate } = await submitted("gated-unaligned");
  const { latest } = await completed(cluster, jid, 3);
  expect(latest.completed).toMatchObject({ checkpoint_type: "UNALIGNED_CHECKPOINT", is_savepoint: false });
  expect(latest.completed?.persisted_data).toBeGreaterThan(0);
  expect(latest.completed?.persisted_data).toBeLessThanOrEqual(latest.completed?.state_size ?? 0);
  const [victim = 0] = await cluster.placesOf(jid, "taken");
  process.kill(victim, "SIGKILL");
  await restarted(cluster, jid);
  await completed(cluster, jid, 2);
  await writeFile(gate, "");
  await cluster.reaches(jid, "FINISHED");
  expect(ordered(await cluster.rows(jid, "sums"))).toEqual(sums());
});

test("embedded, another run goes on from one at another parallelism", async () => {
  const directory = join(folder.path, "embedded");
  const gate = join(folder.path, "embedded.open");
  const abort = new AbortController();
  const options = { params: { gate }, checkpoints: { directory }, logLevel: "silent" } as const;
  const first = await run(unaligned, { ...options, signal: abort.signal });
  await eventually("one that has much in flight is complete", () => hasMuchInFlight(join(directory, "manifests")));
  abort.abort();
  await expect(first.result).rejects.toMatchObject({ code: "CANCELLED" });
  expect(first.collect("sums")).toEqual([]);
  await writeFile(gate, "");
  const second = await run(unaligned, { ...options, parallelism: 3 });
  await second.result;
  expect(ordered(second.collect("sums"))).toEqual(sums());
});

async function hasMuchInFlight(manifests: string): Promise<boolean> {
  const newest = (await readdir(manifests)).sort().at(-1) as CheckpointName;
  const manifest = decodeManifest(await readFile(join(manifests, newest)), newest);
  const blocks = manifest.operators.flatMap(({ blocks }) => blocks).filter(({ section }) => section === "inFlight");
  return holdsInFlight(manifest) && blocks.reduce((sum, { bytes }) => sum + bytes, 0) > 10_000;
}
