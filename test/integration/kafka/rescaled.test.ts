/** Jobs that write exactly once and go on as other jobs: at another parallelism, and as another version of the program. */

import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type RunOptions, run } from "millrace";
import { afterAll, expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { leftTransactions } from "../../../connectors/kafka/sink/transactions-admin.ts";
import { eventually } from "../cluster/cluster.ts";
import { workFolder } from "../cluster/processes.ts";
import first from "./fixtures/numbers-1.ts";
import second from "./fixtures/numbers-2.ts";
import third from "./fixtures/numbers-3.ts";
import { brokers, describeOnKafka, newTopic } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

const PARTITIONS = 3;
const COUNT = 6000;

const folder = await workFolder();
afterAll(() => folder[Symbol.asyncDispose]());

/** Runs it until it has completed so many checkpoints into a folder of its own, and ends it in the midst of its work. */
async function endedAfter(checkpoints: number, job: typeof first, options: RunOptions): Promise<string> {
  const directory = join(folder.path, randomUUID());
  const abort = new AbortController();
  const handle = await run(job, { ...options, checkpoints: { directory }, signal: abort.signal, logLevel: "silent" });
  const seen = new Set<string>();
  await eventually(`${checkpoints} checkpoints are complete`, async () => {
    for (const name of await readdir(join(directory, "manifests"))) seen.add(name);
    return seen.size >= checkpoints;
  });
  abort.abort();
  await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
  return directory;
}

async function numbersIn(topic: string): Promise<readonly number[]> {
  await using client = new KafkaClient({ brokers });
  const all = Array.from({ length: PARTITIONS }, (_, partition) => readPartition(client, topic, { partition }));
  const values = (await Promise.all(all)).flat().map(({ value }) => Buffer.from(value ?? "", "hex").toString());
  return values.map((value) => (JSON.parse(value) as { readonly n: number }).n).sort((a, b) => a - b);
}

/** Transactions that still hide records of a topic. */
async function openIn(topic: string): Promise<readonly string[]> {
  const left = await leftTransactions({ brokers }, { prefix: "", all: false });
  const here = left.filter(({ partitions }) => partitions.some((each) => each.topic === topic));
  return here.map(({ transactionalId, state }) => `${transactionalId}: ${state}`);
}

const everyNumber = Array.from({ length: COUNT }, (_, n) => n);

describeOnKafka("a job that writes exactly once", () => {
  test("holds each record once at parallelism 1, then 3 as another version, then 1", { timeout: 300_000 }, async () => {
    const topic = await newTopic("rescaled", { partitions: PARTITIONS });
    const params = { brokers: brokers.join(), topic, count: COUNT };
    const one = await endedAfter(4, first, { params, parallelism: 1 });
    const three = await endedAfter(4, first, { params, parallelism: 3, from: one });
    const upgraded = await endedAfter(4, second, { params, parallelism: 3, from: three });
    const fast = { ...params, perSecond: 1_000_000 };
    const last = await run(second, { params: fast, parallelism: 1, from: upgraded, logLevel: "silent" });
    await last.result;
    await expect.poll(() => openIn(topic), { timeout: 60_000 }).toEqual([]);
    expect(await numbersIn(topic)).toEqual(everyNumber);
  });

  test("does not go on without what its sink has prepared, unless that is said", { timeout: 120_000 }, async () => {
    const topic = await newTopic("renamed", { partitions: PARTITIONS });
    const params = { brokers: brokers.join(), topic, count: COUNT };
    const from = await endedAfter(3, first, { params, parallelism: 2 });
    const refused = await run(third, { params, from, logLevel: "silent" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "UPGRADE_REFUSED" });
    expect((refused as Error).message).toContain("out");
  });
});
