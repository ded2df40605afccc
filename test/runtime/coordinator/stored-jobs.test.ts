import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ClusterId, JobId } from "../../../runtime/cluster-ids.ts";
import { createRecord, withStatus } from "../../../runtime/coordinator/job-record.ts";
import { StoredJobs } from "../../../runtime/coordinator/stored-jobs.ts";
import { DocumentStore } from "../../../runtime/state/document-store.ts";
import { plannedJob, twoRegions } from "./fixtures/planned-jobs.ts";
import { submission } from "./fixtures/scripted-cluster.ts";

let folder: string;
let jobs: StoredJobs;

async function open(): Promise<StoredJobs> {
  let clusters = 0;
  return StoredJobs.open(await DocumentStore.open(folder), () => `cluster-${++clusters}` as ClusterId);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-jobs-"));
  jobs = await open();
});

afterEach(async () => {
  await jobs.close();
  await rm(folder, { recursive: true });
});

const plan = plannedJob(twoRegions, 2);
const record = createRecord("job-1" as JobId, 1, submission, { name: "job", regions: 2 }, 1_000);

test("jobs are there with their latest record and their plan when another coordinator opens the store", async () => {
  await jobs.create({ record, plan });
  await jobs.create({ record: { ...record, id: "job-2" as JobId }, plan });
  const later = withStatus(record, "WAITING", 2_000);
  await jobs.save(later);
  await jobs.remove("job-2" as JobId);
  await jobs.close();
  jobs = await open();
  const [stored, ...others] = await jobs.jobs();
  expect(others).toEqual([]);
  // What is undefined is absent in JSON, and reads the same.
  expect(stored?.record).toEqual(later);
  expect(stored?.plan).toEqual(plan);
});

test("a deleted job's last word leaves nothing behind", async () => {
  await jobs.create({ record, plan });
  await jobs.remove(record.id);
  await jobs.save(withStatus(record, "FINISHED", 2_000));
  await jobs.close();
  const documents = await DocumentStore.open(folder);
  expect((await documents.all("")).map(([name]) => name)).toEqual(["cluster", "jobs"]);
  await documents.close();
  jobs = await open();
});

test("the cluster stays the same, and generations grow", async () => {
  const { cluster, generation } = jobs;
  await jobs.close();
  jobs = await open();
  expect([jobs.cluster, jobs.generation]).toEqual([cluster, generation + 1]);
});

test("a job that is listed and lost is a named failure, not a silence", async () => {
  await jobs.create({ record, plan });
  await jobs.close();
  const documents = await DocumentStore.open(folder);
  await documents.change([{ kind: "delete", name: "job/job-1" }]);
  await documents.close();
  jobs = await open();
  await expect(jobs.jobs()).rejects.toMatchObject({ code: "STATE_CORRUPT", message: expect.stringContaining("job-1") });
});

test("closing waits for what is being written, and for what follows from it", async () => {
  const written: string[] = [];
  const chain = jobs.create({ record, plan }).then(async () => {
    written.push("created");
    await jobs.save(withStatus(record, "WAITING", 2_000));
    written.push("saved");
  });
  await jobs.close();
  await chain;
  expect(written).toEqual(["created", "saved"]);
  jobs = await open();
});
