/**
 * What a sink has taken and no broker has acknowledged: a lane for each partition, in which records become batches.
 *
 *   append ─► builder ─► full, or flushed ─► queue ─► under way ─► acknowledged
 *
 * Laws: a lane has one batch under way at most, so that none overtakes another and sequence numbers have no gaps. While it is
 * under way the next ones fill: the longer brokers take, the larger are the batches. All bytes between `append` and the
 * acknowledgement count against one bound; beyond it `append` returns a promise, which settles when half of them are gone.
 */

import { HEADER_BYTES } from "../codec/batch-header.ts";
import type { Compression } from "../codec/compression.ts";
import { type Field, type HeaderField, RecordBatchBuilder } from "../codec/record-batch-builder.ts";
import type { TopicPartition } from "../protocol/api.ts";
import type { ProducedBatch } from "../protocol/produce.ts";
import type { ProducerIdentity } from "../protocol/transactions.ts";

export interface Lane extends TopicPartition {
  readonly builder: RecordBatchBuilder;
  readonly queue: FinishedBatch[];
  sending: boolean;
  /** What is in the builder goes as soon as it can. */
  flushed: boolean;
  /** Of the next batch's first record, of this producer. */
  sequence: number;
  /** Batches that were finished so far. */
  finished: number;
}

interface FinishedBatch {
  readonly batch: Buffer;
  /** Before compression, as they were counted. */
  readonly bytes: number;
}

export interface OutboxOptions {
  readonly compression: Compression;
  /** A batch is finished before it grows beyond this. */
  readonly batchBytes: number;
  readonly bufferBytes: number;
  /** Which broker leads a partition now; batches for the same one go in one request. */
  readonly leaderOf: (where: TopicPartition) => Promise<number>;
  /**
   * Resolves when all are acknowledged, and nobody keeps them: their memory is used again. Batches of different calls may be
   * under way at once, of a partition never.
   */
  readonly send: (batches: readonly ProducedBatch[]) => Promise<unknown>;
  /** What `send` threw: nothing is sent any more. */
  readonly onFailure: (error: unknown) => void;
}

interface Waiter {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const NOBODY: ProducerIdentity = { producerId: -1, producerEpoch: -1 };
/** Of a record beside its key and value, about. */
const RECORD_BYTES = 16;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes: Lane[] = [];
  readonly #ready = new Set<Lane>();
  #waiters: Waiter[] = [];
  #producer = NOBODY;
  #transactional = false;
  #pumping = false;
  #failure: { readonly error: unknown } | undefined;
  /** Between `append` and the acknowledgement. */
  bytes = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  lane({ topic, partition }: TopicPartition): Lane {
    const builder = new RecordBatchBuilder(this.#options.compression);
    const lane = { topic, partition, builder, queue: [], sending: false, flushed: false, sequence: 0, finished: 0 };
    this.#lanes.push(lane);
    return lane;
  }

  /** From now on batches are this producer's, which has sent nothing yet. REQUIRES: nothing is in the box. */
  stampWith(producer: ProducerIdentity, transactional: boolean): void {
    this.#producer = producer;
    this.#transactional = transactional;
    for (const lane of this.#lanes) lane.sequence = 0;
  }

  /** Returns a promise when no further record may be appended until it settles. */
  append(
    lane: Lane,
    key: Field,
    value: Field,
    timestamp: number,
    headers?: readonly HeaderField[],
  ): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { builder } = lane;
    const size = builder.byteLength + (key?.length ?? 0) + (value?.length ?? 0) + RECORD_BYTES;
    if (size > this.#options.batchBytes && builder.count > 0) this.#finish(lane);
    const before = builder.byteLength;
    builder.append(key, value, timestamp, headers);
    this.bytes += builder.byteLength - before;
    if (this.bytes > this.#options.bufferBytes) return this.#room();
    return undefined;
  }

  async #room(): Promise<void> {
    this.flush();
    await this.#until(this.#options.bufferBytes >> 1);
  }

  /** Sends what is there as soon as it can. */
  flush(): void {
    for (const lane of this.#lanes) {
      if (lane.builder.count === 0) continue;
      lane.flushed = true;
      if (!lane.sending) this.#pumpSoon(lane);
    }
  }

  /** Resolves when everything is acknowledged. @throws what `send` threw */
  drained(): Promise<void> {
    this.flush();
    return this.#until(0);
  }

  #until(bytes: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.bytes <= bytes) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ bytes, resolve, reject }));
  }

  #finish(lane: Lane): void {
    const { builder, queue, sequence: baseSequence } = lane;
    const stamped = this.#producer.producerId >= 0;
    const stamp = { ...this.#producer, baseSequence: stamped ? baseSequence : -1, transactional: this.#transactional };
    lane.sequence += builder.count;
    const bytes = builder.byteLength - HEADER_BYTES;
    queue.push({ batch: builder.finish(stamp), bytes });
    lane.finished++;
    lane.flushed = false;
    if (!lane.sending) this.#pumpSoon(lane);
  }

  /** Lanes that are ready at the same time share requests. */
  #pumpSoon(lane: Lane): void {
    this.#ready.add(lane);
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump().catch((error: unknown) => this.#fail(error));
    });
  }

  async #pump(): Promise<void> {
    if (this.#failure !== undefined) return;
    const ready = [...this.#ready];
    this.#ready.clear();
    const taken = ready.flatMap((lane) => this.#take(lane) ?? []);
    const led = await Promise.all(
      taken.map(async (item) => ({ item, leader: await this.#options.leaderOf(item.lane).catch(() => -1) })),
    );
    const byLeader = Map.groupBy(led, ({ leader }) => leader);
    for (const group of byLeader.values()) {
      this.#send(group.map(({ item }) => item)).catch((error: unknown) => this.#fail(error));
    }
  }

  #take(lane: Lane): { readonly lane: Lane; readonly finished: FinishedBatch } | undefined {
    if (lane.queue.length === 0 && lane.builder.count > 0) this.#finish(lane);
    this.#ready.delete(lane);
    const finished = lane.queue.shift();
    if (finished === undefined) return undefined;
    lane.sending = true;
    return { lane, finished };
  }

  async #send(items: readonly { readonly lane: Lane; readonly finished: FinishedBatch }[]): Promise<void> {
    await this.#options.send(
      items.map(({ lane: { topic, partition }, finished: { batch } }) => ({ topic, partition, batch })),
    );
    for (const { lane, finished } of items) {
      lane.sending = false;
      lane.builder.reuse(finished.batch);
      this.bytes -= finished.bytes;
      if (lane.queue.length > 0 || lane.flushed) this.#pumpSoon(lane);
    }
    const waiting = this.#waiters;
    this.#waiters = waiting.filter(({ bytes }) => bytes < this.bytes);
    for (const { bytes, resolve } of waiting) if (bytes >= this.bytes) resolve();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiting) reject(error);
    this.#options.onFailure(error);
  }
}
