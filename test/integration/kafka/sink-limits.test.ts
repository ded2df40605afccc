/** What a Kafka sink does where a topic's settings are against it: aborted records that are gone, batches that are too large. */

import { expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { type KafkaSinkOptions, toKafka } from "../../../connectors/kafka/index.ts";
import { listOffsets } from "../../../connectors/kafka/protocol/list-offsets.ts";
import { leftTransactions } from "../../../connectors/kafka/sink/transactions-admin.ts";
import type { RestoredSink, SinkWriter } from "../../../core/sink.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import { brokers, describeOnKafka, newTopic, withAdmin } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

const WAITS = { timeout: 60_000 };
const values = Array.from({ length: 300 }, (_, at) => `value ${at}`);

type Options = Partial<KafkaSinkOptions<string>>;

function optionsOf(topic: string, options: Options = {}): KafkaSinkOptions<string> {
  return { brokers, topic, key: (text) => text, value: (text) => text, ...options };
}

async function written(options: KafkaSinkOptions<string>, restored?: RestoredSink): Promise<SinkWriter<string>> {
  const writer = toKafka<string>(options).writer(fakeContext(restored && { restored, attempt: 2 }));
  await writer.open?.();
  if (restored === undefined) for (const value of values) await writer.write(value, NO_TIMESTAMP);
  return writer;
}

async function visible(topic: string): Promise<readonly string[]> {
  await using client = new KafkaClient({ brokers });
  const where = { topic, partition: 0 };
  const [start] = await client.toLeader(where, ({ epoch }) =>
    listOffsets([{ ...where, at: "earliest", leaderEpoch: epoch }], false),
  );
  const records = await readPartition(client, topic, { from: start?.offset ?? 0 });
  return records.map(({ value }) => Buffer.from(value ?? "", "hex").toString());
}

/** Prepares a transaction, which brokers abort after its timeout, and whose records the log loses then. */
async function abortedAndGone(topic: string, options: Options) {
  const exact = optionsOf(topic, {
    ...{ guarantee: "exactly-once", transactionalIdPrefix: topic, transactionTimeout: "5s" },
    ...options,
  });
  const writer = await written(exact);
  const prepared = await writer.prepare?.(1);
  const pieces: Uint8Array[] = [];
  for await (const piece of writer.retained?.(prepared) ?? []) pieces.push(Uint8Array.from(piece));
  const open = async (): Promise<number> => (await leftTransactions({ brokers }, { prefix: topic, all: false })).length;
  await expect.poll(open, WAITS).toBe(0);
  await withAdmin(async (admin) => {
    const [end] = await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: end?.high ?? "-1" }] });
  });
  return { exact, writer, prepared, pieces };
}

describeOnKafka("a Kafka sink, after an outage that was longer than its transactions may be open,", () => {
  test("writes again what checkpoints keep, where the topic is compacted and has lost it", {
    timeout: 180_000,
  }, async () => {
    const topic = await newTopic("compacted", { settings: { "cleanup.policy": "compact,delete" } });
    const { exact, writer, prepared, pieces } = await abortedAndGone(topic, {});
    expect(pieces.length).toBeGreaterThan(0);
    await expect(writer.commit?.(1, prepared)).rejects.toMatchObject({ code: "KAFKA_ABORTED" });
    await writer.close?.();
    const restored = { checkpoint: 1, parts: [{ checkpoint: 1, prepared, retained: "0/1" }] };
    const next = await written(exact, restored);
    const kept = {
      async *[Symbol.asyncIterator]() {
        yield* pieces;
      },
    };
    await next.commit?.(1, prepared, kept);
    await next.commit?.(1, prepared, kept); // of a restart that comes right behind
    await expect.poll(() => visible(topic), WAITS).toEqual(values);
    await next.close?.();
  });

  test("says that output is lost, where the topic has lost it and no checkpoint keeps it", {
    timeout: 180_000,
  }, async () => {
    const topic = await newTopic("lost");
    const { writer, prepared, pieces } = await abortedAndGone(topic, {});
    expect(pieces).toEqual([]);
    await expect(writer.commit?.(1, prepared)).rejects.toMatchObject({ code: "KAFKA_OUTPUT_LOST" });
    await writer.close?.();
    expect(await visible(topic)).toEqual([]);
  });
});

describeOnKafka("a Kafka sink whose batches are larger than its topic takes", () => {
  test.each([{ guarantee: "at-least-once" }, { guarantee: "exactly-once" }] as const)(
    "divides them, $guarantee",
    { timeout: 120_000 },
    async ({ guarantee }) => {
      const topic = await newTopic("small-batches", { settings: { "max.message.bytes": "500" } });
      const writer = await written(optionsOf(topic, { guarantee, transactionalIdPrefix: topic }));
      const prepared = await writer.prepare?.(1);
      if (prepared !== undefined) await writer.commit?.(1, prepared);
      await writer.close?.();
      await expect.poll(() => visible(topic), WAITS).toEqual(values);
    },
  );

  test("says of a single record that is too large what is wrong", { timeout: 120_000 }, async () => {
    const topic = await newTopic("small-records", { settings: { "max.message.bytes": "500" } });
    const writer = toKafka<string>(optionsOf(topic, { key: () => "k" })).writer(fakeContext());
    await writer.open?.();
    for (const value of ["a", "x".repeat(1000), "b"]) await writer.write(value, NO_TIMESTAMP);
    await expect(writer.prepare?.(1)).rejects.toMatchObject({ code: "KAFKA_TOO_LARGE" });
    await writer.close?.();
  });
});
