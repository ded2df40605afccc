import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type JobHandle, run } from "millrace";
import { describe, expect, test } from "vitest";
import { json } from "../../../connectors/format/json/json.ts";
import { text } from "../../../connectors/format/plain.ts";
import { BatchProducer } from "../../../connectors/kafka/client/batch-producer.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { RecordBatchBuilder } from "../../../connectors/kafka/codec/record-batch-builder.ts";
import { commitOffsets } from "../../../connectors/kafka/protocol/group-offsets.ts";
import {
  addPartitionsToTransaction,
  endTransaction,
  initProducerId,
} from "../../../connectors/kafka/protocol/transactions.ts";
import type { BadRecord } from "../../../connectors/kafka/source/bad-records.ts";
import { type KafkaSourceOptions, kafka } from "../../../connectors/kafka/source/kafka-source.ts";
import type { KafkaShare } from "../../../connectors/kafka/source/shares.ts";
import { MillraceError } from "../../../core/errors.ts";
import { outputTag } from "../../../core/side-output.ts";
import type { SourceReader } from "../../../core/source.ts";
import { enumeratorContext, readSource, sourceConformance } from "../../conformance/source.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import { tempFolder } from "../../connectors/temp-folder.ts";
import copyJob from "./fixtures/copy-job.ts";
import followJob from "./fixtures/follow-job.ts";
import { brokers, describeOnKafka, newTopic, withAdmin } from "./on-kafka.ts";

/** Writes texts into a partition, a batch for each list of them. */
async function write(
  topic: string,
  partition: number,
  ...batches: readonly (readonly (string | null)[])[]
): Promise<void> {
  await using client = new KafkaClient({ brokers });
  const producer = new BatchProducer(client);
  for (const [turn, values] of batches.entries()) {
    const builder = new RecordBatchBuilder("lz4");
    for (const value of values) builder.append(`key-${value}`, value, 1000 * (turn + 1));
    await producer.send([{ topic, partition, batch: builder.finish() }]);
  }
}

/** Writes a transaction and ends it. */
async function transact(topic: string, values: readonly string[], commit: boolean): Promise<void> {
  await using client = new KafkaClient({ brokers });
  const transactionalId = `source-${topic}`;
  const send = <T>(request: Parameters<typeof client.toCoordinator<T>>[2]): Promise<T> =>
    client.toCoordinator("transaction", transactionalId, request);
  const identity = await send(initProducerId(transactionalId, 60_000));
  const producer = { transactionalId, producerId: identity.producerId, producerEpoch: identity.producerEpoch };
  await send(addPartitionsToTransaction(producer, [{ topic, partition: 0 }]));
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(null, value, 1);
  const batch = builder.finish({ ...producer, baseSequence: 0, transactional: true });
  await new BatchProducer(client, { transactionalId }).send([{ topic, partition: 0, batch }]);
  await send(endTransaction(producer, commit));
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => String(from + at));

function texts(topic: string, options: Partial<KafkaSourceOptions<string>> = {}) {
  return kafka({ brokers, topics: topic, value: text(), until: "latest", ...options });
}

async function readTexts(topic: string, options: Partial<KafkaSourceOptions<string>> = {}): Promise<string[]> {
  return (await readSource(texts(topic, options))).records;
}

/** Reads with a reader until it has so many records, or for so long. */
async function readSome(reader: SourceReader<string, KafkaShare>, count: number, forMs = 20_000): Promise<string[]> {
  const records: string[] = [];
  for (const end = Date.now() + forMs; records.length < count && Date.now() < end; ) {
    const step = await reader.read((record) => void records.push(record), count - records.length, { blocked: false });
    if (step === "end") break;
  }
  return records;
}

async function sharesAt(
  source: ReturnType<typeof texts>,
  parallelism: number,
  restored?: unknown,
): Promise<KafkaShare[]> {
  const context = enumeratorContext(parallelism);
  const enumerator = await source.enumerate(restored === undefined ? context : { ...context, restored });
  const shares: KafkaShare[] = [];
  for (let split = await enumerator.next(0); split !== undefined; split = await enumerator.next(0)) shares.push(split);
  return shares;
}

