/**
 * The writer in two phases: what it writes between two checkpoints is one transaction, which is committed when the second
 * one is complete.
 *
 *   begin ─► write, flush: into the open transaction ─► prepare: all acknowledged, marked ─► checkpoint keeps its name
 *     ▲                                                    │                                      │ complete
 *     └──────────────── under the next id ◄────────────────┘                                      ▼
 *                                                                             commit: end it, or write it again
 *
 * Nothing is held in memory but the names of transactions (`prepared-transaction.ts`), nor in checkpoints, unless a topic's
 * log may lose what was aborted (`retained-topics.ts`): then they keep the batches until these are committed. A transaction that
 * is aborted before it is prepared (brokers were away for longer than its timeout) fails the attempt: the job goes on from
 * its last checkpoint and writes the same again.
 */

import { randomUUID } from "node:crypto";
import { assert } from "../../../core/assert.ts";
import { MillraceError } from "../../../core/errors.ts";
import type { SinkContext, SinkWriter } from "../../../core/sink.ts";
import type { Counter } from "../../../core/telemetry.ts";
import type { KafkaOptions } from "../client/connection-options.ts";
import { KafkaClient } from "../client/kafka-client.ts";
import { KafkaFailure } from "../client/kafka-failure.ts";
import { describeTopicSettings } from "../protocol/describe-configs.ts";
import type { ProducedBatch } from "../protocol/produce.ts";
import { finish, isOver } from "./finish-transaction.ts";
import { KafkaTransactions } from "./kafka-transactions.ts";
import { OpenTransaction } from "./open-transaction.ts";
import { Outbox } from "./outbox.ts";
import { markerPlace, type PreparedTransaction } from "./prepared-transaction.ts";
import { RecordWriter } from "./record-writer.ts";
import { retainedOf } from "./retained-batches.ts";
import { RetainedTopics, type TopicSettings } from "./retained-topics.ts";
import type { KafkaSinkSettings } from "./settings.ts";
import { takeOver } from "./take-over.ts";
import type { TransactionPort } from "./transaction-port.ts";
import { IdSlots } from "./transactional-ids.ts";

/** What it works with; a test gives it brokers in memory. */
export interface SinkBrokers {
  readonly client: Pick<KafkaClient, "partitionsOf" | "leader" | "close">;
  transactions(timeoutMs: number, signal: AbortSignal): TransactionPort & { readonly retries: number };
  /** @throws KafkaFailure */
  settingsOf(topic: string, signal: AbortSignal): Promise<TopicSettings>;
}

/** Those of a cluster. */
export function brokersOf(connection: KafkaOptions): SinkBrokers {
  const client = new KafkaClient(connection);
  return {
    client,
    transactions: (timeoutMs, signal) => new KafkaTransactions(client, timeoutMs, signal),
    async settingsOf(topic, signal) {
      const [described] = await client.toAny(describeTopicSettings([topic], wantedSettings), { signal });
      const retentionMs = Number(described?.settings.get("retention.ms") ?? -1);
      return {
        compacted: (described?.settings.get("cleanup.policy") ?? "").includes("compact"),
        retentionMs: retentionMs < 0 ? Number.POSITIVE_INFINITY : retentionMs,
      };
    },
  };
}

/** Half of the timeout. */
const LONG_PART = 2;

const wantedSettings = ["cleanup.policy", "retention.ms"];

