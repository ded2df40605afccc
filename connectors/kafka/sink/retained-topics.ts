/**
 * Of which topics checkpoints keep what is written, until it is committed: those whose log may lose the records of a
 * transaction that brokers have aborted before the job writes them again. Compaction takes such records away first of all.
 */

import type { SinkContext } from "../../../core/sink.ts";
import { KafkaFailure } from "../client/kafka-failure.ts";
import { SHORT_RETENTION_MS } from "../limits.ts";

export interface TopicSettings {
  readonly compacted: boolean;
  /** How long records are kept; infinite: for good. */
  readonly retentionMs: number;
}

/** What a topic is set to. @throws KafkaFailure */
export type AskSettings = (topic: string) => Promise<TopicSettings>;

export class RetainedTopics {
  readonly #always: boolean | undefined;
  readonly #ask: AskSettings;
  readonly #context: Pick<SinkContext, "log">;
  readonly #retained = new Set<string>();

  /** @param always undefined: as each topic is set */
  constructor(always: boolean | undefined, ask: AskSettings, context: Pick<SinkContext, "log">) {
    this.#always = always;
    this.#ask = ask;
    this.#context = context;
  }

  has(topic: string): boolean {
    return this.#retained.has(topic);
  }

  /** Looks at a topic before anything is written to it. @throws KafkaFailure unless it is for a lack of rights */
  async look(topic: string): Promise<void> {
    if (this.#always ?? (await this.#isShort(topic))) this.#retained.add(topic);
  }

  async #isShort(topic: string): Promise<boolean> {
    try {
      const { compacted, retentionMs } = await this.#ask(topic);
      return compacted || retentionMs < SHORT_RETENTION_MS;
    } catch (error) {
      if (!(error instanceof KafkaFailure) || error.code !== "KAFKA_DENIED") throw error;
      const message =
        "this user may not see how the topic is set (DESCRIBE_CONFIGS); if it is compacted or keeps records for less than a day, set retainOutput of toKafka";
      this.#context.log.log("warn", message, { topic });
      return false;
    }
  }
}
