/**
 * Sends finished record batches to the leaders of their partitions. One request goes to one leader, and each partition's
 * answer counts for itself: a request to several would be answered by some and lost by others.
 *
 * A batch whose leader changed or did not answer is sent again as it is. With a producer's stamp brokers take it once, also
 * when they had it already; without one it may be written twice. With one too, if all of this comes together: it is in no
 * transaction, its records' timestamps are older than a day (the broker's `producer.id.expiration.ms`), by which brokers
 * take a producer for gone, and its broker is killed between writing and acknowledging it.
 *
 * A batch that is larger than its topic takes is divided, as long as it holds more than one record.
 *
 * REQUIRES: a partition's next batch is sent when the one before it is acknowledged, so that none can overtake another.
 */

import { countOf } from "../codec/record-batch-builder.ts";
import { splitBatch } from "../codec/split-batch.ts";
import { RETRY_WITHIN_MS } from "../limits.ts";
import { type Acknowledgement, type Appended, type ProducedBatch, produce } from "../protocol/produce.ts";
import type { KafkaClient, Patience } from "./kafka-client.ts";
import { KafkaFailure, refusal } from "./kafka-failure.ts";
import { retrying } from "./retrying.ts";

export interface BatchProducerOptions extends Patience {
  readonly acknowledgement?: Acknowledgement;
  readonly transactionalId?: string | null;
  /** How long a leader waits for its replicas; default 10 s. */
  readonly waitMs?: number;
}

const DUPLICATE_SEQUENCE = 46;
const WAIT_MS = 10_000;

/** Why a batch was not written, or where it was; undefined with acknowledgement "none". */
type Outcome = Appended | KafkaFailure | undefined;

export class BatchProducer {
  readonly #client: KafkaClient;
  readonly #options: BatchProducerOptions;
  /** Batches that had to be sent again. */
  retries = 0;

  constructor(client: KafkaClient, options: BatchProducerOptions = {}) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Resolves when all batches, of one partition each, are acknowledged, with where they are: of a batch that was divided, of
   * each part. With acknowledgement "none" nobody knows.
   * @throws KafkaFailure of the first batch that is refused for good, or that was not acknowledged in time; others may have
   *   been written
   */
  async send(batches: readonly ProducedBatch[]): Promise<readonly Appended[]> {
    let left = batches;
    const appended: Appended[] = [];
    const large: ProducedBatch[] = [];
    await retrying(
      async () => {
        const outcomes = await this.#sendOnce(left);
        large.push(...outcomes.filter(isTooLarge).map(({ batch }) => batch));
        const failures = outcomes.filter((each) => each.outcome instanceof KafkaFailure && !isTooLarge(each));
        left = failures.map(({ batch }) => batch);
        for (const { outcome } of outcomes)
          if (outcome !== undefined && !(outcome instanceof KafkaFailure)) appended.push(outcome);
        const worst = failures.find(({ outcome }) => (outcome as KafkaFailure).remedy === "none") ?? failures[0];
        if (worst !== undefined) throw worst.outcome;
      },
      {
        withinMs: this.#options.withinMs ?? RETRY_WITHIN_MS,
        signal: this.#options.signal,
        onRetry: () => {
          this.retries += left.length;
          for (const { topic } of left) this.#client.forget(topic);
        },
      },
    );
    for (const batch of large) appended.push(...(await this.#sendDivided(batch)));
    return appended;
  }

  /** The second half when the first is acknowledged. */
  async #sendDivided({ topic, partition, batch }: ProducedBatch): Promise<readonly Appended[]> {
    const [first, second] = splitBatch(batch);
    const before = await this.send([{ topic, partition, batch: first }]);
    return [...before, ...(await this.send([{ topic, partition, batch: second }]))];
  }

  async #sendOnce(batches: readonly ProducedBatch[]): Promise<{ batch: ProducedBatch; outcome: Outcome }[]> {
    const led = await Promise.all(
      batches.map(async (batch) => {
        const node = await this.#client.leader(batch).then(
          (leader) => leader.node,
          (error: unknown) => asFailure(error),
        );
        return { batch, node };
      }),
    );
    const byLeader = Map.groupBy(led, ({ node }) => node);
    const answers = [...byLeader].map(([node, group]) =>
      this.#toLeader(
        node,
        group.map(({ batch }) => batch),
      ),
    );
    return (await Promise.all(answers)).flat();
  }

  async #toLeader(
    node: number | KafkaFailure,
    batches: readonly ProducedBatch[],
  ): Promise<{ batch: ProducedBatch; outcome: Outcome }[]> {
    const answer = node instanceof KafkaFailure ? node : await this.#request(node, batches);
    return batches.map((batch) => ({ batch, outcome: this.#outcome(batch, answer) }));
  }

  #request(node: number, batches: readonly ProducedBatch[]): Promise<readonly Appended[] | KafkaFailure> {
    const { transactionalId = null, acknowledgement = "all", waitMs = WAIT_MS } = this.#options;
    const request = produce(batches, { transactionalId, acknowledgement, waitMs });
    return this.#client.toNode(node, request).catch(asFailure);
  }

  #outcome(batch: ProducedBatch, answer: readonly Appended[] | KafkaFailure): Outcome {
    if (answer instanceof KafkaFailure || this.#options.acknowledgement === "none") {
      return answer instanceof KafkaFailure ? answer : undefined;
    }
    const what = `a record batch for partition ${batch.partition} of "${batch.topic}"`;
    const mine = answer.find(({ topic, partition }) => topic === batch.topic && partition === batch.partition);
    if (mine === undefined) return new KafkaFailure("KAFKA_UNREACHABLE", `No answer to ${what}`, "MISSING", "leader");
    if (mine.error === 0 || mine.error === DUPLICATE_SEQUENCE) return mine;
    return refusal(mine.error, what, mine.message);
  }
}

function isTooLarge({ batch: { batch }, outcome }: { batch: ProducedBatch; outcome: Outcome }): boolean {
  return outcome instanceof KafkaFailure && outcome.code === "KAFKA_TOO_LARGE" && countOf(batch) > 1;
}

/** What is no failure of a request is a defect, and goes on as it is. */
function asFailure(error: unknown): KafkaFailure {
  if (error instanceof KafkaFailure) return error;
  throw error;
}
