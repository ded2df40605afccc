import { run } from "millrace";
import { expect, test } from "vitest";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { json, type KafkaSinkOptions, toKafka, toKafkaUpserts } from "../../../connectors/kafka/index.ts";
import { listTransactions } from "../../../connectors/kafka/protocol/describe.ts";
import { partitionOf } from "../../../connectors/kafka/sink/out-topics.ts";
import { deleted, inserted, updatedFrom, updatedTo } from "../../../core/changelog.ts";
import { MillraceError } from "../../../core/errors.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import { sinkConformance } from "../../conformance/sink.ts";
import { twoPhaseSinkConformance } from "../../conformance/two-phase-sink.ts";
import { fakeContext } from "../../connectors/fake-context.ts";
import writeJob from "./fixtures/write-job.ts";
import { type JudgedRecord, javaConsumes } from "./java-judge.ts";
import { brokers, describeOnKafka, hasJudge, newTopic } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";

const textOf = (hex: string | null): string | null => (hex === null ? null : Buffer.from(hex, "hex").toString());

/** Writes values with one writer and waits until brokers have them. */
async function writeAll<T>(options: Omit<KafkaSinkOptions<T>, "brokers">, values: readonly T[]) {
  const context = fakeContext();
  const writer = toKafka<T>({ brokers, ...options }).writer(context);
  try {
    await writer.open?.();
    for (const value of values) await writer.write(value, NO_TIMESTAMP);
    await writer.prepare?.(1);
  } finally {
    await writer.close?.();
  }
  return context.reported;
}

async function readAll(topic: string, partitions: number): Promise<JudgedRecord[]> {
  await using client = new KafkaClient({ brokers });
  const read = Array.from({ length: partitions }, (_, partition) => readPartition(client, topic, { partition }));
  return (await Promise.all(read)).flat();
}

/** Transactions that are not over, of ids that begin so. */
async function transactionsOf(prefix: string, states = ["Ongoing", ...ending]): Promise<readonly string[]> {
  await using client = new KafkaClient({ brokers });
  await client.metadata([]);
  const asked = client.nodes.map(async (node) => (await client.toNode(node, listTransactions(states))).transactions);
  const ids = (await Promise.all(asked)).flat().map(({ transactionalId }) => transactionalId);
  return ids.filter((id) => id.startsWith(prefix));
}

const ending = ["PrepareCommit", "PrepareAbort"];

/** A transaction is decided a moment before the partitions know. */
async function settled(prefix: string): Promise<void> {
  await expect.poll(() => transactionsOf(prefix, ending), { timeout: 20_000, interval: 10 }).toEqual([]);
}

describeOnKafka("on a real broker", () => {
  sinkConformance("toKafka", async () => {
    const topic = await newTopic("sink-conformance");
    return {
      sink: toKafka<{ id: number; text: string }>({ brokers, topic }),
      record: (id) => ({ id, text: "ä€𝄞".repeat(id % 20) }),
      visible: async () => (await readAll(topic, 1)).map(({ value }) => JSON.parse(textOf(value) ?? "")),
      shown: (record) => record,
    };
  });
});

describeOnKafka("on a real broker, exactly once", () => {
  twoPhaseSinkConformance("toKafka", async () => {
    const topic = await newTopic("two-phase", { partitions: 2 });
    const sink = toKafka<number>({ brokers, topic, guarantee: "exactly-once", transactionalIdPrefix: topic });
    return {
      sink,
      visible: async () => {
        await settled(topic);
        return (await readAll(topic, 2)).map(({ value }) => Number(textOf(value)));
      },
      leftovers: async () => {
        await settled(topic);
        return (await transactionsOf(topic)).length;
      },
    };
  });
});

