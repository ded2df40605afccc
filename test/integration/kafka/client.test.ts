import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { BatchProducer } from "../../../connectors/kafka/client/batch-producer.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { KafkaFailure } from "../../../connectors/kafka/client/kafka-failure.ts";
import { makeTopics } from "../../../connectors/kafka/client/make-topics.ts";
import { RecordBatchBuilder } from "../../../connectors/kafka/codec/record-batch-builder.ts";
import {
  describeProducers,
  describeTransactions,
  listTransactions,
} from "../../../connectors/kafka/protocol/describe.ts";
import { fetchRecords } from "../../../connectors/kafka/protocol/fetch.ts";
import { commitOffsets, fetchOffsets } from "../../../connectors/kafka/protocol/group-offsets.ts";
import { listOffsets } from "../../../connectors/kafka/protocol/list-offsets.ts";
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitOffsetsInTransaction,
  endTransaction,
  initProducerId,
  type ProducerIdentity,
  type TransactionalProducer,
} from "../../../connectors/kafka/protocol/transactions.ts";
import { KafkaCluster } from "../../kafka-broker/kafka-cluster.ts";
import { brokers, describeOnKafka, describeWithJars, newTopic, withAdmin } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

function batch(...values: readonly string[]): Buffer {
  return stamped(values);
}

function stamped(values: readonly string[], producer?: TransactionalProducer, baseSequence = 0): Buffer {
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(null, value, 1000);
  return builder.finish(producer && { ...producer, baseSequence, transactional: true });
}

async function valuesOf(client: KafkaClient, topic: string, committedOnly = true): Promise<string[]> {
  const records = await readPartition(client, topic, { committedOnly });
  return records.map(({ value }) => Buffer.from(value ?? "", "hex").toString());
}

async function begin(
  client: KafkaClient,
  topic: string,
  transactionalId = `id-${topic}`,
): Promise<TransactionalProducer> {
  const identity = await client.toCoordinator("transaction", transactionalId, initProducerId(transactionalId, 60_000));
  const producer = { transactionalId, ...identity };
  const partitions = [{ topic, partition: 0 }];
  await client.toCoordinator("transaction", transactionalId, addPartitionsToTransaction(producer, partitions));
  return producer;
}

async function write(
  client: KafkaClient,
  topic: string,
  producer: TransactionalProducer,
  value: string,
): Promise<void> {
  const { transactionalId } = producer;
  await new BatchProducer(client, { transactionalId }).send([
    { topic, partition: 0, batch: stamped([value], producer) },
  ]);
}

async function end(client: KafkaClient, producer: TransactionalProducer, commit: boolean): Promise<void> {
  await client.toCoordinator("transaction", producer.transactionalId, endTransaction(producer, commit));
}

async function failureOf(promise: Promise<unknown>): Promise<KafkaFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KafkaFailure)) throw new Error(`expected a failure, got ${error}`);
  return error;
}

