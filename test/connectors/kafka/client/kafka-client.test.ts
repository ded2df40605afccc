import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { BatchProducer } from "../../../../connectors/kafka/client/batch-producer.ts";
import { connectionOptions } from "../../../../connectors/kafka/client/connection-options.ts";
import { KafkaClient } from "../../../../connectors/kafka/client/kafka-client.ts";
import { KafkaFailure } from "../../../../connectors/kafka/client/kafka-failure.ts";
import { RecordBatchBuilder } from "../../../../connectors/kafka/codec/record-batch-builder.ts";
import { fetchRecords } from "../../../../connectors/kafka/protocol/fetch.ts";
import { endTransaction, initProducerId } from "../../../../connectors/kafka/protocol/transactions.ts";
import { FakeBroker, produced, type Reaction } from "./fake-broker.ts";

const NOT_LEADER = 6;
const TOO_LARGE = 10;
const DUPLICATE = 46;
const PRODUCE = 0;
const FIND_COORDINATOR = 10;
const END = 26;
const INIT = 22;

function batch(): Buffer {
  const builder = new RecordBatchBuilder();
  builder.append(null, "v", 0);
  return builder.finish();
}

const both = [0, 1].map((partition) => ({ topic: "t", partition, batch: batch() }));

/** A broker with these reactions, one after the other. */
function inTurn(...reactions: readonly Reaction[]): FakeBroker {
  let turn = 0;
  return new FakeBroker(() => reactions[turn++] ?? "close");
}

async function failureOf(promise: Promise<unknown>): Promise<KafkaFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KafkaFailure)) throw new Error(`expected a failure, got ${error}`);
  return error;
}

describe("a producer", () => {
  test("sends to a leader in one request, and again only what was not written", async () => {
    await using broker = await inTurn(produced([0, 0], [1, NOT_LEADER]), produced([1, 0])).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const producer = new BatchProducer(client);
    await producer.send(both);
    expect([broker.received.length, producer.retries]).toEqual([2, 1]);
  });

  test("sends all again when no answer came", async () => {
    await using broker = await inTurn("close", produced([0, 0], [1, 0])).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const producer = new BatchProducer(client);
    await producer.send(both);
    expect([broker.received.length, producer.retries]).toEqual([2, 2]);
  });

  test("takes a batch that the broker has already for written", async () => {
    await using broker = await inTurn(produced([0, DUPLICATE], [1, 0])).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    await new BatchProducer(client).send(both);
    expect(broker.received).toHaveLength(1);
  });

  test("sends a batch again that the answer does not name", async () => {
    await using broker = await inTurn(produced([0, 0]), produced([1, 0])).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    await new BatchProducer(client).send(both);
    expect(broker.received).toHaveLength(2);
  });

  test("fails at once with what would be refused again, whatever else could be tried", async () => {
    await using broker = await inTurn(produced([0, NOT_LEADER], [1, TOO_LARGE])).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const failure = await failureOf(new BatchProducer(client).send(both));
    expect(failure).toMatchObject({ code: "KAFKA_TOO_LARGE", reason: "MESSAGE_TOO_LARGE" });
    expect(failure.message).toContain('partition 1 of "t"');
    expect(failure.message).toContain("as the test says");
  });

  test("gives up when its time is over, with the last reason", async () => {
    await using broker = await new FakeBroker(() => produced([0, NOT_LEADER], [1, NOT_LEADER])).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const failure = await failureOf(new BatchProducer(client, { withinMs: 100 }).send(both));
    expect(failure).toMatchObject({ code: "KAFKA_UNREACHABLE", reason: "NOT_LEADER_OR_FOLLOWER" });
  });

  test("does not wait for an answer that it did not ask for", async () => {
    await using broker = await new FakeBroker(() => "silence").listen();
    await using client = new KafkaClient({ brokers: broker.address });
    await new BatchProducer(client, { acknowledgement: "none" }).send(both);
    await expect.poll(() => broker.received).toMatchObject([{ key: PRODUCE, version: 9 }]);
  });
});

