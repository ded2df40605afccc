/** ListOffsets: the first offset of a partition, the one behind its last, or the first one not before a time. */

import { type ApiRequest, byTopic, type TopicPartition } from "./api.ts";

/** Of records that have this or a later time; or one of the two ends. */
export type OffsetAt = number | "earliest" | "latest";

export interface OffsetQuery extends TopicPartition {
  readonly at: OffsetAt;
  readonly leaderEpoch: number;
}

export interface ListedOffset extends TopicPartition {
  readonly error: number;
  /** -1: no record is that late. */
  readonly offset: number;
  readonly timestamp: number;
}

/** @param committedOnly the latest is the last stable offset then: what a reader of committed records can read to */
export function listOffsets(
  queries: readonly OffsetQuery[],
  committedOnly: boolean,
): ApiRequest<readonly ListedOffset[]> {
  return {
    name: "ListOffsets",
    key: 2,
    version: 6,
    results: (answer) => answer,
    write: (to) => {
      to.int32(-1).int8(committedOnly ? 1 : 0);
      to.array(byTopic(queries), ([topic, partitions]) => {
        to.text(topic).array(partitions, ({ partition, leaderEpoch, at }) => {
          to.int32(partition)
            .int32(leaderEpoch)
            .int64(at === "latest" ? -1 : at === "earliest" ? -2 : at)
            .end();
        });
        to.end();
      });
      to.end();
    },
    read: (from) => {
      from.int32(); // throttle time
      const topics = from.array(() => {
        const topic = from.text();
        const partitions = from.array(() => {
          const [partition, error, timestamp, offset] = [from.int32(), from.int16(), from.int64(), from.int64()];
          from.int32(); // leader epoch
          from.end();
          return { topic, partition, error, timestamp, offset };
        });
        from.end();
        return partitions;
      });
      return topics.flat();
    },
  };
}
