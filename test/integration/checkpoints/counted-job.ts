/** The job `counted` on a cluster, and its known answer: what tests of recovery ask of it. */

import { resolve } from "node:path";
import { expect } from "vitest";
import { bundleJob } from "../../../runtime/bundle/bundle-job.ts";
import type { CheckpointsView, JobView, SubmitRequest } from "../../../runtime/rest/views.ts";
import { byField, type Cluster, eventually } from "../cluster/cluster.ts";

export const COUNT = 20_000;

export function submitCounted(cluster: Cluster, options: Partial<SubmitRequest> = {}): Promise<string> {
  return submitFixture(cluster, "counted", options);
}

export async function submitFixture(
  cluster: Cluster,
  name: string,
  options: Partial<SubmitRequest> = {},
): Promise<string> {
  const { hash, code } = await bundleJob(resolve(import.meta.dirname, `fixtures/${name}.ts`));
  await cluster.client.putBundle(hash, code);
  return (await cluster.client.submit({ bundle: hash, workingDirectory: cluster.folder, ...options })).jid;
}

/** The job's checkpoints, once so many are complete since now. */
export async function completed(cluster: Cluster, jid: string, more: number): Promise<CheckpointsView> {
  const before = (await cluster.client.checkpoints(jid)).counts.completed;
  return eventually(`${more} more checkpoints are complete`, async () => {
    const view = await cluster.client.checkpoints(jid);
    return view.counts.completed >= before + more && view;
  });
}

export async function restarted(cluster: Cluster, jid: string): Promise<JobView> {
  return eventually("it runs again", async () => {
    const now = await cluster.client.job(jid);
    return now.restarts > 0 && now.state === "RUNNING" && now;
  });
}

/** What the job has to have found, computed without it. */
export function sums(): readonly unknown[] {
  const rows: { key: number; windowStart: number; windowEnd: number; value: number }[] = [];
  for (let start = 0; start < COUNT; start += 2000) {
    for (let key = 0; key < 8; key++) {
      let value = 0;
      for (let index = start + key; index < start + 2000; index += 8) value += index;
      rows.push({ key, windowStart: start, windowEnd: start + 2000, value });
    }
  }
  return rows;
}

/** @returns the attempts that have seen rows. */
export async function expectAnswer(cluster: Cluster, jid: string): Promise<ReadonlySet<number>> {
  await cluster.reaches(jid, "FINISHED");
  const order = (rows: readonly unknown[]) => byField(byField(rows, "key"), "windowStart");
  expect(order(await cluster.rows(jid, "sums"))).toEqual(sums());
  const seen = byField(await cluster.rows(jid, "seen"), "index") as readonly { index: number; attempt: number }[];
  expect(seen.map(({ index }) => index)).toEqual(Array.from({ length: COUNT / 100 }, (_, at) => at * 100));
  return new Set(seen.map(({ attempt }) => attempt));
}
