/** A round of the job on Kafka: topics of its own, and the Java consumer of committed records as the judge of what is there. */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import { calmKafkajs } from "../../connectors/kafka/client/kafkajs.ts";
import { listOffsets } from "../../connectors/kafka/protocol/list-offsets.ts";
import { leftTransactions } from "../../connectors/kafka/sink/transactions-admin.ts";
import type { JobBundle } from "../../runtime/bundle/bundle-job.ts";
import { judged } from "../kafka-broker/judge.ts";
import { logOf } from "./kafka-log.ts";
import type { Output } from "./output.ts";
import type { RoundJob } from "./run-round.ts";

export interface KafkaRoundOptions {
  readonly brokers: readonly string[];
  readonly bundle: JobBundle;
  /** Of each of the two timelines. */
  readonly count: number;
  readonly transactionMs: number;
  /** Nodes, so that topics outlive one of them. */
  readonly replicas?: number;
  readonly outage?: (of: readonly number[], forMs: number) => Promise<void>;
}

calmKafkajs();

const PARTITIONS = 3;
const TIMELINES = 2;
/** As in `jobs/kafka.ts`. */
const KEYS = 23;
const WINDOW_MS = 200;
/** How long transactions that a killed process has left open may keep others' records back. */
const SETTLED_WITHIN_MS = 60_000;

export interface KafkaRound extends RoundJob {
  /** All that the logs of its topics hold. */
  readonly logs: () => Promise<string>;
}

export async function kafkaRound(options: KafkaRoundOptions): Promise<KafkaRound> {
  const { brokers, bundle, count, transactionMs, outage } = options;
  const name = randomUUID();
  const [records, counts] = [`records-${name}`, `counts-${name}`];
  await makeTopics(options, [records, counts]);
  return {
    bundle,
    params: { brokers: brokers.join(), records, counts, count, transactionMs },
    expected: expectedOf(count),
    found: async () => new Map(await Promise.all([read(brokers, "records", records), read(brokers, "counts", counts)])),
    logs: async () => (await Promise.all([records, counts].map((topic) => logOf(brokers, topic)))).join("\n"),
    aborted: () => noneIsOpen(brokers, [records, counts]),
    ...(outage && { outage }),
  };
}

async function makeTopics({ brokers, replicas = 1 }: KafkaRoundOptions, names: readonly string[]): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 20 } }).admin();
  await admin.connect();
  try {
    const shape = { numPartitions: PARTITIONS, replicationFactor: replicas };
    await admin.createTopics({ waitForLeaders: true, topics: names.map((topic) => ({ topic, ...shape })) });
  } finally {
    await admin.disconnect();
  }
}

async function read(brokers: readonly string[], name: string, topic: string): Promise<[string, readonly string[]]> {
  await settled(brokers, topic);
  const found = await judged(brokers, topic, "read_committed");
  const places = new Set(found.map(({ partition, offset }) => `${partition} ${offset}`));
  if (places.size < found.length) throw new Error(`the Java consumer has read records of ${topic} twice`);
  return [name, found.map(({ value }) => Buffer.from(value ?? "", "hex").toString()).sort()];
}

/** Waits until no open transaction hides anything. */
async function settled(brokers: readonly string[], topic: string): Promise<void> {
  await using client = new KafkaClient({ brokers });
  const end = async (partition: number, committedOnly: boolean): Promise<number> => {
    const where = { topic, partition };
    const [found] = await client.toLeader(where, ({ epoch }) =>
      listOffsets([{ ...where, at: "latest", leaderEpoch: epoch }], committedOnly),
    );
    return found?.offset ?? -1;
  };
  for (const until = performance.now() + SETTLED_WITHIN_MS; performance.now() < until; await sleep(200)) {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const open = await Promise.all(partitions.map(async (at) => (await end(at, true)) < (await end(at, false))));
    if (!open.includes(true)) return;
  }
  throw new Error(`a transaction in ${topic} is still open`);
}

async function noneIsOpen(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  for (const until = performance.now() + SETTLED_WITHIN_MS; performance.now() < until; await sleep(200)) {
    const left = await leftTransactions({ brokers }, { prefix: "", all: false });
    if (!left.some(({ partitions }) => partitions.some(({ topic }) => topics.includes(topic)))) return;
  }
  throw new Error(`a transaction with records for ${topics.join(" or ")} is still open`);
}

/** What the job gives when nobody disturbs it. */
function expectedOf(count: number): Output {
  const records: string[] = [];
  const counts = new Map<string, number>();
  for (let timeline = 0; timeline < TIMELINES; timeline++) {
    for (let number = 0; number < count; number++) {
      const key = (number * 31 + timeline) % KEYS;
      records.push(JSON.stringify({ timeline, number, key }));
      const window = JSON.stringify([key, number - (number % WINDOW_MS)]);
      counts.set(window, (counts.get(window) ?? 0) + 1);
    }
  }
  const rows = Array.from(counts, ([window, value]) => {
    const [key, windowStart] = JSON.parse(window) as [number, number];
    return JSON.stringify({ key, windowStart, windowEnd: windowStart + WINDOW_MS, value });
  });
  return new Map([
    ["records", records.sort()],
    ["counts", rows.sort()],
  ]);
}
