/**
 * Reads a share: all of its partitions at the same time, as they come. Its position is the share itself with the offsets
 * at which it goes on, and with the partitions that it has found meanwhile.
 *
 * The law: an offset moves on with each record that was pushed or left out, and over a batch without records (markers,
 * aborted transactions) when all before it is done. So a position never lies behind a record that was not pushed.
 */

import type { Gate, Push } from "../../../core/operator.ts";
import type { ReadStep, SourceContext, SourceReader } from "../../../core/source.ts";
import type { Counter } from "../../../core/telemetry.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import { type FetchedRecords, Fetcher } from "../client/fetcher.ts";
import { KafkaClient } from "../client/kafka-client.ts";
import { RecordColumns } from "../codec/record-columns.ts";
import { READ_WAIT_MS } from "../limits.ts";
import type { TopicPartition } from "../protocol/api.ts";
import { BadRecords } from "./bad-records.ts";
import { RecordView } from "./deserialise.ts";
import type { KafkaSourceSettings } from "./kafka-source.ts";
import { NewPartitions } from "./new-partitions.ts";
import type { KafkaShare, SharePartition } from "./shares.ts";
import { type ValueReader, valueReader } from "./values.ts";

/** A partition that is being read. */
interface Reading extends TopicPartition {
  offset: number;
  /** Infinity without one. */
  readonly stop: number;
  /** Behind the last record that its leader had. */
  end: number;
}

export class ShareReader<T> implements SourceReader<T, KafkaShare> {
  readonly #settings: KafkaSourceSettings<T>;
  readonly #client: KafkaClient;
  readonly #fetcher: Fetcher;
  readonly #badRecords: BadRecords;
  readonly #leftOut: Counter;
  readonly #readings = new Map<string, Reading>();
  readonly #columns = new RecordColumns();
  readonly #view = new RecordView(this.#columns);
  readonly #values: ValueReader<T>;
  #share: Omit<KafkaShare, "partitions"> = { index: 0, count: 1 };
  #discovery: NewPartitions | undefined;
  /** Partitions that are read to their stop. */
  #finished = 0;
  /** The fetch whose records are being pushed, the partition that it is of, and the place of the next one. */
  #current: FetchedRecords | undefined;
  #of: Reading | undefined;
  #row = 0;

  constructor(settings: KafkaSourceSettings<T>, context: SourceContext) {
    this.#settings = settings;
    this.#client = new KafkaClient(settings.connection);
    this.#fetcher = new Fetcher(this.#client, { committedOnly: settings.committedOnly });
    this.#values = valueReader(settings.value, this.#columns, this.#view);
    this.#badRecords = new BadRecords(context, settings);
    this.#leftOut = context.metrics.counter("recordsLeftOut");
    context.metrics.gauge("lagRecords", () => this.#lag());
    context.metrics.gauge("fetchRetries", () => this.#fetcher.retries);
  }

  begin(split: KafkaShare, position?: unknown): void {
    const share = (position as KafkaShare | undefined) ?? split; // of `position`
    this.#share = { index: share.index, count: share.count };
    this.#finished = 0;
    this.#readings.clear();
    for (const each of share.partitions) this.#follow(each);
    const { discoverMs, topics, bounded } = this.#settings;
    if (!bounded) this.#discovery = new NewPartitions(this.#client, topics, this.#share, discoverMs);
  }

  #follow({ topic, partition, offset, stop }: SharePartition): void {
    const reading = { topic, partition, offset, stop: stop ?? Number.POSITIVE_INFINITY, end: offset };
    this.#readings.set(keyOf(reading), reading);
    if (offset >= reading.stop) this.#finished++;
    else this.#fetcher.follow(reading, offset);
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep> {
    let left = max;
    while (left > 0 && !gate.blocked) {
      if (this.#row < this.#columns.count) left -= this.#pushRows(push, left, gate);
      else if (!this.#nextBatch()) break;
    }
    if (this.#settings.bounded && this.#finished === this.#readings.size) return "end";
    return left < max || gate.blocked ? "more" : this.#wait();
  }

  #pushRows(push: Push<T>, max: number, gate: Gate): number {
    const reading = this.#of as Reading; // rows are of one
    const { offsets, timestamps, count } = this.#columns;
    const end = Math.min(count, this.#row + max);
    const first = this.#row;
    for (; this.#row < end && !gate.blocked; this.#row++) {
      const offset = offsets[this.#row] as number; // below the count
      if (offset >= reading.stop) {
        this.#finish(reading);
        break;
      }
      const value = this.#valueAt(this.#row);
      reading.offset = offset + 1;
      const timestamp = timestamps[this.#row] as number; // likewise
      if (value === undefined) this.#leftOut.add();
      else push(value, timestamp < 0 ? NO_TIMESTAMP : timestamp);
    }
    return this.#row - first;
  }

  /** Undefined for a record that is left out, or bad. */
  #valueAt(row: number): T | undefined {
    try {
      return this.#values.read(row);
    } catch (error) {
      this.#view.index = row;
      this.#badRecords.report(this.#view, error);
      return undefined;
    }
  }

  /** Makes the next batch with records the current one; false when none has come. */
  #nextBatch(): boolean {
    for (;;) {
      this.#takeDiscovered();
      if (this.#current?.records.next(this.#columns) === true) {
        this.#row = 0;
        return true;
      }
      this.#endFetch();
      this.#current = this.#fetcher.take();
      if (this.#current === undefined) return false;
      this.#of = this.#readings.get(keyOf(this.#current));
      if (this.#of !== undefined) this.#of.end = this.#current.highWatermark;
      this.#view.topic = this.#current.topic;
      this.#view.partition = this.#current.partition;
    }
  }

  #endFetch(): void {
    const [fetched, reading] = [this.#current, this.#of];
    this.#drop();
    if (fetched === undefined || reading === undefined) return;
    reading.offset = Math.min(Math.max(reading.offset, fetched.records.nextOffset), reading.stop);
    if (reading.offset >= reading.stop) this.#finish(reading);
  }

  #finish(reading: Reading): void {
    reading.offset = reading.stop;
    this.#finished++;
    this.#fetcher.unfollow(reading);
    this.#drop();
  }

  #drop(): void {
    this.#current = undefined;
    this.#of = undefined;
    this.#row = this.#columns.count;
  }

  #takeDiscovered(): void {
    for (const found of this.#discovery?.take() ?? []) if (!this.#readings.has(keyOf(found))) this.#follow(found);
  }

  /** A checkpoint waits for this promise, so it is a short one. */
  async #wait(): Promise<ReadStep> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, READ_WAIT_MS);
    await Promise.race([this.#fetcher.wait(), promise]);
    clearTimeout(timer);
    return "more";
  }

  position(): KafkaShare {
    const partitions = Array.from(this.#readings.values(), ({ topic, partition, offset, stop }) => {
      return { topic, partition, offset, stop: stop === Number.POSITIVE_INFINITY ? null : stop };
    });
    return { ...this.#share, partitions };
  }

  #lag(): number {
    let lag = 0;
    for (const { end, offset, stop } of this.#readings.values()) lag += Math.max(0, Math.min(end, stop) - offset);
    return lag;
  }

  async close(): Promise<void> {
    this.#discovery?.close();
    this.#fetcher.close();
    await this.#client.close();
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