describe("a client", () => {
  const producer = { transactionalId: "id", producerId: 1, producerEpoch: 0 };

  function coordinatorAt(port: number): Reaction {
    return (to) => {
      to.int32(0).int16(0).text(null).int32(1).text("127.0.0.1").int32(port).end();
    };
  }

  // Two requests that belong together, and a broker that grants both.
  const [first, second] = [endTransaction(producer, true), initProducerId("id", 1)];

  function granted(key: number, port: number): Reaction {
    if (key === FIND_COORDINATOR) return coordinatorAt(port);
    if (key === END) return (to) => to.int32(0).int16(0).end();
    return (to) => to.int32(0).int16(0).int64(7).int16(0).end();
  }

  test("asks for the coordinator again when it is another one by now", async () => {
    let ends = 0;
    await using broker = await new FakeBroker(({ key }, port) => {
      if (key === FIND_COORDINATOR) return coordinatorAt(port);
      return (to) =>
        to
          .int32(0)
          .int16(ends++ === 0 ? 16 : 0)
          .end();
    }).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    await client.toCoordinator("transaction", "id", endTransaction(producer, true));
    expect(broker.received.map(({ key }) => key)).toEqual([FIND_COORDINATOR, END, FIND_COORDINATOR, END]);
  });

  test("asks a coordinator that was right once only for what it is to do", async () => {
    await using broker = await new FakeBroker(({ key }, port) =>
      key === FIND_COORDINATOR ? coordinatorAt(port) : (to) => to.int32(0).int16(0).end(),
    ).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    for (let times = 0; times < 2; times++) {
      await client.toCoordinator("transaction", "id", endTransaction(producer, true));
    }
    expect(broker.received.map(({ key }) => key)).toEqual([FIND_COORDINATOR, END, END]);
  });

  test("sends both of two requests again whose second one met another process", async () => {
    const cut = new Set([3]);
    let turn = 0;
    await using broker = await new FakeBroker(({ key }, port) => {
      if (cut.has(++turn)) return "close";
      return granted(key, port);
    }).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    await client.toOneCoordinator("transaction", "id", first, second);
    const asked = [FIND_COORDINATOR, END, INIT];
    expect(broker.received.map(({ key }) => key)).toEqual([...asked, ...asked]);
  });

  test("takes no answer by another connection than the one by which the first of two requests was granted", async () => {
    await using broker = await new FakeBroker(({ key }, port) => granted(key, port)).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const send: KafkaClient["toNode"] = client.toNode.bind(client);
    let lost = false;
    client.toNode = async (node, request) => {
      if (Object.is(request, second) && !lost) {
        lost = true;
        broker.disconnect();
        await send(node, request).catch(() => {});
      }
      return await send(node, request);
    };
    await client.toOneCoordinator("transaction", "id", first, second);
    expect(broker.received.filter(({ key }) => key === END).length).toBe(2);
  });

  test("does not take a refusal for an answer, whichever broker it asks", async () => {
    let turn = 0;
    await using broker = await new FakeBroker(() => (to) => {
      const loading = turn++ === 0;
      to.int32(0)
        .int16(loading ? 14 : 0)
        .int64(loading ? -1 : 7)
        .int16(loading ? -1 : 0)
        .end();
    }).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    expect(await client.toAny(initProducerId(null, 0))).toMatchObject({ producerId: 7, producerEpoch: 0 });
    expect(turn).toBe(2);
  });

  test("goes to the next address when nobody listens at the first", async () => {
    await using broker = await new FakeBroker(() => "close").listen();
    await using client = new KafkaClient({ brokers: ["127.0.0.1:1", broker.address] });
    expect(await client.partitionsOf("t")).toBe(2);
  });

  test("names a partition that its topic does not have", async () => {
    await using broker = await new FakeBroker(() => "close").listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const failure = await failureOf(client.leader({ topic: "t", partition: 9 }));
    expect(failure).toMatchObject({ code: "KAFKA_TOPIC", remedy: "leader" });
  });

  test("refuses a broker that is too old, by the request that it does not know", async () => {
    await using broker = await new FakeBroker(() => "close", 8).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    const failure = await failureOf(client.partitionsOf("t"));
    expect(failure.code).toBe("KAFKA_VERSION");
    expect(failure.message).toContain("Metadata is sent in version 9");
  });

  test("closes while an answer is awaited, which then fails", async () => {
    await using broker = await new FakeBroker(() => "silence").listen();
    const client = new KafkaClient({ brokers: broker.address });
    await client.partitionsOf("t");
    const failing = failureOf(client.toNode(1, endTransaction(producer, true)));
    await expect.poll(() => broker.received.length).toBe(1);
    await client.close();
    expect((await failing).code).toBe("KAFKA_UNREACHABLE");
  });

  test("connects anew after its broker was away", async () => {
    const answer: Reaction = (to) => to.int32(0).int16(0).end();
    const client = new KafkaClient({ brokers: ["127.0.0.1:1"] });
    await client.close();
    const first = await new FakeBroker(() => answer).listen();
    await using again = new KafkaClient({ brokers: first.address });
    await again.partitionsOf("t");
    await again.toNode(1, endTransaction(producer, true));
    await first[Symbol.asyncDispose]();
    expect((await failureOf(again.toNode(1, endTransaction(producer, true)))).code).toBe("KAFKA_UNREACHABLE");
    const second = new FakeBroker(() => answer);
    second.port = first.port;
    await using _second = await second.listen();
    await sleep(10);
    expect(await again.toNode(1, endTransaction(producer, true))).toEqual({ error: 0 });
  });

  test("fails when what answers is no Kafka, without believing its lengths", async () => {
    const web = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", () => resolve()));
    const { port } = web.address() as { port: number }; // a TCP server's address
    await using client = new KafkaClient({ brokers: `127.0.0.1:${port}` });
    const failure = await failureOf(client.partitionsOf("t", { withinMs: 0 }));
    expect(failure.code).toBe("KAFKA_UNREACHABLE");
    expect(failure.message).toContain("an answer of 1213486160 bytes");
    web.close();
  });

  test("uses one connection for requests that come at the same time before it stands", async () => {
    await using broker = await new FakeBroker(() => (to) => {
      to.int32(0)
        .int16(0)
        .int32(0)
        .array([], () => {})
        .end();
    }).listen();
    await using client = new KafkaClient({ brokers: broker.address });
    await client.partitionsOf("t");
    const options = { committedOnly: true, waitMs: 1, bytesMin: 1, bytesMax: 1, partitionBytesMax: 1 };
    const request = fetchRecords([{ topic: "t", partition: 0, offset: 0, leaderEpoch: -1 }], options);
    await Promise.all(Array.from({ length: 20 }, () => client.toNode(1, request)));
    expect(broker.received).toHaveLength(20);
    expect(broker.connections).toBe(2); // fetches have one of their own
  });
});

describe("connection options", () => {
  test.each([
    ["a:9092", [{ host: "a", port: 9092 }]],
    [
      "a:1, b.example:65535",
      [
        { host: "a", port: 1 },
        { host: "b.example", port: 65_535 },
      ],
    ],
    [["[::1]:9092"], [{ host: "::1", port: 9092 }]],
  ])("brokers %j", (brokers, expected) => {
    expect(connectionOptions({ brokers }).brokers).toEqual(expected);
  });

  test.each(["", "a", "a:0", "a:70000", ":9092", "a:b", "http://a:9092", "::1:9092"])("%j is no broker", (brokers) => {
    expect(() => connectionOptions({ brokers })).toThrow("host:port");
  });

  test("there must be one", () => {
    expect(() => connectionOptions({ brokers: [] })).toThrow("at least one");
  });
});
