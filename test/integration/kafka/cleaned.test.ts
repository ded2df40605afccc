/** What brokers really delete and compact: between the end of a transaction and its being read back, and in a table's topic. */

import { type Change, collectTo, defineJob, materialise } from "millrace";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import {
  isTombstone,
  json,
  type KafkaSinkOptions,
  kafka,
  makeTopics,
  text,
  toKafka,
  toKafkaUpserts,
  type Upsert,
  upserts,
} from "../../../connectors/kafka/index.ts";
import { listOffsets } from "../../../connectors/kafka/protocol/list-offsets.ts";
import { leftTransactions } from "../../../connectors/kafka/sink/transactions-admin.ts";
import { deleted, inserted, updatedTo } from "../../../core/changelog.ts";
import type { RestoredSink, SinkWriter } from "../../../core/sink.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import { KafkaCluster } from "../../kafka-broker/kafka-cluster.ts";
import { describeWithJars, withAdmin } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";
import { writeRecords } from "./write-records.ts";

const WAITS = { timeout: 120_000, interval: 300 };
const LONG = { timeout: 300_000 };
/** Looked at soon: by default after 15 s and 5 min. */
const eager = {
  "log.cleaner.backoff.ms": "200",
  "log.retention.check.interval.ms": "500",
  "log.segment.delete.delay.ms": "100",
};
const soonClosed = { "segment.ms": "200" };
const soonCompacted = {
  ...soonClosed,
  "cleanup.policy": "compact",
  "min.cleanable.dirty.ratio": "0.001",
  "delete.retention.ms": "0",
};
const soonDeleted = { ...soonClosed, "retention.ms": "500" };
const values = Array.from({ length: 300 }, (_, at) => `value ${at}`);
const NUDGE = "nudge";
/** As a resource with settings. */
const TOPIC = 2;

let cluster: KafkaCluster;
let made = 0;

async function newTopic(settings: Readonly<Record<string, string>>): Promise<string> {
  const topic = `cleaned-${made++}`;
  await makeTopics({ brokers: cluster.brokers }, [{ topic, partitions: 1, settings }]);
  return topic;
}

/** Segments that nothing is written to behind them are neither compacted nor, as long as they are young, deleted. */
async function nudge(topic: string): Promise<void> {
  await writeRecords(topic, 0, [{ key: NUDGE, value: '"nudge"', at: Date.now() }], 1, cluster.brokers);
}

interface Logged {
  readonly key: string;
  readonly value: string | null;
}

/** What is in a topic's log, whatever became of its transaction, or what readers of committed records see. */
async function logged(topic: string, committedOnly = false): Promise<readonly Logged[]> {
  await using client = new KafkaClient({ brokers: cluster.brokers });
  const records = await readPartition(client, topic, { committedOnly, from: await startOf(client, topic) });
  const textOf = (hex: string | null): string | null => (hex === null ? null : Buffer.from(hex, "hex").toString());
  const all = records.map(({ key, value }) => ({ key: textOf(key) ?? "", value: textOf(value) }));
  return all.filter(({ key }) => key !== NUDGE);
}

/** From now on its records stay, however old. */
async function keepAll(topic: string): Promise<void> {
  const configEntries = [{ name: "retention.ms", value: "-1" }];
  const resources = [{ type: TOPIC, name: topic, configEntries }];
  await withAdmin((admin) => admin.alterConfigs({ resources, validateOnly: false }), [...cluster.brokers]);
}

async function startOf(client: KafkaClient, topic: string): Promise<number> {
  const where = { topic, partition: 0 };
  const [start] = await client.toLeader(where, ({ epoch }) =>
    listOffsets([{ ...where, at: "earliest", leaderEpoch: epoch }], false),
  );
  return start?.offset ?? 0;
}

function optionsOf(topic: string, options: Partial<KafkaSinkOptions<string>>): KafkaSinkOptions<string> {
  return {
    ...{ brokers: cluster.brokers, topic, key: (value) => value, value: (value) => value, guarantee: "exactly-once" },
    ...{ transactionalIdPrefix: topic, transactionTimeout: "3s" },
    ...options,
  };
}

async function openWriter(
  options: KafkaSinkOptions<string>,
  restored?: RestoredSink,
): Promise<{ readonly writer: SinkWriter<string> }> {
  const writer = toKafka<string>(options).writer(fakeContext(restored && { restored, attempt: 2 }));
  await writer.open?.();
  return { writer };
}

