/** Makes topics: for programs that set up what their jobs need. Jobs themselves make none. */

import { wholeNumber } from "../../options.ts";
import { CREATE_TOPICS_MS } from "../limits.ts";
import { createTopics } from "../protocol/create-topics.ts";
import { listOffsets } from "../protocol/list-offsets.ts";
import type { KafkaOptions } from "./connection-options.ts";
import { KafkaClient } from "./kafka-client.ts";
import { refusal } from "./kafka-failure.ts";

export interface NewTopic {
  readonly topic: string;
  /** Default 1. */
  readonly partitions?: number;
  /** Default: as the cluster says. */
  readonly replicas?: number;
  /** As in Kafka's topic configuration, e.g. { "cleanup.policy": "compact" }. */
  readonly settings?: Readonly<Record<string, string>>;
}

const TOPIC_ALREADY_EXISTS = 36;
const NOT_CONTROLLER = 41;

/**
 * Makes those of the topics that are not there, waits until each has leaders, and returns the names of those it made. One that
 * is there stays as it is, also when it has other partitions or settings.
 *
 * @throws MillraceError BAD_OPTION; KAFKA_TOPIC for a name that is not allowed, KAFKA_DENIED, KAFKA_REFUSED for settings that
 *   the cluster does not take, KAFKA_UNREACHABLE
 */
export async function makeTopics(options: KafkaOptions, topics: readonly NewTopic[]): Promise<string[]> {
  const wanted = topics.map(({ topic, partitions = 1, replicas, settings = {} }) => ({
    topic,
    settings,
    partitions: wholeNumber(partitions, 1, `partitions of topic "${topic}"`),
    replicas: replicas === undefined ? -1 : wholeNumber(replicas, 1, `replicas of topic "${topic}"`),
  }));
  await using client = new KafkaClient(options);
  const answers = await client.toAny({
    ...createTopics(wanted, CREATE_TOPICS_MS),
    results: (created) => created.filter(({ error }) => error === NOT_CONTROLLER), // another broker is asked then
  });
  for (const { topic, error, message } of answers) {
    if (error !== 0 && error !== TOPIC_ALREADY_EXISTS) throw refusal(error, `to make topic "${topic}"`, message);
  }
  for (const { topic } of wanted) await ledPartitions(client, topic);
  return answers.filter(({ error }) => error === 0).map(({ topic }) => topic);
}

/** Waits until each partition has a leader that answers. */
async function ledPartitions(client: KafkaClient, topic: string): Promise<void> {
  const count = await client.partitionsOf(topic);
  for (let partition = 0; partition < count; partition++) {
    const where = { topic, partition };
    await client.toLeader(where, ({ epoch }) => listOffsets([{ ...where, at: "latest", leaderEpoch: epoch }], false));
  }
}
