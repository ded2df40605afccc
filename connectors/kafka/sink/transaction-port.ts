/** What the sink's protocol asks of brokers, as an interface: a test crashes at each of these steps on a broker in memory. */

import type { TopicPartition } from "../protocol/api.ts";
import type { Appended, ProducedBatch } from "../protocol/produce.ts";
import type { ProducerIdentity, TransactionalProducer } from "../protocol/transactions.ts";
import type { Marker, WrittenRange } from "./prepared-transaction.ts";

export interface TransactionPort {
  /** Fences whoever used the id, aborts what is open under it, and waits until that is done. */
  begin(transactionalId: string): Promise<TransactionalProducer>;
  /** The partitions belong to the transaction from now on. REQUIRES: before anything is sent to them. */
  add(producer: TransactionalProducer, partitions: readonly TopicPartition[]): Promise<void>;
  /** Resolves when all are acknowledged, with where they are. */
  send(producer: TransactionalProducer, batches: readonly ProducedBatch[]): Promise<readonly Appended[]>;
  /** Sets the id's marker, if the transaction is committed. */
  mark(producer: TransactionalProducer, place: TopicPartition, marker: Marker): Promise<void>;
  /**
   * The same, and tells which marker of the id is committed already. None is missed: what brokers have acknowledged may not
   * be seen for a moment where another one takes over, but here it comes from who has just written this.
   */
  claim(producer: TransactionalProducer, place: TopicPartition, marker: Marker): Promise<Marker | undefined>;
  /** Resolves when it is decided, also when it was decided so before. */
  end(producer: TransactionalProducer, commit: boolean): Promise<void>;
  /** Undefined: there is none, or whoever tells it has just taken over and does not know it yet. */
  marker(transactionalId: string): Promise<Marker | undefined>;
  /**
   * The batches of a producer in a range of a partition's log, in their order, whatever became of the transaction. A batch that
   * compaction has taken records out of is left out: it cannot be written again, as brokers refuse it.
   */
  read(range: WrittenRange, producer: ProducerIdentity): AsyncIterable<Buffer>;
  /** All transactional ids that begin so. */
  list(prefix: string): Promise<readonly string[]>;
}
