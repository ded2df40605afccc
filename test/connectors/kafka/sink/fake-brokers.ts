/**
 * Brokers in memory, as far as transactions are concerned: epochs fence, beginning aborts, a marker is there exactly if its
 * transaction was committed. Each step can be made to fail, before or after it was taken, and all that is open to expire.
 */

import { refusal } from "../../../../connectors/kafka/client/kafka-failure.ts";
import { countOf } from "../../../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import { RecordSet } from "../../../../connectors/kafka/codec/record-set.ts";
import type { TopicPartition } from "../../../../connectors/kafka/protocol/api.ts";
import type { Appended, ProducedBatch } from "../../../../connectors/kafka/protocol/produce.ts";
import type { ProducerIdentity, TransactionalProducer } from "../../../../connectors/kafka/protocol/transactions.ts";
import type { Marker, WrittenRange } from "../../../../connectors/kafka/sink/prepared-transaction.ts";
import type { TransactionPort } from "../../../../connectors/kafka/sink/transaction-port.ts";
import type { SinkBrokers } from "../../../../connectors/kafka/sink/transactional-writer.ts";

interface Transaction extends ProducerIdentity {
  state: "empty" | "open" | "committed" | "aborted";
  marker: Marker | undefined;
  readonly partitions: Set<string>;
}

interface LoggedBatch {
  readonly offset: number;
  readonly records: number;
  readonly batch: Buffer;
  readonly of: Transaction;
}

/** What a process that dies does not get to see. */
export class Crash extends Error {}

/** Happens at the nth step from now on. */
export interface Fault {
  readonly after: number;
  /**
   * "before" and "after" the step: the process dies. "expire": brokers were away for long before it. "take-over": other brokers
   * take over the markers, and do not show the newest ones until something is written behind them.
   */
  readonly kind: "before" | "after" | "expire" | "take-over";
}

const FENCED = 90;
const INVALID_STATE = 48;

export class FakeBrokers {
  readonly #ids = new Map<string, Transaction>();
  readonly #markers = new Map<string, Marker>();
  /** Of these, what readers see. */
  readonly #shown = new Map<string, Marker>();
  readonly #shownBefore = new Map<string, Marker>();
  readonly #logs = new Map<string, LoggedBatch[]>();
  readonly #partitions: number;
  #producers = 0;
  #faults: { left: number; readonly kind: Fault["kind"] }[] = [];
  /** Whether the topic is compacted, which happens at once. */
  compacted = false;
  /** When the next step of anybody is taken. */
  turn: () => Promise<unknown> = () => Promise.resolve();

  constructor(partitions = 2) {
    this.#partitions = partitions;
  }

  set faults(faults: readonly Fault[]) {
    this.#faults = faults.map(({ after, kind }) => ({ left: after, kind }));
  }

  /** Transactions that are open. */
  get open(): readonly string[] {
    return [...this.#ids].filter(([, { state }]) => state === "open").map(([id]) => id);
  }

  /** The values that readers of committed records see. */
  get visible(): string[] {
    const batches = [...this.#logs.values()].flat().filter(({ of }) => of.state === "committed");
    return batches.flatMap(({ batch }) => valuesOf(batch));
  }

  /** All that is open is open for too long. */
  expire(): void {
    for (const [id, transaction] of this.#ids) if (transaction.state === "open") this.#abort(id, transaction);
  }

  /** Retention removes the log up to now. */
  forgetRecords(): void {
    for (const [where, log] of this.#logs)
      this.#logs.set(where, log.fill({ offset: -1, records: 1, batch: EMPTY, of: NOBODY }));
  }

  /** Removes what aborted transactions have written, and nothing of those that are open. */
  #compact(): void {
    for (const [where, log] of this.#logs) {
      const gone = ({ of }: LoggedBatch): boolean => of.state === "aborted";
      this.#logs.set(
        where,
        log.map((logged) => (gone(logged) ? { ...logged, batch: EMPTY, of: NOBODY } : logged)),
      );
    }
  }

  /** @param process of which every step fails once it is dead */
  connect(process: { dead: boolean }): SinkBrokers {
    const port: TransactionPort & { retries: number } = {
      retries: 0,
      begin: (id) => this.#step(process, "begin", () => this.#begin(id)),
      add: (producer, partitions) => this.#step(process, "add", () => this.#add(producer, partitions)),
      send: (producer, batches) => this.#step(process, "send", () => this.#send(producer, batches)),
      mark: (producer, _place, marker) =>
        this.#step(process, "mark", () => {
          this.#mark(this.#opened(producer), producer, marker);
        }),
      claim: (producer, _place, marker) => this.#step(process, "claim", () => this.#claim(producer, marker)),
      end: (producer, commit) => this.#step(process, "end", () => this.#end(producer, commit)),
      marker: (id) => this.#step(process, "marker", () => this.#shown.get(id)),
      read: (range, producer) => this.#read(range, producer),
      list: (prefix) => this.#step(process, "list", () => this.#list(prefix)),
    };
    const client = {
      partitionsOf: async () => this.#partitions,
      leader: async () => ({ node: 1, epoch: 1 }),
      close: async () => {},
    };
    const retentionMs = Number.POSITIVE_INFINITY;
    return { client, transactions: () => port, settingsOf: async () => ({ compacted: this.compacted, retentionMs }) };
  }