describeOnKafka("a Kafka sink", () => {
  test("of a job writes every record to the partition of its key", { timeout: 60_000 }, async () => {
    const topic = await newTopic("job-out", { partitions: 4 });
    const params = { brokers: brokers.join(), topic, count: 50_000, guarantee: "at-least-once" };
    const handle = await run(writeJob, { params, parallelism: 2, logLevel: "silent" });
    await handle.result;
    const records = await readAll(topic, 4);
    expect(records.map(({ value }) => JSON.parse(textOf(value) ?? "").n).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50_000 }, (_, n) => n),
    );
    expect(records.every(({ partition, key }) => partition === partitionOf(textOf(key) ?? "", 4))).toBe(true);
  });

  test("of a job without checkpoints shows everything at its end, once, when it is exact", {
    timeout: 60_000,
  }, async () => {
    const topic = await newTopic("job-exact", { partitions: 4 });
    const params = { brokers: brokers.join(), topic, count: 20_000, guarantee: "exactly-once" };
    const handle = await run(writeJob, { params, parallelism: 2, logLevel: "silent" });
    await handle.result;
    const numbers = async () => (await readAll(topic, 4)).map(({ value }) => JSON.parse(textOf(value) ?? "").n);
    const expected = Array.from({ length: 20_000 }, (_, n) => n);
    await expect.poll(async () => (await numbers()).sort((a, b) => a - b), { timeout: 20_000 }).toEqual(expected);
  });

  test("keeps a table: rows by their keys, and tombstones for those that are deleted", async () => {
    const topic = await newTopic("table", { partitions: 2, settings: { "cleanup.policy": "compact" } });
    interface Price {
      readonly item: string;
      readonly price: number;
    }
    const sink = toKafkaUpserts<Price>({ brokers, topic, key: ({ item }) => item, value: json<Price>() });
    const [old, renewed, other] = [
      { item: "a", price: 1 },
      { item: "a", price: 2 },
      { item: "b", price: 3 },
    ] as const;
    const changes = [inserted(old), updatedFrom(old), updatedTo(renewed), inserted(other), deleted(renewed)];
    const context = fakeContext();
    const writer = sink.writer(context);
    await writer.open?.();
    for (const change of changes) await writer.write(change, NO_TIMESTAMP);
    await writer.prepare?.(1);
    await writer.close?.();
    const records = (await readAll(topic, 2)).map(({ key, value }) => [textOf(key), textOf(value)]);
    expect(records.filter(([key]) => key === "a")).toEqual([
      ["a", '{"item":"a","price":1}'],
      ["a", '{"item":"a","price":2}'],
      ["a", null],
    ]);
    expect(records.filter(([key]) => key === "b")).toEqual([["b", '{"item":"b","price":3}']]);
    expect(context.reported.counters.get("recordsLeftOut")).toBe(1);
    expect(sink.upsertKey.select(inserted(other))).toBe("b");
  });

  test("names a transaction timeout that the brokers do not allow, when it starts", async () => {
    const topic = await newTopic("timeout");
    const options = { topic, guarantee: "exactly-once", transactionTimeout: "24h" } as const;
    const failure = await writeAll<string>(options, []).catch((error) => error);
    expect(failure.code).toBe("KAFKA_TRANSACTION_TIMEOUT");
    expect(failure.message).toContain("transaction.max.timeout.ms");
  });

  test.runIf(hasJudge)("writes what the Java client reads", { timeout: 120_000 }, async () => {
    const topic = await newTopic("java-reads", { partitions: 3 });
    const at = 1_700_000_000_000;
    const values = Array.from({ length: 200 }, (_, n) => ({ n, text: "wört ✓ 𝄞 ".repeat(n % 9) }));
    await writeAll(
      {
        topic,
        key: ({ n }) => (n % 3 === 0 ? new Uint8Array([n]) : `key-${n}`),
        value: (value) => (value.n % 5 === 0 ? null : JSON.stringify(value)),
        headers: ({ n }) =>
          n % 4 === 0
            ? [
                ["trace", `t${n}`],
                ["nothing", null],
              ]
            : [],
        timestamp: ({ n }) => at + n,
        compression: "lz4",
      },
      values,
    );
    const records = await javaConsumes(topic, "read_committed");
    expect(records.toSorted((a, b) => a.timestamp - b.timestamp)).toEqual(
      values.map((value) => {
        const { n } = value;
        const key = n % 3 === 0 ? Buffer.from([n]) : Buffer.from(`key-${n}`);
        return {
          partition: partitionOf(key, 3),
          offset: expect.any(Number),
          timestamp: at + n,
          key: key.toString("hex"),
          value: n % 5 === 0 ? null : Buffer.from(JSON.stringify(value)).toString("hex"),
          headers:
            n % 4 === 0
              ? [
                  ["trace", Buffer.from(`t${n}`).toString("hex")],
                  ["nothing", null],
                ]
              : [],
        };
      }),
    );
  });

  test("chooses topic and partition by record, and leaves out what has no value", async () => {
    const [even, odd] = [await newTopic("even", { partitions: 2 }), await newTopic("odd", { partitions: 3 })];
    const reported = await writeAll<number>(
      {
        topic: (n) => (n % 2 === 0 ? even : odd),
        partition: (n, partitions) => n % partitions,
        value: (n) => (n < 10 ? undefined : `${n}`),
      },
      Array.from({ length: 40 }, (_, n) => n),
    );
    const placed = (records: readonly JudgedRecord[]) =>
      records
        .map(({ partition, value }) => [partition, Number(textOf(value))])
        .sort((a, b) => (a[1] ?? 0) - (b[1] ?? 0));
    const expected = (from: number, partitions: number) =>
      Array.from({ length: 15 }, (_, at) => from + 2 * at).map((n) => [n % partitions, n]);
    expect(placed(await readAll(even, 2))).toEqual(expected(10, 2));
    expect(placed(await readAll(odd, 3))).toEqual(expected(11, 3));
    expect(reported.counters.get("recordsLeftOut")).toBe(10);
  });

  test("spreads records without a key over all partitions", async () => {
    const topic = await newTopic("no-key", { partitions: 3 });
    await writeAll<string>({ topic, value: (text) => text, batchBytes: 2000 }, Array(300).fill("x".repeat(100)));
    const records = await readAll(topic, 3);
    expect(records.length).toBe(300);
    const counts = [0, 1, 2].map((at) => records.filter(({ partition }) => partition === at).length);
    expect(Math.min(...counts)).toBeGreaterThan(80);
  });

  test.each<[string, Partial<KafkaSinkOptions<string>>, string, string]>([
    ["a topic that is not there", { topic: "not-there" }, "a", "KAFKA_TOPIC"],
    ["a record that is larger than the topic takes", {}, "x".repeat(2_000_000), "KAFKA_TOO_LARGE"],
    ["a partition that the topic does not have", { partition: () => 7 }, "a", "BAD_RECORD"],
    ["a tombstone without a key", { value: () => null }, "a", "BAD_RECORD"],
  ])("says of %s what is wrong", { timeout: 60_000 }, async (_what, options, value, code) => {
    const topic = await newTopic("refused");
    const failure = await writeAll<string>({ topic, value: (text) => text, ...options }, [value]).catch(
      (error) => error,
    );
    expect(failure).toBeInstanceOf(MillraceError);
    expect(failure.code).toBe(code);
  });
});
