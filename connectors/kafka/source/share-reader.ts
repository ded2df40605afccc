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
import { isFormat } from "../../format/format.ts";
import { type FetchedRecords, Fetcher } from "../client/fetcher.ts";
import { KafkaClient } from "../client/kafka-client.ts";
import { RecordColumns } from "../codec/record-columns.ts";
import { READ_WAIT_MS } from "../limits.ts";
import { BadRecords } from "./bad-records.ts";
import { RecordView } from "./deserialise.ts";
import { GroupOffsets } from "./group-offsets.ts";
import type { KafkaSourceSettings } from "./kafka-source.ts";
import { lostOffsets } from "./lost-offsets.ts";
import { NewPartitions } from "./new-partitions.ts";
import { isFinished, type Reading, Readings } from "./readings.ts";
import type { KafkaShare, SharePartition } from "./shares.ts";
import { type ValueReader, valueReader } from "./values.ts";

export class ShareReader<T> implements SourceReader<T, KafkaShare> {
  readonly #settings: KafkaSourceSettings<T>;
  readonly #context: SourceContext;
  readonly #client: KafkaClient;
  readonly #fetcher: Fetcher;
  readonly #badRecords: BadRecords;
  readonly #leftOut: Counter;
  readonly #readings = new Readings();
  readonly #columns = new RecordColumns();
  readonly #view = new RecordView(this.#columns);
  readonly #values: ValueReader<T>;
  readonly #groupOffsets: GroupOffsets | undefined;
  #commitTimer: NodeJS.Timeout | undefined;
  #share: Omit<KafkaShare, "partitions"> = { index: 0, count: 1 };
  #discovery: NewPartitions | undefined;
  /** The fetch whose records are being pushed, the partition that it is of, and the place of the next one. */
  #current: FetchedRecords | undefined;
  #of: Reading | undefined;
  #row = 0;
  /** What the next record needs from outside. */
  #preparing: Promise<void> | undefined;