describeOnKafka("a transaction", () => {
  test.each([true, false])("is ended by another client than began it (commit: %s)", async (commit) => {
    const topic = await newTopic("resumed");
    const first = new KafkaClient({ brokers });
    const producer = await begin(first, topic);
    await write(first, topic, producer, "one");
    await first.close();
    await using second = new KafkaClient({ brokers });
    expect(await valuesOf(second, topic)).toEqual([]);
    await end(second, producer, commit);
    await end(second, producer, commit); // the same once more does nothing
    await expect.poll(() => valuesOf(second, topic)).toEqual(commit ? ["one"] : []);
    expect(await failureOf(end(second, producer, !commit))).toMatchObject({ reason: "INVALID_TXN_STATE" });
  });

  test("commits a group's offsets with it, and hides them until then", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("offsets");
    const group = `group-${topic}`;
    const where = [{ topic, partition: 0 }];
    const read = () => client.toCoordinator("group", group, fetchOffsets(group, where), { withinMs: 200 });
    const producer = await begin(client, topic);
    await client.toCoordinator("transaction", producer.transactionalId, addOffsetsToTransaction(producer, group));
    const offsets = [{ topic, partition: 0, offset: 42, metadata: "checkpoint 7" }];
    await client.toCoordinator("group", group, commitOffsetsInTransaction(producer, group, offsets));
    expect((await failureOf(read())).reason).toBe("UNSTABLE_OFFSET_COMMIT");
    await end(client, producer, true);
    await expect.poll(async () => (await read()).offsets).toMatchObject([{ offset: 42, metadata: "checkpoint 7" }]);
  });

  test("is described and listed while it is open", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("described");
    const producer = await begin(client, topic);
    await write(client, topic, producer, "one");
    const { transactionalId, producerId, producerEpoch } = producer;
    const [described] = await client.toCoordinator(
      "transaction",
      transactionalId,
      describeTransactions([transactionalId]),
    );
    const partitions = [{ topic, partition: 0 }];
    expect(described).toMatchObject({ state: "Ongoing", producerId, producerEpoch, timeoutMs: 60_000, partitions });
    const listed = await Promise.all(client.nodes.map((node) => client.toNode(node, listTransactions(["Ongoing"]))));
    expect(listed.flatMap(({ transactions }) => transactions)).toContainEqual({
      transactionalId,
      producerId,
      state: "Ongoing",
    });
    const active = async () => {
      const [of] = await client.toLeader({ topic, partition: 0 }, () => describeProducers(partitions));
      return of?.producers;
    };
    expect(await active()).toMatchObject([{ producerId, producerEpoch, lastSequence: 0, transactionStart: 0 }]);
    await end(client, producer, false);
    // The coordinator answers before it has written the marker into the partition.
    await expect.poll(active).toMatchObject([{ producerId, transactionStart: -1 }]);
  });

  test("of a producer that a newer one has fenced is refused by name, and aborted", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("fenced");
    const old = await begin(client, topic);
    await write(client, topic, old, "old");
    const newer = await begin(client, topic);
    expect(await failureOf(write(client, topic, old, "more"))).toMatchObject({ code: "KAFKA_FENCED" });
    expect(await failureOf(end(client, old, true))).toMatchObject({ code: "KAFKA_FENCED" });
    await write(client, topic, newer, "new");
    await end(client, newer, true);
    await expect.poll(() => valuesOf(client, topic)).toEqual(["new"]);
  });
});

describeOnKafka("a client", () => {
  test("names a topic that is not there", async () => {
    await using client = new KafkaClient({ brokers });
    const failure = await failureOf(client.partitionsOf("no-such-topic", { withinMs: 200 }));
    expect(failure).toMatchObject({ code: "KAFKA_TOPIC", reason: "UNKNOWN_TOPIC_OR_PARTITION" });
    expect(failure.message).toContain('"no-such-topic"');
  });

  test("waits for a topic that is being made", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = `late-${randomUUID()}`;
    const found = client.partitionsOf(topic, { withinMs: 20_000 });
    await sleep(100);
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }));
    expect(await found).toBe(2);
  });

  test("makes topics that are not there, and leaves those alone that are", async () => {
    const [topic, other] = [`made-${randomUUID()}`, `made-too-${randomUUID()}`];
    const settings = { "cleanup.policy": "compact" };
    expect(await makeTopics({ brokers }, [{ topic, partitions: 3, settings }])).toEqual([topic]);
    expect(await makeTopics({ brokers }, [{ topic, partitions: 5 }, { topic: other }])).toEqual([other]);
    await using client = new KafkaClient({ brokers });
    expect([await client.partitionsOf(topic), await client.partitionsOf(other)]).toEqual([3, 1]);
    const resources = [{ type: 2, name: topic, configNames: ["cleanup.policy"] }]; // a topic
    const described = await withAdmin((admin) => admin.describeConfigs({ resources, includeSynonyms: false }));
    expect(described.resources[0]?.configEntries).toMatchObject([{ configValue: "compact" }]);
    const refused = (topics: Parameters<typeof makeTopics>[1]) => makeTopics({ brokers }, topics);
    await expect(refused([{ topic: "no/name" }])).rejects.toMatchObject({ code: "KAFKA_TOPIC" });
    await expect(refused([{ topic: "t", replicas: 99 }])).rejects.toMatchObject({ code: "KAFKA_REFUSED" });
    await expect(refused([{ topic: "t", partitions: 0 }])).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  test("names a batch that is too large", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("small", { settings: { "max.message.bytes": "1000" } });
    const sending = new BatchProducer(client).send([{ topic, partition: 0, batch: batch("x".repeat(2000)) }]);
    expect(await failureOf(sending)).toMatchObject({ code: "KAFKA_TOO_LARGE" });
  });

  test("names a transaction timeout above the broker's maximum", async () => {
    await using client = new KafkaClient({ brokers });
    const id = randomUUID();
    const failure = await failureOf(client.toCoordinator("transaction", id, initProducerId(id, 2 ** 31 - 1)));
    expect(failure).toMatchObject({ code: "KAFKA_TRANSACTION_TIMEOUT" });
  });

  test("gets an offset that is out of range as the partition's error", async () => {
    await using client = new KafkaClient({ brokers });
    const where = { topic: await newTopic("range"), partition: 0 };
    const options = { committedOnly: true, waitMs: 1, bytesMin: 1, bytesMax: 1000, partitionBytesMax: 1000 };
    const position = { ...where, offset: 99, leaderEpoch: -1 };
    const { partitions } = await client.toLeader(where, () => fetchRecords([position], options));
    expect(partitions).toMatchObject([{ error: 1, records: { start: expect.any(Number) } }]);
  });

  test("lists offsets by place and by time", async () => {
    await using client = new KafkaClient({ brokers });
    const where = { topic: await newTopic("listed"), partition: 0 };
    const builder = new RecordBatchBuilder();
    for (const timestamp of [1000, 2000, 3000]) builder.append(null, "v", timestamp);
    await new BatchProducer(client).send([{ ...where, batch: builder.finish() }]);
    const offsetAt = async (at: number | "earliest" | "latest"): Promise<number | undefined> => {
      const request = listOffsets([{ ...where, at, leaderEpoch: -1 }], true);
      return (await client.toLeader(where, () => request))[0]?.offset;
    };
    const times = ["earliest", "latest", 0, 1001, 2000, 3001] as const;
    expect(await Promise.all(times.map(offsetAt))).toEqual([0, 3, 0, 1, 1, -1]);
  });

  test("commits a group's offsets, and reads those that were never committed as -1", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("committed", { partitions: 2 });
    const group = `group-${topic}`;
    await client.toCoordinator(
      "group",
      group,
      commitOffsets(group, [{ topic, partition: 1, offset: 8, metadata: null }]),
    );
    const both = [0, 1].map((partition) => ({ topic, partition }));
    const { offsets } = await client.toCoordinator("group", group, fetchOffsets(group, both));
    const byPartition = offsets.toSorted((a, b) => a.partition - b.partition);
    expect(byPartition.map(({ offset }) => offset)).toEqual([-1, 8]);
  });
});

