/**
 * The broker of the Kafka benchmarks: that of KAFKA_BROKERS, or one that is started here, with the virtual machine that
 * Kafka's own scripts give it. And its topics.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Kafka, logLevel } from "kafkajs";
import { makeTopics } from "millrace/kafka";
import type { KafkaClient } from "../../connectors/kafka/client/kafka-client.ts";
import { listOffsets } from "../../connectors/kafka/protocol/list-offsets.ts";

export const PARTITIONS = 4;

export interface BenchBroker extends AsyncDisposable {
  readonly brokers: string;
}

export async function startBroker(): Promise<BenchBroker> {
  const given = process.env["KAFKA_BROKERS"];
  if (given) return { brokers: given, [Symbol.asyncDispose]: async () => {} };
  const program = fileURLToPath(new URL("../../test/kafka-broker/main.ts", import.meta.url));
  const child = spawn(process.execPath, [program, "0", "1", "served"], { stdio: ["ignore", "pipe", "inherit"] });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return {
    brokers: String(value),
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * Brokers make their own topics, those of groups and of transactions, when somebody needs them first, which takes seconds. So
 * that not the peer that comes first pays for it, a transaction with a group's offset is committed before anybody is measured.
 */
export async function madeReady(brokers: string): Promise<void> {
  const topic = await newTopic(brokers, "ready");
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: "ready" }] });
  const offsets = { consumerGroupId: topic, topics: [{ topic, partitions: [{ partition: 0, offset: "1" }] }] };
  await transaction.sendOffsets(offsets);
  await transaction.commit();
  await producer.disconnect();
}

let topics = 0;

/** Bids carry event times of 2023, by which brokers would delete them. */
export async function newTopic(brokers: string, name: string): Promise<string> {
  const topic = `bench-${name}-${process.pid}-${topics++}`;
  await makeTopics({ brokers }, [{ topic, partitions: PARTITIONS, settings: { "retention.ms": "-1" } }]);
  return topic;
}

/** Behind the last record of each partition that readers of committed records get. */
export async function committedEnds(client: KafkaClient, topic: string): Promise<number[]> {
  const ends = Array.from({ length: PARTITIONS }, async (_, partition) => {
    const where = { topic, partition };
    const [end] = await client.toLeader(where, ({ epoch }) =>
      listOffsets([{ ...where, at: "latest", leaderEpoch: epoch }], true),
    );
    return end?.offset ?? 0;
  });
  return Promise.all(ends);
}
