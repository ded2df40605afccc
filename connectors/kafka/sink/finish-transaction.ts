/**
 * Commits a prepared transaction, in whatever state it is by now.
 *
 *   end it ── done ──► committed
 *     │
 *     └─ refused ─► begin under its id ─► claim the marker ── was there ──► committed
 *                   (fences all others;     │
 *                    what is open ends)     └─ was not there ─► write again: take what it wrote from the checkpoint, if
 *                                             that retains it, else from the log; send it under the new epoch, end
 *
 * Why this is exact: all transactions that set the marker of an id run under that id, and beginning ends every one before
 * it. So what the marker says then is final, and of two processes that write again at most one gets to its end. Asking for
 * the marker alone would not do, as a broker answers that by itself: one that has lost the group of the id and has not heard
 * of it yet says what was there before, also where stable offsets are asked for, and one that has just taken it over shows
 * offsets up to where it knows them to be replicated. So the new transaction sets the marker first, which is behind all that
 * was acknowledged in the same log, and the answer counts only from whom that is acknowledged by.
 */

import { MillraceError } from "../../../core/errors.ts";
import { KafkaFailure } from "../client/kafka-failure.ts";
import { countOf, stampBatch, unplaceBatch } from "../codec/record-batch-builder.ts";
import { MARKER_TRUSTED_MS, REWRITES_MAX } from "../limits.ts";
import type { TopicPartition } from "../protocol/api.ts";
import type { TransactionalProducer } from "../protocol/transactions.ts";
import { type Marker, markerPlace, type PreparedTransaction, type WrittenRange } from "./prepared-transaction.ts";
import { batchesOf } from "./retained-batches.ts";
import type { TransactionPort } from "./transaction-port.ts";

export interface FinishOptions {
  readonly port: TransactionPort;
  readonly now: () => number;
  /** Of each step that was taken. */
  readonly reached: (step: string) => void;
  /** The transaction was aborted, and its records are written again. */
  readonly onRewrite: (transaction: PreparedTransaction) => void;
  /** What the checkpoint keeps of it. Undefined in the attempt that has prepared it, which has no checkpoint to read. */
  readonly retained?: AsyncIterable<Uint8Array> | undefined;
}

/** The transaction that a producer's epoch names is not open any more. */
const overNames = new Set([
  "INVALID_PRODUCER_EPOCH",
  "PRODUCER_FENCED",
  "INVALID_TXN_STATE",
  "INVALID_PRODUCER_ID_MAPPING",
  "UNKNOWN_PRODUCER_ID",
  "TRANSACTIONAL_ID_NOT_FOUND",
  "TRANSACTION_ABORTABLE",
]);

export function isOver(error: unknown): error is KafkaFailure {
  return error instanceof KafkaFailure && overNames.has(error.reason);
}

/**
 * ENSURES: its records are visible once to who reads committed ones only, whoever else tries the same.
 * @throws MillraceError KAFKA_OUTPUT_LOST, KAFKA_OUTCOME_UNKNOWN, KAFKA_ABORTED when only the checkpoint has it, or what brokers refuse for another reason
 */
export async function finish(transaction: PreparedTransaction, marker: Marker, options: FinishOptions): Promise<void> {
  if (await commits(transaction, options)) return;
  for (let left = REWRITES_MAX; ; left--) {
    try {
      return await decide(transaction, marker, options);
    } catch (error) {
      // Another outage, or somebody else who does the same.
      if (!isOver(error) || left === 0) throw error;
    }
  }
}

/** False: it is over, and who knows how. */
async function commits(producer: TransactionalProducer, { port, reached }: FinishOptions): Promise<boolean> {
  try {
    await port.end(producer, true);
    reached("kafka.ended");
    return true;
  } catch (error) {
    if (isOver(error)) return false;
    throw error;
  }
}

async function decide(transaction: PreparedTransaction, marker: Marker, options: FinishOptions): Promise<void> {
  const { port, now, reached } = options;
  const { transactionalId, preparedAt } = transaction;
  const producer = await port.begin(transactionalId);
  reached("kafka.fenced");
  const found = await port.claim(producer, markerPlace(transaction), marker);
  if (found?.lineage === marker.lineage && found.checkpoint >= marker.checkpoint)
    return await port.end(producer, false);
  if (now() - preparedAt > MARKER_TRUSTED_MS) {
    await port.end(producer, false);
    throw unknownOutcome(transaction, marker);
  }
  options.onRewrite(transaction);
  await port.add(producer, transaction.written);
  const retained = options.retained?.[Symbol.asyncIterator]();
  for (const range of transaction.written) {
    const count = await writeAgain(range, batchesOf(range, transaction, port, retained), producer, port);
    if (count === range.records) continue;
    await port.end(producer, false);
    throw range.retained === true && retained === undefined ? onlyRetained(range, marker) : lost(range, count, marker);
  }
  reached("kafka.rewritten");
  await port.end(producer, true);
  reached("kafka.ended");
}

/** How many records it has written. */
async function writeAgain(
  { topic, partition }: TopicPartition,
  batches: AsyncIterable<Buffer>,
  to: TransactionalProducer,
  port: TransactionPort,
): Promise<number> {
  let baseSequence = 0;
  for await (const batch of batches) {
    unplaceBatch(batch);
    stampBatch(batch, { ...to, baseSequence, transactional: true });
    await port.send(to, [{ topic, partition, batch }]);
    baseSequence += countOf(batch);
  }
  return baseSequence;
}

function lost(
  { topic, partition, first, records }: WrittenRange,
  count: number,
  { checkpoint }: Marker,
): MillraceError {
  const what = `The broker aborted the transaction of checkpoint ${checkpoint}, and of its ${records} records in partition ${partition} of "${topic}" from offset ${first} on`;
  const advice =
    "Retention or compaction has removed the others. Go on from an earlier savepoint, or leave the state of this sink out, which loses these records";
  return new MillraceError("KAFKA_OUTPUT_LOST", `${what} only ${count} are left to be written again. ${advice}`);
}

function onlyRetained({ topic, partition }: TopicPartition, { checkpoint }: Marker): MillraceError {
  const message = `The broker aborted the transaction of checkpoint ${checkpoint}, and its records in partition ${partition} of "${topic}" are gone from the log. The checkpoint has them: the job starts again from it and writes them again`;
  return new MillraceError("KAFKA_ABORTED", message);
}

function unknownOutcome({ preparedAt }: PreparedTransaction, { checkpoint }: Marker): MillraceError {
  const since = new Date(preparedAt).toISOString();
  const message = `The transaction of checkpoint ${checkpoint} was prepared at ${since}, so long ago that brokers have forgotten whether it was committed. Look whether its records are in the topics, and leave the state of this sink out if they are`;
  return new MillraceError("KAFKA_OUTCOME_UNKNOWN", message);
}