/** Prepares a transaction and crashes; brokers abort it, and its topic loses what was in it. */
async function preparedAndCleaned(topic: string, options: KafkaSinkOptions<string>) {
  const { writer } = await openWriter(options);
  for (const value of values) await writer.write(value, NO_TIMESTAMP);
  const prepared = await writer.prepare?.(1);
  const pieces: Uint8Array[] = [];
  for await (const piece of writer.retained?.(prepared) ?? []) pieces.push(Uint8Array.from(piece));
  await writer.close?.();
  const { brokers } = cluster;
  const open = async (): Promise<number> => (await leftTransactions({ brokers }, { prefix: topic, all: false })).length;
  await expect.poll(open, WAITS).toBe(0);
  const left = async (): Promise<number> => {
    await nudge(topic);
    return (await logged(topic)).length;
  };
  await expect.poll(left, WAITS).toBe(0);
  return { prepared, pieces };
}

async function* again(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

describeWithJars("a broker that cleans its logs soon", () => {
  beforeAll(async () => {
    cluster = await KafkaCluster.start({ settings: eager });
  }, 120_000);
  afterAll(() => cluster.stop());

  const cases = [
    { how: "compacted", settings: soonCompacted },
    { how: "deleted for its age", settings: soonDeleted },
  ] as const;

  test.each(cases)(
    "a transaction that was $how is written again from the checkpoint, once",
    LONG,
    async ({ settings }) => {
      const topic = await newTopic(settings);
      const options = optionsOf(topic, {});
      const { prepared, pieces } = await preparedAndCleaned(topic, options);
      await keepAll(topic);
      const restored = { checkpoint: 1, parts: [{ checkpoint: 1, prepared, retained: "0/1" }] };
      const { writer } = await openWriter(options, restored);
      await writer.commit?.(1, prepared, again(pieces));
      const seen = async (): Promise<readonly unknown[]> => (await logged(topic, true)).map(({ value }) => value);
      await expect.poll(seen, WAITS).toEqual(values);
      await writer.commit?.(1, prepared, again(pieces)); // of a restart that comes right behind
      await expect.poll(seen, WAITS).toEqual(values);
      await writer.close?.();
    },
  );

  test.each(cases)("that a transaction was $how and no checkpoint has it is said", LONG, async ({ settings }) => {
    const topic = await newTopic(settings);
    const options = optionsOf(topic, { retainOutput: false });
    const { prepared, pieces } = await preparedAndCleaned(topic, options);
    expect(pieces).toEqual([]);
    const { writer } = await openWriter(options, { checkpoint: 1, parts: [{ checkpoint: 1, prepared }] });
    await expect(writer.commit?.(1, prepared)).rejects.toMatchObject({ code: "KAFKA_OUTPUT_LOST" });
    await writer.close?.();
    expect(await logged(topic, true)).toEqual([]);
  });

  test.each(["at-least-once", "exactly-once"] as const)(
    "a compacted table is read back as it is (%s)",
    LONG,
    async (guarantee) => {
      interface Row {
        readonly item: string;
        readonly cents: number;
      }
      const topic = await newTopic(soonCompacted);
      const { brokers } = cluster;
      const sink = toKafkaUpserts<Row>({
        brokers,
        topic,
        key: ({ item }) => item,
        guarantee,
        transactionalIdPrefix: topic,
      });
      const writer = sink.writer(fakeContext());
      await writer.open?.();
      const table = new Map<string, number>();
      const written = 1000;
      for (let at = 0; at < written; at++) {
        const row = { item: `item ${(at * 7) % 40}`, cents: at };
        const gone = at % 11 === 0 && table.has(row.item);
        const change = gone ? deleted(row) : table.has(row.item) ? updatedTo(row) : inserted(row);
        await writer.write(change, NO_TIMESTAMP);
        if (gone) table.delete(row.item);
        else table.set(row.item, row.cents);
      }
      const prepared = await writer.prepare?.(1);
      if (prepared !== undefined) await writer.commit?.(1, prepared);
      await writer.close?.();
      const left = async (): Promise<number> => {
        await nudge(topic);
        return (await logged(topic)).length;
      };
      await expect.poll(left, WAITS).toBeLessThanOrEqual(40); // one a key at most: tombstones may be gone already
      const source = kafka({
        brokers,
        topics: topic,
        until: "latest",
        value: upserts({ key: text(), value: json<Row>() }),
      });
      const job = defineJob(import.meta, `table-${guarantee}`, (env) =>
        env
          .from(source)
          .filter(({ key }) => key !== NUDGE)
          .keyBy("key")
          .toChangelog("rows", { deleted: isTombstone })
          .to(collectTo("changes")),
      );
      const handle = await runInThread(job);
      await handle.result;
      const changes = handle.collect<Change<Upsert<string, Row>>>("changes");
      const read = [...materialise(changes, ({ key }) => key)].map(([key, { value }]) => [key, value?.cents] as const);
      expect(new Map(read)).toEqual(table);
    },
  );
});
