/** A transaction that is being written: its partitions are added as they come, and it knows what went where. */

import { countOf } from "../codec/record-batch-builder.ts";
import type { TopicPartition } from "../protocol/api.ts";
import type { Appended, ProducedBatch } from "../protocol/produce.ts";
import type { TransactionalProducer } from "../protocol/transactions.ts";
import type { PreparedTransaction, WrittenRange } from "./prepared-transaction.ts";
import type { TransactionPort } from "./transaction-port.ts";

export class OpenTransaction {
  readonly #port: TransactionPort;
  readonly #producer: TransactionalProducer;
  readonly #retains: (topic: string) => boolean;
  readonly #added = new Set<string>();
  readonly #written = new Map<string, WrittenRange>();

  /** @param retains of which topics checkpoints keep what is written */
  constructor(port: TransactionPort, producer: TransactionalProducer, retains: (topic: string) => boolean) {
    this.#port = port;
    this.#producer = producer;
    this.#retains = retains;
  }

  /** Nothing was begun as far as brokers know. */
  get isEmpty(): boolean {
    return this.#written.size === 0;
  }

  /** REQUIRES: of a partition, the batch before is acknowledged. */
  async send(batches: readonly ProducedBatch[]): Promise<void> {
    const fresh = batches.filter((batch) => !this.#added.has(keyOf(batch)));
    if (fresh.length > 0) await this.#port.add(this.#producer, fresh);
    for (const batch of fresh) this.#added.add(keyOf(batch));
    const appended = await this.#port.send(this.#producer, batches);
    for (const batch of batches) this.#note(batch, appended);
  }

  #note({ topic, partition, batch }: ProducedBatch, appended: readonly Appended[]): void {
    const offsets = appended
      .filter((each) => each.topic === topic && each.partition === partition)
      .map(({ baseOffset }) => baseOffset);
    const [start, last] = [Math.min(...offsets), Math.max(...offsets)];
    // Only of a batch that brokers had long ago, which cannot be: the next one waits for it.
    if (offsets.length === 0 || start < 0) throw new Error("a broker does not say where it has a batch");
    const where = { topic, partition };
    const before = this.#written.get(keyOf(where));
    const records = (before?.records ?? 0) + countOf(batch);
    const retained = this.#retains(topic) ? { retained: true as const } : {};
    this.#written.set(keyOf(where), { topic, partition, first: before?.first ?? start, last, records, ...retained });
  }

  prepared(preparedAt: number): PreparedTransaction {
    return { kind: "millrace.kafka.transaction", ...this.#producer, preparedAt, written: [...this.#written.values()] };
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
