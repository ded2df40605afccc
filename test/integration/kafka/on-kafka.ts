/** What tests on a real broker have in common: the broker's address, topics of their own, and being skipped together. */

import { randomUUID } from "node:crypto";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { describe, inject } from "vitest";
import { calmKafkajs } from "../../../connectors/kafka/client/kafkajs.ts";
import "../../kafka-broker/global-setup.ts";

calmKafkajs();

const { brokers: all, missing, noJars } = inject("kafka");

export const brokers: string[] = [...all];

/** `describe`, skipped where no broker can be had; the setup of the project has said so. */
export function describeOnKafka(name: string, tests: () => void): void {
  describe.skipIf(missing !== undefined)(name, tests);
}

/** `describe` of what starts brokers of its own, or the Java client, and is skipped where there are no jars for that. */
export function describeWithJars(name: string, tests: () => void): void {
  describe.skipIf(noJars !== undefined)(name, tests);
}

/** Whether the Java client can be started. */
export const hasJudge = noJars === undefined;

export interface NewTopic {
  readonly partitions?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Makes a topic with a name of its own, and waits until it has leaders. */
export async function newTopic(prefix: string, { partitions = 1, settings = {} }: NewTopic = {}): Promise<string> {
  const topic = `${prefix}-${randomUUID()}`;
  await withAdmin((admin) => {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    return admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions, configEntries }] });
  });
  return topic;
}

export async function withAdmin<T>(use: (admin: Admin) => Promise<T>, at: string[] = brokers): Promise<T> {
  const admin = new Kafka({ brokers: at, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