describeOnKafka("on a real broker", () => {
  let prepared: Promise<string> | undefined;

  sourceConformance("kafka", async () => {
    prepared ??= (async () => {
      const topic = await newTopic("conformance");
      await write(topic, 0, numbers(0, 3));
      await transact(topic, ["void"], false);
      await transact(topic, numbers(3, 5), true);
      await write(topic, 0, numbers(5, 7), [null], numbers(7, 9));
      await transact(topic, ["void", "void"], false);
      return topic;
    })();
    return { source: texts(await prepared), expected: numbers(0, 9) };
  });
});

describeOnKafka("a Kafka source", () => {
  test("begins and ends where it is told to", async () => {
    const topic = await newTopic("places");
    await write(topic, 0, numbers(0, 3), numbers(3, 6), numbers(6, 9)); // at 1000, 2000 and 3000 ms
    const group = `group-${topic}`;
    await using client = new KafkaClient({ brokers });
    await client.toCoordinator(
      "group",
      group,
      commitOffsets(group, [{ topic, partition: 0, offset: 5, metadata: null }]),
    );
    const at = (offset: number) => ({ offsets: [{ topic, partition: 0, offset }] });
    expect(await readTexts(topic)).toEqual(numbers(0, 9));
    expect(await readTexts(topic, { from: "latest" })).toEqual([]);
    expect(await readTexts(topic, { from: { timestamp: 1001 } })).toEqual(numbers(3, 9));
    expect(await readTexts(topic, { from: { timestamp: 9999 } })).toEqual([]);
    expect(await readTexts(topic, { from: at(7) })).toEqual(numbers(7, 9));
    expect(await readTexts(topic, { from: { group } })).toEqual(numbers(5, 9));
    expect(await readTexts(topic, { from: { group: "nobody" } })).toEqual(numbers(0, 9));
    expect(await readTexts(topic, { until: { timestamp: 3000 } })).toEqual(numbers(0, 6));
    expect(await readTexts(topic, { from: at(2), until: at(4) })).toEqual(numbers(2, 4));
    await expect(readTexts(topic, { until: { offsets: [] } })).rejects.toMatchObject({ code: "BAD_OPTION" });
  });

  test("names an offset that its partition does not have", async () => {
    const topic = await newTopic("range");
    const beyond = kafka({
      brokers,
      topics: topic,
      value: text(),
      from: { offsets: [{ topic, partition: 0, offset: 50 }] },
    });
    const [share] = await sharesAt(beyond, 1);
    const reader = beyond.reader(fakeContext());
    await reader.begin(share as KafkaShare);
    await expect(readSome(reader, 1)).rejects.toMatchObject({ code: "KAFKA_OFFSET" });
    await reader.close?.();
  });

  test("gives key, headers, time and place to a function of the program", async () => {
    const topic = await newTopic("records");
    await using client = new KafkaClient({ brokers });
    const builder = new RecordBatchBuilder();
    builder.append("k", "v", 77, [["trace", "t"]]);
    await new BatchProducer(client).send([{ topic, partition: 0, batch: builder.finish() }]);
    const source = kafka({
      brokers,
      topics: [topic],
      until: "latest",
      value: ({ topic: of, partition, offset, timestamp, key, value, headers }) => {
        const [header] = headers;
        return [of, partition, offset, timestamp, String(key), String(value), header?.key, String(header?.value)];
      },
    });
    expect((await readSource(source)).records).toEqual([[topic, 0, 0, 77, "k", "v", "trace", "t"]]);
  });

  test("fails at a record that cannot be read, or skips it, counts it and sends it where the job says", async () => {
    const topic = await newTopic("bad");
    await write(topic, 0, ['{"n":1}', "{", '{"n":2}', null]);
    const value = json<{ n: number }>();
    const strict = kafka({ brokers, topics: topic, value, until: "latest" });
    await expect(readSource(strict)).rejects.toMatchObject({ code: "INPUT_FORMAT" });
    await expect(readSource(strict)).rejects.toThrow(`"${topic}" has a record in partition 0 at offset 1`);
    const badRecords = outputTag<BadRecord>("bad");
    const lenient = kafka({ brokers, topics: topic, value, until: "latest", onBadRecord: "skip", badRecords });
    const { records, context } = await readSource(lenient);
    expect(records).toEqual([{ n: 1 }, { n: 2 }]);
    expect(context.reported.counters).toEqual(
      new Map([
        ["badRecords", 1],
        ["recordsLeftOut", 2],
      ]),
    );
    expect(context.reported.side).toMatchObject([{ tag: "bad", value: { topic, partition: 0, offset: 1 } }]);
    expect(context.reported.logs).toHaveLength(1);
  });

  test("goes on with another parallelism, each record once", async () => {
    const topic = await newTopic("rescaled", { partitions: 4 });
    for (let partition = 0; partition < 4; partition++) {
      await write(topic, partition, numbers(partition * 100, partition * 100 + 50));
    }
    const source = texts(topic);
    const reading: { split: KafkaShare; position: unknown }[] = [];
    const read: string[] = [];
    for (const split of await sharesAt(source, 2)) {
      const reader = source.reader(fakeContext());
      await reader.begin(split);
      read.push(...(await readSome(reader, 37)));
      reading.push({ split, position: structuredClone(reader.position()) });
      await reader.close?.();
    }
    expect(read).toHaveLength(74);
    const cut = source.redistribute?.({ reading, enumerator: [] }, 3);
    for (const split of await sharesAt(source, 3, cut?.enumerator)) {
      const reader = source.reader(fakeContext());
      await reader.begin(split);
      read.push(...(await readSome(reader, 1000)));
      await reader.close?.();
    }
    expect(read.map(Number).sort((a, b) => a - b)).toEqual(
      [0, 100, 200, 300].flatMap((first) => numbers(first, first + 50).map(Number)),
    );
  });

  test("finds partitions that are added, and topics that match, and reads them from their beginning", async () => {
    const topic = await newTopic("growing");
    const source = kafka({
      brokers,
      topics: new RegExp(`^${topic}`),
      value: text(),
      from: "latest",
      discoverEvery: "100ms",
    });
    await write(topic, 0, ["before"]);
    const shares = await sharesAt(source, 2);
    const readers = shares.map((share) => {
      const reader = source.reader(fakeContext());
      return { reader, begun: reader.begin(share) };
    });
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic: `${topic}-too` }], waitForLeaders: true }));
    await expect
      .poll(() => withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] })))
      .toMatchObject({
        topics: [{ partitions: [{}, {}, {}] }],
      });
    await write(topic, 1, ["one"]);
    await write(topic, 2, ["two"]);
    await write(`${topic}-too`, 0, ["three"]);
    const found: string[] = [];
    const deadline = Date.now() + 30_000;
    while (found.length < 3 && Date.now() < deadline) {
      for (const { reader } of readers) found.push(...(await readSome(reader, 3, 200)));
    }
    for (const { reader } of readers) await reader.close?.();
    expect(found.sort()).toEqual(["one", "three", "two"]);
  });

  test("waits for records, and gives those that come", async () => {
    const topic = await newTopic("waiting");
    const source = kafka({ brokers, topics: topic, value: text() });
    const [share] = await sharesAt(source, 1);
    const reader = source.reader(fakeContext());
    await reader.begin(share as KafkaShare);
    expect(await readSome(reader, 1, 300)).toEqual([]);
    await write(topic, 0, ["late"]);
    expect(await readSome(reader, 1)).toEqual(["late"]);
    await reader.close?.();
  });

  test.each([1, 2])("of a job reads all partitions once, with parallelism %i", async (parallelism) => {
    const topic = await newTopic("job", { partitions: 3 });
    const count = 900;
    for (let partition = 0; partition < 3; partition++) {
      const values = Array.from({ length: count / 3 }, (_, at) => JSON.stringify({ n: partition * (count / 3) + at }));
      await write(topic, partition, values);
    }
    const handle = await run(copyJob, { params: { brokers: brokers.join(), topic }, parallelism, logLevel: "silent" });
    await handle.result;
    const collected = (handle.collect("numbers") as number[]).toSorted((a, b) => a - b);
    expect(collected).toEqual(Array.from({ length: count }, (_, at) => at));
  });
});