  constructor(settings: KafkaSourceSettings<T>, context: SourceContext) {
    this.#settings = settings;
    this.#context = context;
    this.#client = new KafkaClient(settings.connection);
    const { committedOnly, onLostOffset, group } = settings;
    const placeOf = onLostOffset === "fail" ? undefined : lostOffsets(this.#client, onLostOffset, context);
    this.#fetcher = new Fetcher(this.#client, { committedOnly, ...(placeOf !== undefined && { placeOf }) });
    this.#values = valueReader(settings.value, this.#columns, this.#view);
    this.#badRecords = new BadRecords(context, settings);
    this.#groupOffsets = group === undefined ? undefined : new GroupOffsets(this.#client, group.name, context);
    this.#leftOut = context.metrics.counter("recordsLeftOut");
    context.metrics.gauge("lagRecords", () => this.#readings.lag);
    context.metrics.gauge("fetchRetries", () => this.#fetcher.retries);
  }

  begin(split: KafkaShare, position?: unknown): void {
    const share = (position as KafkaShare | undefined) ?? split; // of `position`
    this.#share = { index: share.index, count: share.count };
    this.#readings.clear();
    for (const each of share.partitions) this.#follow(each);
    this.#context.parts.replace(this.#readings.open);
    const { discoverMs, topics, bounded, group } = this.#settings;
    if (!bounded) this.#discovery ??= new NewPartitions(this.#client, topics, this.#share, discoverMs);
    if (group !== undefined && !this.#context.checkpointing)
      this.#commitTimer ??= setInterval(() => this.#commit(this.position(), "without checkpoints"), group.everyMs);
  }

  #follow(partition: SharePartition): void {
    const reading = this.#readings.add(partition);
    if (!isFinished(reading)) this.#fetcher.follow(reading, reading.offset);
  }

  read(push: Push<T>, max: number, gate: Gate): ReadStep | Promise<ReadStep> {
    let left = max;
    while (left > 0 && !gate.blocked && this.#preparing === undefined) {
      if (this.#row < this.#columns.count) left -= this.#pushRows(push, left, gate);
      else if (!this.#nextBatch()) break;
    }
    if (this.#preparing !== undefined) return this.#untilPrepared(this.#preparing);
    if (this.#settings.bounded && this.#readings.finished) return this.#end();
    return left < max || gate.blocked ? "more" : this.#wait();
  }

  #end(): ReadStep {
    if (!this.#context.checkpointing) this.#commit(this.position(), "at its end");
    return "end";
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
      if (this.#values.prepare !== undefined) {
        this.#preparing = this.#values.prepare(this.#row);
        if (this.#preparing !== undefined) break;
      }
      const value = this.#valueAt(this.#row);
      reading.offset = offset + 1;
      const timestamp = timestamps[this.#row] as number; // likewise
      if (value === undefined) this.#leftOut.add();
      else push(value, timestamp < 0 ? NO_TIMESTAMP : timestamp);
    }
    return this.#row - first;
  }

  async #untilPrepared(preparing: Promise<void>): Promise<ReadStep> {
    await preparing;
    this.#preparing = undefined;
    return "more";
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
      if (!this.#nextFetch()) return false;
    }
  }

  /** What may be read next; what has come of paused partitions is put aside. */
  #nextFetch(): boolean {
    const parked = this.#readings.takeParked();
    if (parked !== undefined) {
      this.#beginFetch(parked.reading, parked.fetched);
      return true;
    }
    for (let fetched = this.#fetcher.take(); fetched !== undefined; fetched = this.#fetcher.take()) {
      const reading = this.#readings.get(fetched);
      if (reading === undefined) continue;
      reading.end = fetched.highWatermark;
      if (reading.paused) reading.parked.push(fetched);
      else {
        this.#beginFetch(reading, fetched);
        return true;
      }
    }
    return false;
  }

  #beginFetch(reading: Reading, fetched: FetchedRecords): void {
    this.#current = fetched;
    this.#of = reading;
    this.#view.topic = reading.topic;
    this.#view.partition = reading.partition;
    this.#context.parts.reading(reading.name);
  }

  #endFetch(): void {
    const [fetched, reading] = [this.#current, this.#of];
    this.#drop();
    // What formats make holds on to no bytes; a function of the program may have kept some.
    if (isFormat(this.#settings.value)) fetched?.release();
    if (fetched === undefined || reading === undefined) return;
    reading.offset = Math.min(Math.max(reading.offset, fetched.records.nextOffset), reading.stop);
    if (isFinished(reading)) this.#finish(reading);
  }

  #finish(reading: Reading): void {
    reading.offset = reading.stop;
    reading.parked.length = 0;
    this.#fetcher.unfollow(reading);
    this.#drop();
    this.#context.parts.replace(this.#readings.open);
  }

  #drop(): void {
    this.#current = undefined;
    this.#of = undefined;
    this.#row = this.#columns.count;
  }

  pause(part: string, paused: boolean): void {
    const reading = this.#readings.byName(part);
    if (reading === undefined || reading.paused === paused) return;
    reading.paused = paused;
    this.#fetcher.pause(reading, paused);
    if (paused && this.#of === reading) this.#park(reading);
  }

  /** What is left of the current fetch is read again, from where it was. */
  #park(reading: Reading): void {
    const { records, ...fetched } = this.#current as FetchedRecords; // of this partition
    reading.parked.unshift({ ...fetched, records: records.again(reading.offset) });
    this.#drop();
  }

  #takeDiscovered(): void {
    let found = false;
    for (const each of this.#discovery?.take() ?? []) {
      if (this.#readings.get(each) !== undefined) continue;
      this.#follow(each);
      found = true;
    }
    if (found) this.#context.parts.replace(this.#readings.open);
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
    return { ...this.#share, partitions: this.#readings.partitions() };
  }

  checkpointCompleted(checkpoint: number, position: unknown): void {
    this.#commit((position as KafkaShare | undefined) ?? this.position(), `checkpoint ${checkpoint}`);
  }

  #commit({ partitions }: KafkaShare, metadata: string): void {
    this.#groupOffsets?.commit(partitions, `millrace, ${metadata}`);
  }

  async close(): Promise<void> {
    clearInterval(this.#commitTimer);
    this.#discovery?.close();
    this.#fetcher.close();
    await this.#groupOffsets?.close();
    await this.#client.close();
  }
}
