/** Transactions as Kafka's brokers do them: which request goes where, and what is tried again. */

import { MillraceError } from "../../../core/errors.ts";
import { BatchProducer } from "../client/batch-producer.ts";
import type { KafkaClient, Patience } from "../client/kafka-client.ts";
import { accept, accepted, KafkaFailure } from "../client/kafka-failure.ts";
import { retrying } from "../client/retrying.ts";
import { isWhole, readBatchHeader } from "../codec/batch-header.ts";
import { FETCH_BYTES, FETCH_PARTITION_BYTES, FETCH_WAIT_MS, RETRY_WITHIN_MS } from "../limits.ts";
import type { ApiRequest, TopicPartition } from "../protocol/api.ts";
import { listTransactions } from "../protocol/describe.ts";
import { type FetchedPartition, fetchRecords } from "../protocol/fetch.ts";
import { type CommittedOffset, type CommittedOffsets, fetchOffsets } from "../protocol/group-offsets.ts";
import { listOffsets } from "../protocol/list-offsets.ts";
import type { Appended, ProducedBatch } from "../protocol/produce.ts";
import {
  addOffsetsToTransaction,
  addPartitionsToTransaction,
  commitOffsetsInTransaction,
  endTransaction,
  initProducerId,
  type PartitionResult,
  type ProducerIdentity,
  type TransactionalProducer,
} from "../protocol/transactions.ts";
import type { Marker, WrittenRange } from "./prepared-transaction.ts";
import type { TransactionPort } from "./transaction-port.ts";

const readOptions = {
  committedOnly: false,
  waitMs: FETCH_WAIT_MS,
  bytesMin: 1,
  bytesMax: FETCH_BYTES,
  partitionBytesMax: FETCH_PARTITION_BYTES,
};

export class KafkaTransactions implements TransactionPort {
  readonly #client: KafkaClient;
  readonly #timeoutMs: number;
  readonly #patience: Patience;
  readonly #producers = new Map<string, BatchProducer>();

