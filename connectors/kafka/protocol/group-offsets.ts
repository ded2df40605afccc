/** What a consumer group has committed: where a source may start, and what monitoring looks at. To the group's coordinator. */

import { type ApiRequest, byTopic, type TopicPartition } from "./api.ts";
import { type GroupOffset, type PartitionResult, readPartitionResults, writeOffsets } from "./transactions.ts";

/** Commits as nobody's member: the group must have no running consumers. */
export function commitOffsets(group: string, offsets: readonly GroupOffset[]): ApiRequest<readonly PartitionResult[]> {
  return {
    name: "OffsetCommit",
    key: 8,
    version: 8,
    results: (answer) => answer,
    write: (to) => {
      to.text(group);
      writeOffsets(to, offsets);
    },
    read: readPartitionResults,
  };
}

export interface CommittedOffset extends GroupOffset {
  readonly error: number;
}

export interface CommittedOffsets {
  readonly error: number;
  /** An offset of -1: none was committed. */
  readonly offsets: readonly CommittedOffset[];
}

/**
 * @param partitions undefined: all that it has committed
 * @param settled refused as unstable while a transaction is open that commits some of them; else as if there was none
 */
export function fetchOffsets(
  group: string,
  partitions: readonly TopicPartition[] | undefined,
  settled = true,
): ApiRequest<CommittedOffsets> {
  return {
    name: "OffsetFetch",
    key: 9,
    version: 7,
    results: ({ error, offsets }) => [{ error }, ...offsets],
    write: (to) => {
      to.text(group).array(partitions === undefined ? null : byTopic(partitions), ([topic, items]) => {
        to.text(topic)
          .array(items, ({ partition }) => to.int32(partition))
          .end();
      });
      to.bool(settled).end();
    },
    read: (from) => {
      from.int32(); // throttle time
      const topics = from.array(() => {
        const topic = from.text();
        const offsets = from.array(() => {
          const [partition, offset] = [from.int32(), from.int64()];
          from.int32(); // leader epoch
          const [metadata, error] = [from.nullableText(), from.int16()];
          from.end();
          return { topic, partition, offset, metadata, error };
        });
        from.end();
        return offsets;
      });
      return { error: from.int16(), offsets: topics.flat() };
    },
  };
}
