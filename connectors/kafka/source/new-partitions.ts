/**
 * Looks for partitions, and topics that match, which came while the job runs, and keeps those that belong to a share until
 * its reader takes them. A partition that is found so is read from its first record: all of its records are new.
 *
 * That it cannot look at the moment is no failure of the job, whose partitions may be in best health; it looks again.
 */

import type { KafkaClient } from "../client/kafka-client.ts";
import { KafkaFailure } from "../client/kafka-failure.ts";
import { startsOf } from "./places.ts";
import { type KafkaShare, ownerOf, type SharePartition } from "./shares.ts";
import { type KafkaTopics, partitionsOf } from "./topics.ts";

export class NewPartitions {
  readonly #client: KafkaClient;
  readonly #topics: KafkaTopics;
  readonly #share: Omit<KafkaShare, "partitions">;
  readonly #timer: NodeJS.Timeout;
  #found: readonly SharePartition[] = [];
  #failure: { readonly cause: unknown } | undefined;
  #looking = false;
  #closed = false;

  constructor(client: KafkaClient, topics: KafkaTopics, share: Omit<KafkaShare, "partitions">, everyMs: number) {
    this.#client = client;
    this.#topics = topics;
    this.#share = share;
    this.#timer = setInterval(() => void this.#look(), everyMs);
  }

  /** All partitions of the share that there are, whenever it has looked. @throws what is a defect and no failure of Kafka */
  take(): readonly SharePartition[] {
    if (this.#failure !== undefined) throw this.#failure.cause;
    const found = this.#found;
    this.#found = [];
    return found;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const topic of this.#topics instanceof RegExp ? [] : [this.#topics].flat()) this.#client.forget(topic);
      const all = await partitionsOf(this.#client, this.#topics, { withinMs: 0 });
      const mine = all.filter((each) => ownerOf(each, this.#share.count) === this.#share.index);
      const offsets = await startsOf(this.#client, mine, "earliest", { committedOnly: false });
      this.#found = mine.map((each, index) => ({ ...each, offset: offsets[index] as number, stop: null }));
    } catch (cause) {
      if (!(cause instanceof KafkaFailure) && !this.#closed) this.#failure = { cause };
    } finally {
      this.#looking = false;
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }
}
