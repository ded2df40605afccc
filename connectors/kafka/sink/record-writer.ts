/** From records to the lanes of their partitions: the part of a sink's writer that every record goes through. */

import { MillraceError } from "../../../core/errors.ts";
import type { SinkContext } from "../../../core/sink.ts";
import type { Counter } from "../../../core/telemetry.ts";
import { NO_TIMESTAMP } from "../../../core/time.ts";
import type { KafkaClient } from "../client/kafka-client.ts";
import { TOPIC_WITHIN_MS } from "../limits.ts";
import { laneAt, laneOf, type OutTopic } from "./out-topics.ts";
import type { Lane, Outbox } from "./outbox.ts";
import type { RecordEncoder } from "./serialise.ts";
import type { KafkaSinkSettings } from "./settings.ts";

export class RecordWriter<T> {
  readonly #settings: KafkaSinkSettings<T>;
  readonly #context: SinkContext;
  readonly #client: Pick<KafkaClient, "partitionsOf">;
  readonly #outbox: Outbox;
  readonly #leftOut: Counter;
  readonly #topics = new Map<string, OutTopic>();
  readonly #encoder: RecordEncoder<T>;
  readonly #look: ((topic: string) => Promise<void>) | undefined;
  /** The one that all records go to. */
  #only: OutTopic | undefined;

  /** @param look at a topic that is there, before anything is written to it */
  constructor(
    settings: KafkaSinkSettings<T>,
    context: SinkContext,
    client: Pick<KafkaClient, "partitionsOf">,
    outbox: Outbox,
    look?: (topic: string) => Promise<void>,
  ) {
    this.#settings = settings;
    this.#context = context;
    this.#client = client;
    this.#outbox = outbox;
    this.#look = look;
    this.#leftOut = context.metrics.counter("recordsLeftOut");
    this.#encoder = settings.encoder();
  }

  /** @throws KafkaFailure KAFKA_TOPIC, KAFKA_DENIED, KAFKA_UNREACHABLE; what the format's `open` throws */
  async open(): Promise<void> {
    await this.#encoder.open?.();
    const { topic } = this.#settings;
    if (typeof topic === "string") this.#only = await this.#addTopic(topic);
  }

  write(value: T, timestamp: number): void | Promise<void> {
    const topic = this.#only ?? this.#topicOf(value);
    if (topic === undefined) return this.#writeToNew(value, timestamp);
    const { key: keyOf, headers: headersOf, partition } = this.#settings;
    const content = this.#encoder.encode(value);
    if (content === undefined) {
      this.#leftOut.add();
      return;
    }
    const key = keyOf === undefined ? null : keyOf(value);
    if (content === null && key === null) throw noKey(topic);
    const lane = partition === undefined ? laneOf(topic, key) : laneAt(topic, partition(value, topic.lanes.length));
    return this.#outbox.append(lane, key, content, this.#timeOf(value, timestamp), headersOf?.(value));
  }

  #timeOf(value: T, timestamp: number): number {
    const { timestamp: timeOf } = this.#settings;
    if (timeOf !== undefined) return timeOf(value);
    return timestamp === NO_TIMESTAMP ? this.#context.clock.now() : timestamp;
  }

  #topicOf(value: T): OutTopic | undefined {
    const { topic } = this.#settings;
    return this.#topics.get(typeof topic === "string" ? topic : topic(value));
  }

  async #writeToNew(value: T, timestamp: number): Promise<void> {
    const { topic } = this.#settings;
    await this.#addTopic(typeof topic === "string" ? topic : topic(value));
    await this.write(value, timestamp);
  }

  async #addTopic(name: string): Promise<OutTopic> {
    const count = await this.#client.partitionsOf(name, { withinMs: TOPIC_WITHIN_MS, signal: this.#context.signal });
    await this.#look?.(name);
    const lanes = Array.from({ length: count }, (_, partition): Lane => this.#outbox.lane({ topic: name, partition }));
    // Each subtask begins with another partition.
    const topic: OutTopic = { name, lanes, next: this.#context.subtask % count, turn: 0 };
    this.#topics.set(name, topic);
    return topic;
  }
}

function noKey({ name }: OutTopic): MillraceError {
  const message = `A record for "${name}" has neither key nor value: a tombstone deletes a key. Give the Kafka sink a "key"`;
  return new MillraceError("BAD_RECORD", message);
}
