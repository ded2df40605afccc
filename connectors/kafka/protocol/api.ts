/**
 * One kind of request: which number and version it has, how it is written, and how its answer is read. All are of the
 * lowest version that has the flexible form and what is needed here, so that brokers from Kafka 2.8 on understand them
 * (3.0 for the descriptions of transactions).
 */

import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export interface ApiHead {
  readonly name: string;
  readonly key: number;
  readonly version: number;
  readonly write: (to: Writer) => void;
}

export interface ApiRequest<Answer> extends ApiHead {
  readonly read: (from: Reader) => Answer;
  /** What the answer says of its success: as a whole, or of each partition. */
  readonly results: (answer: Answer) => readonly ApiResult[];
  /** How long the broker may take beyond the usual, e.g. because it waits for records. */
  readonly waitsMs?: number;
  /** False: the broker does not answer. */
  readonly answered?: boolean;
}

export interface ApiResult {
  /** 0: success. */
  readonly error: number;
  readonly message?: string | null;
  readonly topic?: string;
  readonly partition?: number;
}

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Items by their topic, in the order in which topics come first, as requests want them. */
export function byTopic<T extends TopicPartition>(items: readonly T[]): (readonly [string, readonly T[]])[] {
  return [...Map.groupBy(items, ({ topic }) => topic)];
}
