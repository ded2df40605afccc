/** Fetch: record batches of several partitions that one broker leads. They are left where they came in. */

import type { AbortedTransaction } from "../codec/aborted-transactions.ts";
import { type ApiRequest, byTopic, type TopicPartition } from "./api.ts";
import type { Range, Reader } from "./reader.ts";

export interface FetchOptions {
  /** Leave out transactions that are open or aborted. */
  readonly committedOnly: boolean;
  /** How long the broker waits for `bytesMin`. */
  readonly waitMs: number;
  readonly bytesMin: number;
  /** Of the answer; one batch comes in any case, however large. */
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
}

export interface FetchPosition extends TopicPartition {
  readonly offset: number;
  /** As the asker knows it; the broker refuses when it knows another one. -1: whichever. */
  readonly leaderEpoch: number;
}

export interface FetchedPartition extends TopicPartition {
  readonly error: number;
  /** The offset behind the last record that all replicas have. */
  readonly highWatermark: number;
  /** The offset of the first record of an open transaction, or the high watermark. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** The answer, and where in it the batches lie. */
  readonly buffer: Buffer;
  readonly records: Range;
}

export interface Fetched {
  readonly error: number;
  readonly partitions: readonly FetchedPartition[];
}

export function fetchRecords(positions: readonly FetchPosition[], options: FetchOptions): ApiRequest<Fetched> {
  return {
    name: "Fetch",
    key: 1,
    version: 12,
    results: (answer) => [answer],
    waitsMs: options.waitMs,
    write: (to) => {
      to.int32(-1).int32(options.waitMs).int32(options.bytesMin).int32(options.bytesMax);
      to.int8(options.committedOnly ? 1 : 0)
        .int32(0)
        .int32(-1); // no session
      to.array(byTopic(positions), ([topic, partitions]) => {
        to.text(topic).array(partitions, ({ partition, offset, leaderEpoch }) => {
          to.int32(partition)
            .int32(leaderEpoch)
            .int64(offset)
            .int32(-1)
            .int64(-1)
            .int32(options.partitionBytesMax)
            .end();
        });
        to.end();
      });
      to.array([], () => {})
        .text("")
        .end(); // nothing to forget, no rack
    },
    read: (from) => {
      from.int32(); // throttle time
      const error = from.int16();
      from.int32(); // session
      const partitions = from.array(() => {
        const topic = from.text();
        const fetched = from.array(() => readPartition(from, topic));
        from.end();
        return fetched;
      });
      return { error, partitions: partitions.flat() };
    },
  };
}

function readPartition(from: Reader, topic: string): FetchedPartition {
  const [partition, error] = [from.int32(), from.int16()];
  const [highWatermark, lastStableOffset, logStartOffset] = [from.int64(), from.int64(), from.int64()];
  const aborted = from.array(() => {
    const transaction = { producerId: from.int64(), firstOffset: from.int64() };
    from.end();
    return transaction;
  });
  from.int32(); // a replica to read from instead: only for readers that name their rack
  const records = from.bytes();
  from.end();
  const { buffer } = from;
  return { topic, partition, error, highWatermark, lastStableOffset, logStartOffset, aborted, buffer, records };
}