describeOnKafka("a job on Kafka with checkpoints", () => {
  const folder = tempFolder();

  /** A job that follows the topic, until it is cancelled. */
  async function follow(topic: string, directory: string, parallelism: number): Promise<JobHandle & AsyncDisposable> {
    const params = { brokers: brokers.join(), topic };
    const checkpoints = { directory, interval: "100ms" } as const;
    const handle = await run(followJob, { params, parallelism, checkpoints, logLevel: "silent" });
    const ended = handle.result.catch((error: unknown) => error);
    return Object.assign(handle, {
      async [Symbol.asyncDispose]() {
        handle.cancel();
        expect(await ended).toMatchObject({ code: "CANCELLED" });
      },
    });
  }

  test("goes on behind what it has read, with another parallelism, and lacks and repeats nothing", async () => {
    const topic = await newTopic("followed", { partitions: 4 });
    const directory = join(folder.path, "checkpoints");
    const manifests = (): string[] => readdirSync(join(directory, "manifests")).filter((name) => /^\d+$/.test(name));
    const newest = (): number => Math.max(0, ...manifests().map(Number));
    const writeAll = async (from: number, count: number): Promise<void> => {
      for (let partition = 0; partition < 4; partition++) {
        const values = numbers(from, from + count).filter((each) => Number(each) % 4 === partition);
        await write(
          topic,
          partition,
          values.map((each) => `{"n":${each}}`),
        );
      }
    };
    await writeAll(0, 400);
    {
      await using job = await follow(topic, directory, 2);
      await expect.poll(() => job.collect("numbers").length, { timeout: 30_000 }).toBe(400);
      const behind = newest() + 2; // the next one may have been cut before
      await expect.poll(newest, { timeout: 30_000 }).toBeGreaterThanOrEqual(behind);
    }
    await writeAll(400, 200);
    await using job = await follow(topic, directory, 3);
    await expect.poll(() => job.collect("numbers").length, { timeout: 30_000 }).toBeGreaterThanOrEqual(200);
    const collected = job.collect<number>("numbers").toSorted((a, b) => a - b);
    expect(collected).toEqual(Array.from({ length: 200 }, (_, at) => 400 + at));
  });
});

