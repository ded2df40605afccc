/**
 * Commits positions to a consumer group, where monitoring looks for them. The job itself goes on from its checkpoints and
 * never looks there, so a commit that fails is counted and warned of, and harms nobody.
 *
 * One commit is under way at a time; of those that come meanwhile the newest is next, and one that says nothing new is none.
 */

import type { SourceContext } from "../../../core/source.ts";
import type { Counter } from "../../../core/telemetry.ts";
import type { KafkaClient } from "../client/kafka-client.ts";
import { GROUP_COMMIT_WITHIN_MS } from "../limits.ts";
import { commitOffsets } from "../protocol/group-offsets.ts";
import type { SharePartition } from "./shares.ts";

export class GroupOffsets {
  readonly #client: KafkaClient;
  readonly #group: string;
  readonly #context: SourceContext;
  readonly #failures: Counter;
  readonly #abort = new AbortController();
  #next: { readonly partitions: readonly SharePartition[]; readonly metadata: string } | undefined;
  #underWay: Promise<void> | undefined;
  /** What was committed last, of each partition. */
  readonly #committed = new Map<string, number>();
  #failing = false;

  constructor(client: KafkaClient, group: string, context: SourceContext) {
    this.#client = client;
    this.#group = group;
    this.#context = context;
    this.#failures = context.metrics.counter("offsetCommitFailures");
  }

  /** @param metadata what tools show beside the offsets */
  commit(partitions: readonly SharePartition[], metadata: string): void {
    this.#next = { partitions, metadata };
    this.#underWay ??= this.#commitAll().finally(() => {
      this.#underWay = undefined;
    });
  }

  async #commitAll(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      const { partitions, metadata } = next;
      const changed = partitions.filter((each) => this.#committed.get(keyOf(each)) !== each.offset);
      if (changed.length > 0 && !this.#abort.signal.aborted) await this.#commitSome(changed, metadata);
    }
  }

  async #commitSome(partitions: readonly SharePartition[], metadata: string): Promise<void> {
    const offsets = partitions.map(({ topic, partition, offset }) => ({ topic, partition, offset, metadata }));
    const patience = { withinMs: GROUP_COMMIT_WITHIN_MS, signal: this.#abort.signal };
    try {
      await this.#client.toCoordinator("group", this.#group, commitOffsets(this.#group, offsets), patience);
      for (const each of partitions) this.#committed.set(keyOf(each), each.offset);
      this.#failing = false;
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#failures.add();
    if (this.#failing) return;
    this.#failing = true;
    const message =
      "offsets could not be committed to the consumer group; the job goes on, and tries again with the next ones";
    this.#context.log.log("warn", message, { group: this.#group, error: (error as Error).message });
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), GROUP_COMMIT_WITHIN_MS);
    await this.#underWay;
    clearTimeout(timer);
    this.#abort.abort();
  }
}

function keyOf({ topic, partition }: SharePartition): string {
  return `${topic}/${partition}`;
}