  constructor(client: KafkaClient, timeoutMs: number, signal?: AbortSignal) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#patience = { signal };
  }

  /** Batches that had to be sent again. */
  get retries(): number {
    return [...this.#producers.values()].reduce((sum, { retries }) => sum + retries, 0);
  }

  async begin(transactionalId: string): Promise<TransactionalProducer> {
    const request = initProducerId(transactionalId, this.#timeoutMs);
    const { producerId, producerEpoch } = await this.#coordinate(transactionalId, request).catch((error: unknown) => {
      throw this.#explained(error);
    });
    return { transactionalId, producerId, producerEpoch };
  }

  #explained(error: unknown): unknown {
    if (!(error instanceof KafkaFailure) || error.code !== "KAFKA_TRANSACTION_TIMEOUT") return error;
    const message = `The transactions of this sink have a timeout of ${this.#timeoutMs} ms, and the Kafka brokers allow less: lower transactionTimeout of toKafka, or raise transaction.max.timeout.ms of the brokers`;
    return new MillraceError("KAFKA_TRANSACTION_TIMEOUT", message, { cause: error });
  }

  async add(producer: TransactionalProducer, partitions: readonly TopicPartition[]): Promise<void> {
    await this.#coordinate(producer.transactionalId, addPartitionsToTransaction(producer, partitions));
  }

  send({ transactionalId }: TransactionalProducer, batches: readonly ProducedBatch[]): Promise<readonly Appended[]> {
    let producer = this.#producers.get(transactionalId);
    if (producer === undefined) {
      producer = new BatchProducer(this.#client, { transactionalId, ...this.#patience });
      this.#producers.set(transactionalId, producer);
    }
    return producer.send(batches);
  }

  async mark(producer: TransactionalProducer, place: TopicPartition, marker: Marker): Promise<void> {
    const group = producer.transactionalId;
    await this.#coordinate(group, addOffsetsToTransaction(producer, group));
    await this.#client.toCoordinator("group", group, markerCommit(producer, place, marker), this.#patience);
  }

  async claim(producer: TransactionalProducer, place: TopicPartition, marker: Marker): Promise<Marker | undefined> {
    const group = producer.transactionalId;
    await this.#coordinate(group, addOffsetsToTransaction(producer, group));
    const commit = markerCommit(producer, place, marker);
    const { offsets } = await this.#client.toOneCoordinator("group", group, commit, committed(group), this.#patience);
    return lastOf(offsets);
  }

  async end(producer: TransactionalProducer, commit: boolean): Promise<void> {
    await this.#coordinate(producer.transactionalId, endTransaction(producer, commit));
  }

  async marker(transactionalId: string): Promise<Marker | undefined> {
    const request = committed(transactionalId);
    const { offsets } = await this.#client.toCoordinator("group", transactionalId, request, this.#patience);
    return lastOf(offsets);
  }

  async *read(range: WrittenRange, producer: ProducerIdentity): AsyncIterable<Buffer> {
    for (let offset = range.first; offset <= range.last; ) {
      const fetched = await this.#fetch(range, offset);
      if (fetched === undefined) return;
      const { records, buffer, highWatermark } = fetched;
      let at = records.start;
      for (let next = offset; ; ) {
        const header = readBatchHeader(buffer, at, records.end);
        if (header === undefined) {
          if (next === offset && offset >= highWatermark && (await this.#endOf(range)) <= offset) return;
          offset = next;
          break;
        }
        at = header.end;
        next = header.lastOffset + 1;
        if (header.baseOffset > range.last) return;
        const isOurs = header.producerId === producer.producerId && header.producerEpoch === producer.producerEpoch;
        if (isOurs && !header.control && header.baseOffset >= range.first && isWhole(header))
          yield Buffer.from(buffer.subarray(header.start, header.end));
      }
    }
  }

  /**
   * What was acknowledged before is not there any more if it is not before this. A leader that has just taken over refuses to
   * tell until it knows how far its log is replicated; a fetch meanwhile finds nothing.
   */
  async #endOf(where: TopicPartition): Promise<number> {
    const query = { topic: where.topic, partition: where.partition, at: "latest" as const };
    const [end] = await this.#client.toLeader(
      where,
      ({ epoch }) => listOffsets([{ ...query, leaderEpoch: epoch }], false),
      this.#patience,
    );
    return end?.offset ?? 0;
  }

  /** Undefined: the log does not have the offset any more. What is missed is counted by the caller. */
  async #fetch({ topic, partition }: TopicPartition, offset: number): Promise<FetchedPartition | undefined> {
    const attempt = async (): Promise<FetchedPartition | undefined> => {
      const { node, epoch } = await this.#client.leader({ topic, partition });
      const request = fetchRecords([{ topic, partition, offset, leaderEpoch: epoch }], readOptions);
      const [fetched] = accepted(await this.#client.toNode(node, request), request).partitions;
      if (fetched === undefined) throw new KafkaFailure("KAFKA_UNREACHABLE", "No answer to Fetch", "MISSING", "leader");
      if (fetched.error === OFFSET_OUT_OF_RANGE) return undefined;
      accept(fetched.error, `reading partition ${partition} of "${topic}" at offset ${offset}`);
      return fetched;
    };
    const onRetry = (): void => this.#client.forget(topic);
    return await retrying(attempt, { withinMs: RETRY_WITHIN_MS, ...this.#patience, onRetry });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const lists = await retrying(
      async () => {
        const { brokers } = await this.#client.metadata([], { withinMs: 0 });
        return await Promise.all(
          brokers.map(async ({ node }) => {
            const request = listTransactions([]);
            return accepted(await this.#client.toNode(node, request), request).transactions;
          }),
        );
      },
      { withinMs: RETRY_WITHIN_MS, ...this.#patience },
    );
    const ids = lists.flat().map(({ transactionalId }) => transactionalId);
    return ids.filter((id) => id.startsWith(prefix));
  }

  #coordinate<Answer>(transactionalId: string, request: ApiRequest<Answer>): Promise<Answer> {
    return this.#client.toCoordinator("transaction", transactionalId, request, this.#patience);
  }
}

const OFFSET_OUT_OF_RANGE = 1;

function markerCommit(
  producer: TransactionalProducer,
  place: TopicPartition,
  { checkpoint, lineage }: Marker,
): ApiRequest<readonly PartitionResult[]> {
  const offset = { ...place, offset: checkpoint, metadata: lineage };
  return commitOffsetsInTransaction(producer, producer.transactionalId, [offset]);
}

/** Without what an open transaction would commit. */
function committed(group: string): ApiRequest<CommittedOffsets> {
  return fetchOffsets(group, undefined, false);
}

/** Transactions may have begun with different partitions, of which each has the marker as it was then. */
function lastOf(offsets: readonly CommittedOffset[]): Marker | undefined {
  const [last] = offsets.filter(({ offset }) => offset >= 0).sort((a, b) => b.offset - a.offset);
  return last === undefined ? undefined : { checkpoint: last.offset, lineage: last.metadata ?? "" };
}
