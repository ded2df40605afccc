/**
 * What a checkpoint keeps of a transaction that is prepared: enough for any process to commit it, and, if brokers have
 * aborted it meanwhile, to write its records again.
 *
 * A partition's log keeps the records of an aborted transaction as long as it keeps any others of their age, so they are read
 * from there by the producer's id and epoch. Where it may not (`retained-topics.ts`), the checkpoint retains them beside this.
 * Their number is known: records that are not there any more are missed, and not left out in silence.
 */

import type { TopicPartition } from "../protocol/api.ts";
import type { TransactionalProducer } from "../protocol/transactions.ts";

export interface PreparedTransaction extends TransactionalProducer {
  readonly kind: "millrace.kafka.transaction";
  /** When it was prepared, in milliseconds since 1970. */
  readonly preparedAt: number;
  /** Never empty. */
  readonly written: readonly WrittenRange[];
}

/** What a transaction has written to a partition; between its records may be others'. */
export interface WrittenRange extends TopicPartition {
  /** The first record's offset. */
  readonly first: number;
  /** The offset of the last batch's first record. */
  readonly last: number;
  readonly records: number;
  /** Whether checkpoints keep its batches too. */
  readonly retained?: true;
}

/**
 * Of which epoch a transactional id has committed a transaction last. It is an offset that the transaction itself commits,
 * for the consumer group that has the id's name, so it is there exactly if the transaction's records are.
 */
export interface Marker {
  readonly checkpoint: number;
  /** Whose checkpoint (`SinkContext.lineage`). */
  readonly lineage: string;
}

/** Where the marker stands: brokers want a partition that exists. */
export function markerPlace({ written }: Pick<PreparedTransaction, "written">): TopicPartition {
  const { topic, partition } = written[0] as WrittenRange; // never empty
  return { topic, partition };
}
