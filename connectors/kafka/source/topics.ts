/** Which partitions a source reads: those of topics that are named, or whose names match. */

import type { KafkaClient } from "../client/kafka-client.ts";
import type { TopicPartition } from "../protocol/api.ts";

/** A name, several, or an expression that names match. Topics that are Kafka's own never match. */
export type KafkaTopics = string | readonly string[] | RegExp;

/** @throws KafkaFailure KAFKA_TOPIC when a topic that is named is not there, KAFKA_DENIED, KAFKA_UNREACHABLE */
export async function partitionsOf(
  client: KafkaClient,
  topics: KafkaTopics,
  patience: { readonly withinMs: number; readonly signal?: AbortSignal },
): Promise<TopicPartition[]> {
  const names = topics instanceof RegExp ? await matching(client, topics, patience) : [topics].flat();
  const counts = await Promise.all(names.map((topic) => client.partitionsOf(topic, patience)));
  return names.flatMap((topic, index) => {
    return Array.from({ length: counts[index] as number }, (_, partition) => ({ topic, partition }));
  });
}

async function matching(
  client: KafkaClient,
  expression: RegExp,
  patience: { readonly withinMs: number; readonly signal?: AbortSignal },
): Promise<string[]> {
  const { topics } = await client.metadata(undefined, patience);
  const found = topics.filter(
    ({ error, internal, topic }) => error === 0 && !internal && topic.search(expression) !== -1,
  );
  return found.map(({ topic }) => topic).sort();
}