export class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #settings: KafkaSinkSettings<T>;
  readonly #context: SinkContext;
  readonly #client: SinkBrokers["client"];
  readonly #port: TransactionPort;
  readonly #outbox: Outbox;
  readonly #records: RecordWriter<T>;
  readonly #prefix: string;
  readonly #lineage: string;
  readonly #slots: IdSlots;
  readonly #retained: RetainedTopics;
  readonly #rewritten: Counter;
  readonly #closed = new AbortController();
  readonly #timedOut: Counter;
  #transaction: OpenTransaction | undefined;
  /** When something was first sent in it; undefined: nothing yet. */
  #openSince: number | undefined;
  #warned = false;
  /** Whoever started the job waits for its first output, which a whole interval would hold back. */
  #isFirst = true;

  constructor(settings: KafkaSinkSettings<T>, context: SinkContext, brokers: SinkBrokers) {
    this.#settings = settings;
    this.#context = context;
    this.#client = brokers.client;
    const signal = AbortSignal.any([context.signal, this.#closed.signal]);
    const transactions = brokers.transactions(settings.transactionTimeoutMs, signal);
    this.#port = transactions;
    this.#outbox = new Outbox({
      compression: settings.compression,
      batchBytes: settings.batchBytes,
      bufferBytes: settings.bufferBytes,
      leaderOf: async (where) => (await this.#client.leader(where)).node,
      send: (batches) => this.#send(batches),
      onFailure: (error) => {
        if (!this.#closed.signal.aborted) context.fail(error);
      },
    });
    this.#retained = new RetainedTopics(settings.retainOutput, (topic) => brokers.settingsOf(topic, signal), context);
    this.#records = new RecordWriter(settings, context, this.#client, this.#outbox, (topic) =>
      this.#retained.look(topic),
    );
    // Without checkpoints nobody goes on from anything.
    this.#lineage = context.lineage ?? `${context.job}@${randomUUID()}`;
    this.#prefix = settings.transactionalIdPrefix ?? `millrace-${this.#lineage}-${context.operator}`;
    const prepared = context.restored?.parts.map(({ prepared: part }) => (part as PreparedTransaction).transactionalId);
    this.#slots = new IdSlots(this.#prefix, context.subtask, prepared ?? []);
    this.#rewritten = context.metrics.counter("transactionsWrittenAgain");
    this.#timedOut = context.metrics.counter("transactionsTimedOut");
    context.metrics.gauge("produceRetries", () => transactions.retries);
    context.metrics.gauge("bytesUnacknowledged", () => this.#outbox.bytes);
  }

  /** @throws KAFKA_TRANSACTION_TIMEOUT, CHECKPOINT_BEHIND_OUTPUT, and what `RecordWriter.open` throws */
  async open(): Promise<void> {
    await this.#records.open();
    const { subtask, parallelism, restored } = this.#context;
    await takeOver(this.#port, { prefix: this.#prefix, lineage: this.#lineage, subtask, parallelism, restored });
    await this.#begin();
  }

  async #begin(): Promise<void> {
    const producer = await this.#port.begin(this.#slots.take());
    this.#transaction = new OpenTransaction(this.#port, producer, (topic) => this.#retained.has(topic));
    this.#openSince = undefined;
    this.#outbox.stampWith(producer, true);
    this.#context.reached("kafka.begun");
  }

  write(value: T, timestamp: number): void | Promise<void> {
    return this.#records.write(value, timestamp);
  }

  /** Into the open transaction, so that memory is bounded and the barrier has little to wait for. */
  flush(): void {
    this.#outbox.flush();
    if (!this.#isFirst || this.#outbox.bytes === 0) return;
    this.#isFirst = false;
    this.#context.wantCheckpoint();
  }

  async #send(batches: readonly ProducedBatch[]): Promise<void> {
    this.#openSince ??= this.#context.clock.now();
    try {
      await this.#current().send(batches);
    } catch (error) {
      throw this.#explained(error);
    }
    this.#context.reached("kafka.produced");
  }

  async prepare(checkpoint: number): Promise<PreparedTransaction | undefined> {
    await this.#outbox.drained();
    const transaction = this.#current();
    if (transaction.isEmpty) return undefined;
    this.#warnIfLong();
    const prepared = transaction.prepared(this.#context.clock.now());
    const marker = { checkpoint, lineage: this.#lineage };
    try {
      await this.#port.mark(prepared, markerPlace(prepared), marker);
    } catch (error) {
      throw this.#explained(error);
    }
    this.#context.reached("kafka.marked");
    // At the end of a job without checkpoints nothing follows.
    if (checkpoint !== 0) await this.#begin();
    return prepared;
  }

  retained(part: unknown): AsyncIterable<Uint8Array> | undefined {
    const prepared = part as PreparedTransaction; // of `prepare`
    return retainedOf(prepared, this.#port, ({ topic, partition, records }, found) => {
      const message = `Of the ${records} records of a transaction in partition ${partition} of "${topic}" ${found} are left to be kept in the checkpoint: brokers have aborted it meanwhile`;
      return new MillraceError("KAFKA_ABORTED", message);
    });
  }

  #openMs(): number {
    const now = this.#context.clock.now();
    return now - (this.#openSince ?? now);
  }

  /** Once: the next one may be too long, and then the job starts again, and perhaps never gets through. */
  #warnIfLong(): void {
    const { transactionTimeoutMs: timeoutMs } = this.#settings;
    const openMs = this.#openMs();
    if (this.#warned || openMs * LONG_PART < timeoutMs) return;
    this.#warned = true;
    const message =
      "a transaction was open for more than half of its timeout before its checkpoint; beyond it brokers abort it: raise transactionTimeout of toKafka, or take checkpoints more often";
    this.#context.log.log("warn", message, { openMs, timeoutMs });
  }

  async commit(checkpoint: number, part: unknown, retained?: AsyncIterable<Uint8Array>): Promise<void> {
    const prepared = part as PreparedTransaction; // of `prepare`
    await finish(
      prepared,
      { checkpoint, lineage: this.#lineage },
      {
        port: this.#port,
        now: () => this.#context.clock.now(),
        reached: (step) => this.#context.reached(step),
        onRewrite: (transaction) => this.#tellOfRewrite(transaction, checkpoint),
        retained,
      },
    );
    this.#slots.release(prepared.transactionalId);
  }

  #tellOfRewrite({ transactionalId, written }: PreparedTransaction, checkpoint: number): void {
    this.#rewritten.add();
    const records = written.reduce((sum, range) => sum + range.records, 0);
    const message = "brokers aborted a transaction before it could be committed; its records are written again";
    this.#context.log.log("warn", message, { transactionalId, checkpoint, records });
  }

  /** Why the transaction that is being written is gone. */
  #explained(error: unknown): unknown {
    if (!isOver(error)) return error;
    const { transactionTimeoutMs: timeoutMs } = this.#settings;
    const openMs = this.#openMs();
    if (openMs >= timeoutMs) {
      this.#timedOut.add();
      const message = `Brokers aborted the transaction that was being written (${error.reason}), as it was open for ${openMs} ms and its timeout is ${timeoutMs} ms. The job goes on from its last checkpoint. If brokers were not away, checkpoints are too far apart: raise transactionTimeout of toKafka above the time from one complete checkpoint to the next`;
      return new KafkaFailure("KAFKA_ABORTED", message, error.reason, "none", error);
    }
    const message = `The transaction that was being written is over (${error.reason}), and not as it was open for too long: a newer attempt of this job writes, or another job under the prefix "${this.#prefix}"`;
    return new KafkaFailure("KAFKA_FENCED", message, error.reason, "none", error);
  }

  #current(): OpenTransaction {
    assert(this.#transaction !== undefined, "a Kafka sink is written to before it is open");
    return this.#transaction;
  }

  /** What is open stays open: whoever goes on from the last checkpoint ends it. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#client.close();
  }
}
