/** What a Kafka source does with each partition by itself: watermarks, pauses, offsets that are lost or committed. */

import { Kafka, logLevel } from "kafkajs";
import { collectTo, counting, type DataStream, defineJob, type Environment, tumbling } from "millrace";
import { describe, expect, test } from "vitest";
import { json } from "../../../connectors/format/json/json.ts";
import { text } from "../../../connectors/format/plain.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { fetchOffsets } from "../../../connectors/kafka/protocol/group-offsets.ts";
import type { KafkaRecord } from "../../../connectors/kafka/source/deserialise.ts";
import { type KafkaSourceOptions, kafka } from "../../../connectors/kafka/source/kafka-source.ts";
import type { KafkaShare } from "../../../connectors/kafka/source/shares.ts";
import { MillraceError } from "../../../core/errors.ts";
import type { SourceReader } from "../../../core/source.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { enumeratorContext } from "../../conformance/source.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import { KafkaCluster } from "../../kafka-broker/kafka-cluster.ts";
import { brokers, describeOnKafka, describeWithJars, newTopic, withAdmin } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";
import { writeRecords } from "./write-records.ts";

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

function texts(topic: string, options: Partial<KafkaSourceOptions<string>> = {}) {
  return kafka({ brokers, topics: topic, value: text(), until: "latest", ...options });
}

async function begun(
  source: ReturnType<typeof texts>,
  context = fakeContext(),
): Promise<SourceReader<string, KafkaShare>> {
  const enumerator = await source.enumerate(enumeratorContext(1));
  const reader = source.reader(context);
  await reader.begin((await enumerator.next(0)) as KafkaShare);
  return reader;
}

/** Reads until it has ended, or has so many records. */
async function readOn(
  reader: SourceReader<string, KafkaShare>,
  count = Number.MAX_SAFE_INTEGER,
  withinMs = 20_000,
): Promise<string[]> {
  const records: string[] = [];
  const deadline = Date.now() + withinMs;
  while (records.length < count && Date.now() < deadline) {
    const max = Math.min(50, count - records.length);
    if ((await reader.read((record) => void records.push(record), max, { blocked: false })) === "end") break;
  }
  return records;
}

describeOnKafka("partitions of a Kafka source", () => {
  test.each([1, 2])("have watermarks of their own, at parallelism %i", async (parallelism) => {
    const topic = await newTopic("skewed", { partitions: 3 });
    const spans = [numbers(0, 3000), numbers(2000, 2500), numbers(500, 900)];
    for (const [partition, times] of spans.entries())
      await writeRecords(
        topic,
        partition,
        times.map((at) => ({ value: `{"p":${partition}}`, at })),
      );
    const counted = async (stream: (env: Environment) => DataStream<{ p: number }>): Promise<number> => {
      const job = defineJob(import.meta, "skewed", (env) =>
        stream(env).keyBy("p").window(tumbling("10ms")).aggregate("count", counting()).to(collectTo("out")),
      );
      const handle = await runInThread(job, { parallelism });
      await handle.result;
      return handle.collect<{ value: number }>("out").reduce((sum, { value }) => sum + value, 0);
    };
    const source = kafka({ brokers, topics: topic, value: json<{ p: number }>(), until: "latest" });
    expect(await counted((env) => env.from(source, { watermarks: {} }))).toBe(spans.flat().length);
    const align = { maxDrift: "100ms" } as const;
    expect(await counted((env) => env.from(source, { watermarks: { align, idleAfter: "1m" } }))).toBe(
      spans.flat().length,
    );
  });

  test("that are paused give nothing, and lack and repeat nothing when they go on", async () => {
    const topic = await newTopic("paused", { partitions: 3 });
    for (const partition of [0, 1, 2])
      await writeRecords(
        topic,
        partition,
        numbers(0, 700).map((at) => ({ value: `${partition}/${at}` })),
        60,
      );
    const reader = await begun(texts(topic));
    const read: string[] = [];
    const deadline = Date.now() + 20_000;
    for (let round = 0; read.length < 2100 && Date.now() < deadline; round++) {
      const paused = round % 3;
      for (const partition of [0, 1, 2]) reader.pause?.(`${topic}/${partition}`, partition === paused);
      for (let turn = 0; turn < 4; turn++) {
        const step = await reader.read(
          (record) => {
            expect(record.startsWith(`${paused}/`)).toBe(false);
            read.push(record);
          },
          37,
          { blocked: false },
        );
        if (step === "end") break;
      }
    }
    await reader.close?.();
    for (const partition of [0, 1, 2]) {
      const own = read.filter((record) => record.startsWith(`${partition}/`));
      expect(own).toEqual(numbers(0, 700).map((at) => `${partition}/${at}`));
    }
  });

  describe("whose next records are gone", () => {
    async function cut(): Promise<string> {
      const topic = await newTopic("cut");
      await writeRecords(
        topic,
        0,
        numbers(0, 10).map((at) => ({ value: String(at) })),
      );
      await withAdmin(async (admin) => {
        await admin.fetchTopicOffsets(topic); // it finds no leader otherwise
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "6" }] });
      });
      return topic;
    }
    const from = (topic: string) => ({ offsets: [{ topic, partition: 0, offset: 2 }] });

    test("fail the job by name", async () => {
      const topic = await cut();
      const reader = await begun(texts(topic, { from: from(topic) }));
      await expect(readOn(reader)).rejects.toMatchObject({ code: "KAFKA_OFFSET" });
      await reader.close?.();
    });

    test("go on at the earliest or the latest one, which is counted and warned of", async () => {
      const topic = await cut();
      for (const [policy, expected] of [
        ["earliest", ["6", "7", "8", "9"]],
        ["latest", ["new"]],
      ] as const) {
        const context = fakeContext();
        const source = texts(topic, { from: from(topic), onLostOffset: policy });
        const endless = kafka({ brokers, topics: topic, value: text(), from: from(topic), onLostOffset: policy });
        const reader = await begun(policy === "earliest" ? source : endless, context);
        const reading = readOn(reader, expected.length);
        if (policy === "latest") {
          await expect.poll(() => context.reported.counters.get("offsetsLost"), { timeout: 20_000 }).toBe(1);
          await writeRecords(topic, 0, [{ value: "new" }]);
        }
        expect(await reading).toEqual(expected);
        expect(context.reported.counters.get("offsetsLost")).toBe(1);
        expect(context.reported.logs).toMatchObject([{ level: "warn", fields: { topic, partition: 0, lost: 2 } }]);
        await reader.close?.();
      }
    });
  });
});

