/**
 * The writer without transactions. At a barrier it waits until brokers have acknowledged all before it, so that nothing is
 * lost; after a restart what followed the last checkpoint is written again. Its producer is idempotent: a batch that had to
 * be sent twice is there once.
 *
 * With guarantee "none" it waits for nothing but the end, and batches carry no producer.
 */

import type { SinkContext, SinkWriter } from "../../../core/sink.ts";
import { BatchProducer } from "../client/batch-producer.ts";
import { KafkaClient } from "../client/kafka-client.ts";
import { initProducerId } from "../protocol/transactions.ts";
import { Outbox } from "./outbox.ts";
import { RecordWriter } from "./record-writer.ts";
import type { KafkaSinkSettings } from "./settings.ts";

/** Of no meaning without a transaction, but part of the request. */
const NO_TRANSACTION_MS = 60_000;

export class PlainWriter<T> implements SinkWriter<T> {
  readonly #client: KafkaClient;
  readonly #outbox: Outbox;
  readonly #records: RecordWriter<T>;
  readonly #careful: boolean;
  readonly #closed = new AbortController();

  constructor(settings: KafkaSinkSettings<T>, context: SinkContext) {
    this.#careful = settings.guarantee !== "none";
    this.#client = new KafkaClient(settings.connection);
    const producer = new BatchProducer(this.#client, {
      acknowledgement: this.#careful ? "all" : "leader",
      signal: AbortSignal.any([context.signal, this.#closed.signal]),
    });
    this.#outbox = new Outbox({
      compression: settings.compression,
      batchBytes: settings.batchBytes,
      bufferBytes: settings.bufferBytes,
      leaderOf: async (where) => (await this.#client.leader(where)).node,
      send: (batches) => producer.send(batches),
      onFailure: (error) => {
        if (!this.#closed.signal.aborted) context.fail(error);
      },
    });
    this.#records = new RecordWriter(settings, context, this.#client, this.#outbox);
    context.metrics.gauge("produceRetries", () => producer.retries);
    context.metrics.gauge("bytesUnacknowledged", () => this.#outbox.bytes);
  }

  async open(): Promise<void> {
    await this.#records.open();
    if (this.#careful) this.#outbox.stampWith(await this.#client.toAny(initProducerId(null, NO_TRANSACTION_MS)), false);
  }

  write(value: T, timestamp: number): void | Promise<void> {
    return this.#records.write(value, timestamp);
  }

  /** Waits for nothing: the next batches fill while these are under way. */
  flush(): void {
    this.#outbox.flush();
  }

  /** @param checkpoint 0 at the end of a job without checkpoints */
  async prepare(checkpoint: number): Promise<undefined> {
    if (this.#careful || checkpoint === 0) await this.#outbox.drained();
    else this.#outbox.flush();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#client.close();
  }
}