describeOnKafka("a Kafka source of a topic that is not there", () => {
  test("waits for it for a while, and names it", { timeout: 60_000 }, async () => {
    const topic = `nowhere-${randomUUID()}`;
    const enumerated = texts(topic).enumerate(enumeratorContext(1));
    await expect(enumerated).rejects.toMatchObject({ code: "KAFKA_TOPIC", message: expect.stringContaining(topic) });
  });

  test("reads it when it is made meanwhile", { timeout: 60_000 }, async () => {
    const topic = `late-${randomUUID()}`;
    const enumerating = texts(topic).enumerate(enumeratorContext(1));
    await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 3 }] }));
    const share = (await (await enumerating).next(0)) as KafkaShare;
    expect(share.partitions).toHaveLength(3);
  });
});

describe("options of a Kafka source", () => {
  test.each([
    [{ brokers: "nowhere" }, "host:port"],
    [{ topics: [] }, "topics of kafka is empty"],
    [{ discoverEvery: "soon" as never }, "discoverEvery"],
  ])("%j is refused when the program is built", (wrong, message) => {
    const options = { brokers: "a:1", topics: "t", value: text(), ...wrong };
    expect(() => kafka(options)).toThrow(MillraceError);
    expect(() => kafka(options)).toThrow(message);
  });
});

test("a source that cannot reach its brokers says so", { timeout: 60_000 }, async () => {
  const source = kafka({ brokers: "127.0.0.1:1", topics: "t", value: text() });
  await expect(source.enumerate(enumeratorContext(1))).rejects.toMatchObject({ code: "KAFKA_UNREACHABLE" });
});