describeWithJars("a Kafka source whose broker goes away", () => {
  test("waits for it, and reads each record once", { timeout: 240_000 }, async () => {
    await using cluster = await KafkaCluster.start({ nodes: 1 });
    const at = [...cluster.brokers];
    const topic = "away";
    await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2 }] }), at);
    const write = async (from: number, to: number): Promise<void> => {
      for (const partition of [0, 1]) {
        const records = numbers(from, to).map((each) => ({ value: `${partition}/${each}` }));
        await writeRecords(topic, partition, records, 100, at);
      }
    };
    await write(0, 300);
    const source = kafka({ brokers: at, topics: topic, value: text() });
    const reader = await begun(source);
    const read = await readOn(reader, 450); // in the midst of fetches
    await cluster.kill(1);
    const whileAway = readOn(reader, 150);
    await cluster.restart(1);
    read.push(...(await whileAway));
    await write(300, 400);
    read.push(...(await readOn(reader, 200, 60_000)));
    await reader.close?.();
    for (const partition of [0, 1]) {
      const own = read.filter((record) => record.startsWith(`${partition}/`));
      expect(own).toEqual(numbers(0, 400).map((each) => `${partition}/${each}`));
    }
  });
});

describeWithJars("a Kafka source whose partitions get other leaders", () => {
  const topic = "moved";
  const partitions = [0, 1, 2, 3];

  async function write(from: number, to: number, at: readonly string[]): Promise<void> {
    const records = numbers(from, to).map((each) => ({ value: String(each) }));
    await Promise.all(partitions.map((partition) => writeRecords(topic, partition, records, 100, at)));
  }

  async function leaders(client: KafkaClient): Promise<number[]> {
    client.forget(topic);
    const found = await Promise.all(partitions.map((partition) => client.leader({ topic, partition })));
    return found.map(({ node }) => node);
  }

  /** What is there: an answer that was lost with its leader has its batch written again. */
  async function written(client: KafkaClient): Promise<string[][]> {
    const read = partitions.map((partition) => readPartition(client, topic, { partition }));
    return (await Promise.all(read)).map((records) =>
      records.map(({ value, offset }) => `${offset}: ${Buffer.from(value ?? "", "hex")}`),
    );
  }

  test("reads each record once and in order, while each node is killed and comes back", {
    timeout: 500_000,
  }, async () => {
    await using cluster = await KafkaCluster.start({ nodes: 3 });
    const at = [...cluster.brokers];
    await using client = new KafkaClient({ brokers: at });
    const made = { topic, numPartitions: partitions.length, replicationFactor: 3 };
    await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [made] }), at);
    const read: string[][] = partitions.map(() => []);
    const value = ({ partition, offset, text: content }: KafkaRecord): string => `${partition} ${offset}: ${content}`;
    const reader = await begun(kafka({ brokers: at, topics: topic, value }));
    const take = (record: string): void => void read[Number(record[0])]?.push(record.slice(2));
    const counted = (): number => read.reduce((sum, { length }) => sum + length, 0);
    const readUntil = async (count: number): Promise<void> => {
      while (counted() < count) await reader.read(take, 50, { blocked: false });
    };
    await write(0, 100, at);
    await readUntil(400);
    for (const node of cluster.pids.keys()) {
      const first = 100 * node;
      const reading = readUntil(first * partitions.length + 400);
      expect(await leaders(client)).toContain(node);
      await cluster.kill(node);
      await write(first, first + 100, at); // by those that are left
      expect(await leaders(client)).not.toContain(node);
      await reading;
      await cluster.restart(node);
    }
    const expected = await written(client);
    await readUntil(expected.flat().length);
    await reader.close?.();
    expect(read).toEqual(expected);
    for (const records of expected) expect(new Set(records.map((each) => each.split(": ")[1])).size).toBe(400);
  });
});