describeWithJars("while brokers are killed and come back", () => {
  test("each batch is written once, in order, on a single node", () => sendThrough(1, [1]));

  test("each batch is written once, in order, as leaders move", { timeout: 300_000 }, () => sendThrough(3, [1, 2, 3]));
});

const PARTITIONS = [0, 1, 2, 3];

/** Sends numbers into all partitions, one batch after the other, while nodes are killed in turns and come back. */
async function sendThrough(nodes: 1 | 3, killed: readonly number[]): Promise<void> {
  await using cluster = await KafkaCluster.start({ nodes });
  await using client = new KafkaClient({ brokers: cluster.brokers });
  const topic = { topic: "t", numPartitions: PARTITIONS.length, replicationFactor: nodes };
  await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [topic] }), [...cluster.brokers]);
  const identity = await client.toAny(initProducerId(null, 0));
  const sender = new BatchProducer(client);
  const stop = new AbortController();
  const sending = PARTITIONS.map((partition) => sendNumbers(sender, partition, identity, stop.signal));
  await sleep(500);
  for (const node of killed) {
    await cluster.kill(node);
    await sleep(1000);
    await cluster.restart(node);
    await sleep(500);
  }
  stop.abort();
  const sent = await Promise.all(sending);
  expect(sender.retries).toBeGreaterThan(0);
  for (const partition of PARTITIONS) {
    const records = await readPartition(client, "t", { partition });
    const values = records.map(({ value }) => Number(Buffer.from(value ?? "", "hex").toString()));
    expect(values).toEqual(Array.from({ length: sent[partition] ?? 0 }, (_, index) => index));
  }
}

/** How many it has sent when it is told to stop. */
async function sendNumbers(
  sender: BatchProducer,
  partition: number,
  identity: ProducerIdentity,
  stop: AbortSignal,
): Promise<number> {
  let sequence = 0;
  for (; !stop.aborted; sequence++) {
    const builder = new RecordBatchBuilder();
    builder.append(null, String(sequence), Date.now()); // of records of 1970 a broker forgets the producer at once
    const batch = builder.finish({ ...identity, baseSequence: sequence, transactional: false });
    await sender.send([{ topic: "t", partition, batch }]);
  }
  return sequence;
}