  async #step<T>(process: { dead: boolean }, name: string, take: () => T): Promise<T> {
    await this.turn();
    if (process.dead) throw new Crash(name);
    const due = this.#faults.filter((fault) => fault.left-- === 0).map(({ kind }) => kind);
    if (due.includes("expire")) this.expire();
    if (due.includes("take-over")) this.takeOver();
    if (due.includes("before")) throw this.#died(process, name);
    const result = take();
    if (due.includes("after")) throw this.#died(process, name);
    return result;
  }

  #died(process: { dead: boolean }, name: string): Crash {
    process.dead = true;
    return new Crash(name);
  }

  #begin(transactionalId: string): TransactionalProducer {
    const before = this.#ids.get(transactionalId);
    if (before?.state === "open") this.#abort(transactionalId, before);
    const last = this.#ids.get(transactionalId);
    const producerId = last?.producerId ?? ++this.#producers;
    const producerEpoch = (last?.producerEpoch ?? -1) + 1;
    this.#renew(transactionalId, { producerId, producerEpoch });
    return { transactionalId, producerId, producerEpoch };
  }

  #renew(transactionalId: string, identity: ProducerIdentity, state: Transaction["state"] = "empty"): void {
    this.#ids.set(transactionalId, { ...identity, state, marker: undefined, partitions: new Set() });
  }

  /** As brokers do it after a timeout: the epoch is fenced too. */
  #abort(transactionalId: string, transaction: Transaction): void {
    transaction.state = "aborted";
    const { producerId, producerEpoch } = transaction;
    this.#renew(transactionalId, { producerId, producerEpoch: producerEpoch + 1 }, "aborted");
    if (this.compacted) this.#compact();
  }

  #of({ transactionalId, producerId, producerEpoch }: TransactionalProducer): Transaction {
    const found = this.#ids.get(transactionalId);
    if (found?.producerId !== producerId || found.producerEpoch !== producerEpoch)
      throw refusal(FENCED, transactionalId);
    return found;
  }

  #opened(producer: TransactionalProducer): Transaction {
    const found = this.#of(producer);
    if (found.state !== "open") throw refusal(INVALID_STATE, producer.transactionalId);
    return found;
  }

  #add(producer: TransactionalProducer, partitions: readonly TopicPartition[]): void {
    const found = this.#of(producer);
    if (found.state !== "open" && found.state !== "empty") throw refusal(INVALID_STATE, producer.transactionalId);
    found.state = "open";
    for (const where of partitions) found.partitions.add(keyOf(where));
  }

  #send(producer: TransactionalProducer, batches: readonly ProducedBatch[]): readonly Appended[] {
    const of = this.#opened(producer);
    return batches.map(({ topic, partition, batch }) => {
      const where = { topic, partition };
      if (!of.partitions.has(keyOf(where))) throw refusal(INVALID_STATE, "a partition that was not added");
      const log = this.#logs.get(keyOf(where)) ?? [];
      this.#logs.set(keyOf(where), log);
      const last = log.at(-1);
      const offset = last === undefined ? 0 : last.offset + last.records;
      log.push({ offset, records: countOf(batch), batch: Buffer.from(batch), of });
      return { ...where, error: 0, message: null, baseOffset: offset };
    });
  }

  #claim(producer: TransactionalProducer, marker: Marker): Marker | undefined {
    const found = this.#of(producer);
    if (found.state === "empty") found.state = "open";
    this.#mark(this.#opened(producer), producer, marker);
    return this.#shown.get(producer.transactionalId);
  }

  /** What is written is acknowledged when all before it is replicated. */
  #mark(transaction: Transaction, { transactionalId }: TransactionalProducer, marker: Marker): void {
    transaction.marker = marker;
    const last = this.#markers.get(transactionalId);
    if (last !== undefined) this.#shown.set(transactionalId, last);
  }

  /** Of the markers, without the newest one of each id. */
  takeOver(): void {
    for (const id of this.#markers.keys()) {
      const before = this.#shownBefore.get(id);
      if (before === undefined) this.#shown.delete(id);
      else this.#shown.set(id, before);
    }
  }

  #end(producer: TransactionalProducer, commit: boolean): void {
    const found = this.#of(producer);
    const wanted = commit ? "committed" : "aborted";
    if (found.state === wanted) return;
    if (found.state !== "open") throw refusal(INVALID_STATE, producer.transactionalId);
    found.state = wanted;
    if (commit && found.marker !== undefined) this.#commit(producer.transactionalId, found.marker);
  }

  #commit(id: string, marker: Marker): void {
    const before = this.#markers.get(id);
    if (before !== undefined) this.#shownBefore.set(id, before);
    this.#markers.set(id, marker);
    this.#shown.set(id, marker);
  }

  async *#read({ topic, partition, first, last }: WrittenRange, producer: ProducerIdentity): AsyncIterable<Buffer> {
    for (const { offset, batch, of } of this.#logs.get(keyOf({ topic, partition })) ?? []) {
      const isOurs = of.producerId === producer.producerId && of.producerEpoch === producer.producerEpoch;
      if (isOurs && offset >= first && offset <= last) yield Buffer.from(batch);
    }
  }

  #list(prefix: string): readonly string[] {
    return [...this.#ids.keys()].filter((id) => id.startsWith(prefix));
  }
}

const EMPTY = Buffer.alloc(0);
const NOBODY: Transaction = {
  producerId: -1,
  producerEpoch: -1,
  state: "aborted",
  marker: undefined,
  partitions: new Set(),
};

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function valuesOf(batch: Buffer): string[] {
  const columns = new RecordColumns();
  const set = new RecordSet(batch, 0, batch.length, { from: 0 });
  const values: string[] = [];
  while (set.next(columns)) {
    for (let at = 0; at < columns.count; at++) values.push(columns.value(at)?.toString() ?? "null");
  }
  return values;
}
