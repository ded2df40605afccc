/** Produce: a record batch for each of several partitions that one broker leads. */

import { type ApiRequest, byTopic, type TopicPartition } from "./api.ts";
import type { Reader } from "./reader.ts";

/** Who has to have a batch before it is acknowledged: all replicas in sync, the leader, or nobody. */
export type Acknowledgement = "all" | "leader" | "none";

export interface ProducedBatch extends TopicPartition {
  /** One finished batch. */
  readonly batch: Buffer;
}

export interface ProduceOptions {
  readonly transactionalId: string | null;
  readonly acknowledgement: Acknowledgement;
  /** How long the broker waits for its replicas. */
  readonly waitMs: number;
}

export interface Appended extends TopicPartition {
  readonly error: number;
  readonly message: string | null;
  /** Of the batch's first record; -1 when the broker does not know it. */
  readonly baseOffset: number;
}

const ACKNOWLEDGEMENT = { all: -1, leader: 1, none: 0 } as const;

export function produce(batches: readonly ProducedBatch[], options: ProduceOptions): ApiRequest<readonly Appended[]> {
  return {
    name: "Produce",
    key: 0,
    version: 9,
    results: (answer) => answer,
    waitsMs: options.waitMs,
    answered: options.acknowledgement !== "none",
    write: (to) => {
      to.text(options.transactionalId).int16(ACKNOWLEDGEMENT[options.acknowledgement]).int32(options.waitMs);
      to.array(byTopic(batches), ([topic, partitions]) => {
        to.text(topic).array(partitions, ({ partition, batch }) => to.int32(partition).bytes(batch).end());
        to.end();
      });
      to.end();
    },
    read: (from) => {
      const topics = from.array(() => {
        const topic = from.text();
        const partitions = from.array(() => readPartition(from, topic));
        from.end();
        return partitions;
      });
      return topics.flat();
    },
  };
}

function readPartition(from: Reader, topic: string): Appended {
  const [partition, error, baseOffset] = [from.int32(), from.int16(), from.int64()];
  from.int64(); // append time
  from.int64(); // where the log starts
  const refused = from.array(() => {
    from.int32(); // index in the batch
    const reason = from.nullableText();
    from.end();
    return reason;
  });
  const message = from.nullableText() ?? refused.find((reason) => reason !== null) ?? null;
  from.end();
  return { topic, partition, error, message, baseOffset };
}
