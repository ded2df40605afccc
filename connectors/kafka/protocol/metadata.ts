/** Metadata: which brokers there are, and who leads which partition. */

import type { ApiRequest } from "./api.ts";
import type { Reader } from "./reader.ts";

export interface ClusterMetadata {
  readonly brokers: readonly BrokerAddress[];
  readonly topics: readonly TopicMetadata[];
}

export interface BrokerAddress {
  readonly node: number;
  readonly host: string;
  readonly port: number;
}

export interface TopicMetadata {
  readonly error: number;
  readonly topic: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionMetadata[];
}

export interface PartitionMetadata {
  readonly error: number;
  readonly partition: number;
  /** -1: none at the moment. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

/** @param topics undefined: all of them */
export function metadata(topics: readonly string[] | undefined): ApiRequest<ClusterMetadata> {
  return {
    name: "Metadata",
    key: 3,
    version: 9,
    results: () => [], // each topic and partition has its own, which callers look at
    write: (to) => {
      to.array(topics ?? null, (topic) => to.text(topic).end());
      to.bool(false).bool(false).bool(false).end(); // neither create topics nor list permissions
    },
    read: (from) => {
      from.int32(); // throttle time
      const brokers = from.array(() => readBroker(from));
      from.nullableText(); // cluster id
      from.int32(); // controller
      return { brokers, topics: from.array(() => readTopic(from)) };
    },
  };
}

function readBroker(from: Reader): BrokerAddress {
  const broker = { node: from.int32(), host: from.text(), port: from.int32() };
  from.nullableText(); // rack
  from.end();
  return broker;
}

function readTopic(from: Reader): TopicMetadata {
  const [error, topic, internal] = [from.int16(), from.text(), from.bool()];
  const partitions = from.array(() => readPartition(from));
  from.int32(); // permissions
  from.end();
  return { error, topic, internal, partitions };
}

function readPartition(from: Reader): PartitionMetadata {
  const [error, partition, leader, leaderEpoch] = [from.int16(), from.int32(), from.int32(), from.int32()];
  for (let list = 0; list < 3; list++) from.array(() => from.int32()); // replicas: all, in sync, offline
  from.end();
  return { error, partition, leader, leaderEpoch };
}
