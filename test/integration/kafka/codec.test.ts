/** Our codec against the Java client, in both directions. */

import { expect, test } from "vitest";
import { BatchProducer } from "../../../connectors/kafka/client/batch-producer.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { compressions } from "../../../connectors/kafka/codec/compression.ts";
import { RecordBatchBuilder } from "../../../connectors/kafka/codec/record-batch-builder.ts";
import { listOffsets } from "../../../connectors/kafka/protocol/list-offsets.ts";
import { javaConsumes, javaProduces, javaRecord, javaTransacts } from "./java-judge.ts";
import { brokers, describeOnKafka, hasJudge, newTopic } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

const COUNT = 2000;
const all = Array.from({ length: COUNT }, (_, index) => javaRecord(index));

describeOnKafka("with the Java client", () => {
  test.runIf(hasJudge).each(compressions)("we read what its producer writes (%s)", async (compression) => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("java-writes");
    await javaProduces(topic, compression, COUNT);
    expect(await readPartition(client, topic)).toEqual(all);
    expect(await readPartition(client, topic, { bytesMax: 3000 })).toEqual(all);
    expect(await readPartition(client, topic, { from: 777 })).toEqual(all.slice(777));
  });

  test.runIf(hasJudge).each(compressions)("its consumer reads what we write (%s)", async (compression) => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("java-reads");
    const producer = new BatchProducer(client);
    for (let start = 0; start < COUNT; start += 500) {
      const builder = new RecordBatchBuilder(compression);
      for (const record of all.slice(start, start + 500)) appendJudged(builder, record);
      await producer.send([{ topic, partition: 0, batch: builder.finish() }]);
    }
    expect(await javaConsumes(topic, "read_committed")).toEqual(all);
  });

  test("the time of appending comes from the broker where the topic says so", async () => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("append-time", { settings: { "message.timestamp.type": "LogAppendTime" } });
    const builder = new RecordBatchBuilder();
    builder.append("k", "v", 5);
    const before = Date.now();
    await new BatchProducer(client).send([{ topic, partition: 0, batch: builder.finish() }]);
    const [record] = await readPartition(client, topic);
    expect(record?.timestamp).toBeGreaterThanOrEqual(before - 1000);
  });

  test.runIf(hasJudge).each([
    ["aborted in the other order than they began", "1w 2w 2a 1a 3w 3c"],
    ["aborted, committed, aborted by one producer", "1w 1a 1w 1c 1w 1a"],
    ["an aborted one longer than a fetch", "1w 1w 1w 1w 1w 1w 1w 1a 2w 2c"],
    ["aborted around committed, and records outside of transactions", "1w 2w 3o 2c 1w 3o 1a 1w 2w 1c 2a 3o"],
  ])("transactions %s come out as its consumer has them", async (_name, steps) => {
    await using client = new KafkaClient({ brokers });
    const topic = await newTopic("transactions");
    await javaTransacts(topic, steps);
    await expect.poll(() => openRecords(client, topic)).toBe(0); // the last markers are written a moment later
    const [committed, uncommitted] = await Promise.all([
      javaConsumes(topic, "read_committed"),
      javaConsumes(topic, "read_uncommitted"),
    ]);
    expect(uncommitted.length).toBeGreaterThan(committed.length);
    for (const bytesMax of [1, 200, 400, 100_000]) {
      expect(await readPartition(client, topic, { bytesMax })).toEqual(committed);
      expect(await readPartition(client, topic, { bytesMax, committedOnly: false })).toEqual(uncommitted);
    }
    for (const { offset } of uncommitted) {
      const rest = committed.filter((record) => record.offset >= offset);
      expect(await readPartition(client, topic, { from: offset })).toEqual(rest);
    }
  });
});

/** How many records lie behind the beginning of the first open transaction. */
async function openRecords(client: KafkaClient, topic: string): Promise<number> {
  const where = { topic, partition: 0 };
  const query = [{ ...where, at: "latest", leaderEpoch: -1 }] as const;
  const [stable] = await client.toLeader(where, () => listOffsets(query, true));
  const [last] = await client.toLeader(where, () => listOffsets(query, false));
  return (last?.offset ?? 0) - (stable?.offset ?? 0);
}

function appendJudged(builder: RecordBatchBuilder, record: ReturnType<typeof javaRecord>): void {
  const bytes = (hex: string | null): Buffer | null => (hex === null ? null : Buffer.from(hex, "hex"));
  const text = (hex: string | null): string | null => bytes(hex)?.toString("utf8") ?? null;
  const value = record.offset % 2 === 0 ? bytes(record.value) : text(record.value);
  const headers = record.headers.map(([name, content]) => [name, bytes(content)] as const);
  builder.append(text(record.key), value, record.timestamp, headers);
}
