/** What a Kafka source makes of records: changes of a table, and letters for a topic of the dead. */

import { type Change, collectTo, defineJob, fromArray, materialise, outputTag } from "millrace";
import { expect, test } from "vitest";
import { json } from "../../../connectors/format/json/json.ts";
import { text } from "../../../connectors/format/plain.ts";
import { avro } from "../../../connectors/format/registry/avro.ts";
import { protobuf } from "../../../connectors/format/registry/protobuf.ts";
import { KafkaClient } from "../../../connectors/kafka/client/kafka-client.ts";
import { toDeadLetters } from "../../../connectors/kafka/sink/dead-letters.ts";
import { toKafka } from "../../../connectors/kafka/sink/kafka-sink.ts";
import type { BadRecord } from "../../../connectors/kafka/source/bad-records.ts";
import { kafka } from "../../../connectors/kafka/source/kafka-source.ts";
import { isTombstone, type Upsert, upserts } from "../../../connectors/kafka/source/upserts.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { readSource } from "../../conformance/source.ts";
import { startRegistry } from "../../connectors/format/registry-server.ts";
import { brokers, describeOnKafka, newTopic } from "./on-kafka.ts";
import { readPartition } from "./read-topic.ts";
import { writeRecords } from "./write-records.ts";

describeOnKafka("upserts of a compacted topic", () => {
  interface Price {
    readonly cents: number;
  }

  test.each([1, 2, 3])("are a changelog of the table, at parallelism %i", async (parallelism) => {
    const topic = await newTopic("prices", { partitions: 2, settings: { "cleanup.policy": "compact" } });
    const price = (key: string, cents: number | null) => ({ key, value: cents === null ? null : `{"cents":${cents}}` });
    await writeRecords(topic, 0, [price("a", 1), price("b", 2), price("a", 3), price("b", null), price("none", null)]);
    await writeRecords(topic, 1, [price("c", 4), price("c", null), price("c", 5), price("d", 6)]);
    const value = upserts({ key: text(), value: json<Price>() });
    const job = defineJob(import.meta, "prices", (env) =>
      env
        .from(kafka({ brokers, topics: topic, until: "latest", value }))
        .keyBy("key")
        .toChangelog("rows", { deleted: isTombstone })
        .to(collectTo("changes")),
    );
    const handle = await runInThread(job, { parallelism });
    await handle.result;
    const changes = handle.collect<Change<Upsert<string, Price>>>("changes");
    const table = materialise(changes, ({ key }) => key);
    expect(Object.fromEntries([...table].map(([key, { value: row }]) => [key, row?.cents]))).toEqual({
      a: 3,
      c: 5,
      d: 6,
    });
    const kinds = changes.filter(({ value: row }) => row.key === "a").map(({ kind }) => kind);
    expect(kinds).toEqual(["insert", "updateBefore", "updateAfter"]);
  });

  test("of which one has no key is a bad one", async () => {
    const topic = await newTopic("keyless");
    await writeRecords(topic, 0, [{ value: "1" }]);
    const source = kafka({ brokers, topics: topic, until: "latest", value: upserts({ key: text(), value: json() }) });
    await expect(readSource(source)).rejects.toThrow("it has no key");
  });
});

describeOnKafka("values with a schema registry", () => {
  const orders = Array.from({ length: 500 }, (_, id) => ({ id, item: `item-${id % 7}` }));
  const fields = [
    { name: "id", type: "long" },
    { name: "item", type: "string" },
  ];
  const proto = 'syntax = "proto3"; message Order { int64 id = 1; string item = 2; }';
  type Order = (typeof orders)[number];

  test.each(["avro", "protobuf"] as const)("are written and read (%s)", async (kind) => {
    await using schemas = await startRegistry();
    const options = { registry: { url: schemas.url }, subject: "orders-value" };
    const format =
      kind === "avro"
        ? avro<Order>({ ...options, schema: { type: "record", name: "Order", fields } })
        : protobuf<Order>({ ...options, schema: proto });
    const topic = await newTopic(kind, { partitions: 2 });
    const key = ({ id }: Order) => String(id);
    const write = defineJob(import.meta, "write", (env) =>
      env.from(fromArray(orders)).to(toKafka({ brokers, topic, key, value: format })),
    );
    await (await runInThread(write, { parallelism: 2 })).result;
    schemas.failures.push({ status: 500 }); // the reader waits
    const read = defineJob(import.meta, "read", (env) =>
      env.from(kafka({ brokers, topics: topic, until: "latest", value: format })).to(collectTo("out")),
    );
    const handle = await runInThread(read, { parallelism: 2 });
    await handle.result;
    expect(handle.collect<Order>("out").toSorted((a, b) => a.id - b.id)).toEqual(orders);
  });
});

describeOnKafka("a record that cannot be read", () => {
  test.each(["at-least-once", "exactly-once"] as const)(
    "goes to a topic with its origin and cause (%s)",
    async (guarantee) => {
      const topic = await newTopic("orders");
      const dead = await newTopic("dead");
      await writeRecords(topic, 0, [
        { value: '{"n":1}', at: 5 },
        {
          key: "k",
          value: '{"n":',
          at: 6,
          headers: [
            ["trace", "t"],
            ["none", null],
          ],
        },
        { value: '{"n":2}', at: 7 },
      ]);
      const bad = outputTag<BadRecord>("bad");
      const source = kafka({
        brokers,
        topics: topic,
        until: "latest",
        value: json<{ n: number }>(),
        onBadRecord: "skip",
        badRecords: bad,
      });
      const job = defineJob(import.meta, "orders", (env) => {
        const orders = env.from(source);
        orders.to(collectTo("out"));
        orders.sideOutput(bad).to(toDeadLetters({ brokers, topic: dead, guarantee, name: "dead letters" }));
      });
      const handle = await runInThread(job, { checkpoints: { everySteps: 30 } });
      await handle.result;
      expect(handle.collect("out")).toEqual([{ n: 1 }, { n: 2 }]);
      await using client = new KafkaClient({ brokers });
      // The marker of a transaction is written a moment after its end.
      await expect.poll(async () => (await readPartition(client, dead)).length, { timeout: 20_000 }).toBe(1);
      const [letter] = await readPartition(client, dead);
      expect(letter).toMatchObject({ timestamp: 6, key: hex("k"), value: hex('{"n":') });
      const headers = Object.fromEntries(
        (letter?.headers ?? []).map(([name, value]) => [name, value === null ? null : unhex(value)]),
      );
      expect(headers).toEqual({
        trace: "t",
        none: null,
        "millrace.topic": topic,
        "millrace.partition": "0",
        "millrace.offset": "1",
        "millrace.timestamp": "6",
        "millrace.error": expect.stringContaining("JSON"),
      });
    },
  );
});

function hex(content: string): string {
  return Buffer.from(content).toString("hex");
}

function unhex(digits: string): string {
  return Buffer.from(digits, "hex").toString();
}