describeOnKafka("offsets for monitoring", () => {
  async function committed(group: string, topic: string): Promise<number[]> {
    await using client = new KafkaClient({ brokers });
    const partitions = [0, 1].map((partition) => ({ topic, partition }));
    const { offsets } = await client.toCoordinator("group", group, fetchOffsets(group, partitions));
    return offsets.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset);
  }

  async function topicOf(count: number): Promise<string> {
    const topic = await newTopic("monitored", { partitions: 2 });
    for (const partition of [0, 1])
      await writeRecords(
        topic,
        partition,
        numbers(0, count).map((at) => ({ value: String(at) })),
      );
    return topic;
  }

  test("are those of a complete checkpoint", async () => {
    const topic = await topicOf(10);
    const group = `group-${topic}`;
    const context = fakeContext({ checkpointing: true });
    const reader = await begun(texts(topic, { group, until: undefined as never }), context);
    await readOn(reader, 12);
    const position = structuredClone(reader.position()) as KafkaShare;
    await readOn(reader, 8);
    expect(await committed(group, topic)).toEqual([-1, -1]);
    reader.checkpointCompleted?.(7, position);
    const expected = position.partitions.map(({ offset }) => offset);
    expect(expected.reduce((sum, offset) => sum + offset)).toBe(12);
    await expect.poll(() => committed(group, topic), { timeout: 20_000 }).toEqual(expected);
    reader.checkpointCompleted?.(8, structuredClone(reader.position()));
    await reader.close?.();
    expect(await committed(group, topic)).toEqual([10, 10]);
  });

  test("of a job are all committed at its end, with checkpoints and without", async () => {
    const topic = await topicOf(200);
    for (const checkpoints of [undefined, { everySteps: 20 }]) {
      const group = `group-${topic}-${checkpoints === undefined ? "without" : "with"}`;
      const job = defineJob(import.meta, "monitored", (env) => env.from(texts(topic, { group })).to(collectTo("out")));
      await (await runInThread(job, { parallelism: 2, ...(checkpoints !== undefined && { checkpoints }) })).result;
      expect(await committed(group, topic)).toEqual([200, 200]);
    }
  });

  test("are committed now and then in a job without checkpoints", async () => {
    const topic = await topicOf(10);
    const group = `group-${topic}`;
    const reader = await begun(texts(topic, { group, commitEvery: "50ms", until: undefined as never }));
    await readOn(reader, 20);
    await expect.poll(() => committed(group, topic), { timeout: 20_000 }).toEqual([10, 10]);
    await reader.close?.();
  });

  test("that the group does not take are counted and warned of, and harm nobody", async () => {
    const topic = await topicOf(10);
    const group = `group-${topic}`;
    const consumer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: group });
    await consumer.connect();
    await consumer.subscribe({ topic });
    const joined = new Promise((resolve) => consumer.on("consumer.group_join", resolve));
    await consumer.run({ autoCommit: false, eachMessage: async () => {} });
    await joined;
    const context = fakeContext();
    const reader = await begun(texts(topic, { group, commitEvery: "20ms" }), context);
    expect(await readOn(reader)).toHaveLength(20);
    await reader.close?.();
    await consumer.disconnect();
    expect(context.reported.counters.get("offsetCommitFailures")).toBeGreaterThan(0);
    expect(context.reported.logs).toMatchObject([{ level: "warn", fields: { group } }]);
  });
});

test.each([
  [{ onLostOffset: "nearest" as never }, "onLostOffset"],
  [{ group: "" }, "group of kafka is empty"],
  [{ commitEvery: "soon" as never }, "commitEvery"],
])("%j is refused when the program is built", (wrong, message) => {
  const options = { brokers: "a:1", topics: "t", value: text(), ...wrong };
  expect(() => kafka(options)).toThrow(MillraceError);
  expect(() => kafka(options)).toThrow(message);
});
