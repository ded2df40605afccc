/**
 * The requests of a transactional producer, to the coordinator of its transactional id (TxnOffsetCommit: to that of the
 * group). Each names the producer by id and epoch, so any process that knows them can go on with what another one began.
 *
 *   InitProducerId ─► AddPartitionsToTxn ─► Produce … ─► AddOffsetsToTxn ─► TxnOffsetCommit ─► EndTxn
 */

import { type ApiRequest, type ApiResult, byTopic, type TopicPartition } from "./api.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Who writes: brokers refuse older epochs of a producer. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface TransactionalProducer extends ProducerIdentity {
  readonly transactionalId: string;
}

/** Gives a producer id, and a higher epoch where the transactional id has one: what it has open is aborted. */
export function initProducerId(
  transactionalId: string | null,
  timeoutMs: number,
): ApiRequest<ProducerIdentity & { readonly error: number }> {
  return {
    name: "InitProducerId",
    key: 22,
    version: 4,
    results: (answer) => [answer],
    write: (to) => to.text(transactionalId).int32(timeoutMs).int64(-1).int16(-1).end(),
    read: (from) => {
      from.int32(); // throttle time
      return { error: from.int16(), producerId: from.int64(), producerEpoch: from.int16() };
    },
  };
}

export interface PartitionResult extends TopicPartition {
  readonly error: number;
}

export function addPartitionsToTransaction(
  producer: TransactionalProducer,
  partitions: readonly TopicPartition[],
): ApiRequest<readonly PartitionResult[]> {
  return {
    name: "AddPartitionsToTxn",
    key: 24,
    version: 3,
    results: (answer) => answer,
    write: (to) => {
      to.text(producer.transactionalId).int64(producer.producerId).int16(producer.producerEpoch);
      to.array(byTopic(partitions), ([topic, items]) => {
        to.text(topic)
          .array(items, ({ partition }) => to.int32(partition))
          .end();
      });
      to.end();
    },
    read: readPartitionResults,
  };
}

export function addOffsetsToTransaction(producer: TransactionalProducer, group: string): ApiRequest<ApiResult> {
  return {
    name: "AddOffsetsToTxn",
    key: 25,
    version: 3,
    results: (answer) => [answer],
    write: (to) => {
      to.text(producer.transactionalId).int64(producer.producerId).int16(producer.producerEpoch).text(group).end();
    },
    read: readError,
  };
}

export interface GroupOffset extends TopicPartition {
  readonly offset: number;
  readonly metadata: string | null;
}

export function commitOffsetsInTransaction(
  producer: TransactionalProducer,
  group: string,
  offsets: readonly GroupOffset[],
): ApiRequest<readonly PartitionResult[]> {
  return {
    name: "TxnOffsetCommit",
    key: 28,
    version: 3,
    results: (answer) => answer,
    write: (to) => {
      to.text(producer.transactionalId).text(group).int64(producer.producerId).int16(producer.producerEpoch);
      writeOffsets(to, offsets);
    },
    read: readPartitionResults,
  };
}

/** The end of a commit: as no member of the group, with no epochs of leaders. */
export function writeOffsets(to: Writer, offsets: readonly GroupOffset[]): void {
  to.int32(-1).text("").text(null);
  to.array(byTopic(offsets), ([topic, items]) => {
    to.text(topic).array(items, ({ partition, offset, metadata }) => {
      to.int32(partition).int64(offset).int32(-1).text(metadata).end();
    });
    to.end();
  });
  to.end();
}

export function endTransaction(producer: TransactionalProducer, commit: boolean): ApiRequest<ApiResult> {
  return {
    name: "EndTxn",
    key: 26,
    version: 3,
    results: (answer) => [answer],
    write: (to) => {
      to.text(producer.transactionalId).int64(producer.producerId).int16(producer.producerEpoch).bool(commit).end();
    },
    read: readError,
  };
}

function readError(from: Reader): ApiResult {
  from.int32(); // throttle time
  return { error: from.int16() };
}

export function readPartitionResults(from: Reader): readonly PartitionResult[] {
  from.int32(); // throttle time
  const topics = from.array(() => {
    const topic = from.text();
    const results = from.array(() => {
      const result = { topic, partition: from.int32(), error: from.int16() };
      from.end();
      return result;
    });
    from.end();
    return results;
  });
  return topics.flat();
}
