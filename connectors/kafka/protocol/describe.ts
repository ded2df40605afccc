/** What brokers know of transactions and producers: to find those that a lost job has left open. */

import { type ApiRequest, byTopic, type TopicPartition } from "./api.ts";
import type { ProducerIdentity } from "./transactions.ts";

export interface TransactionDescription extends ProducerIdentity {
  readonly error: number;
  readonly transactionalId: string;
  /** As the broker calls it: Empty, Ongoing, PrepareCommit, CompleteCommit and so on. */
  readonly state: string;
  readonly timeoutMs: number;
  /** -1: none is open. */
  readonly startedAt: number;
  readonly partitions: readonly TopicPartition[];
}

/** To the coordinator of the transactional ids. */
export function describeTransactions(
  transactionalIds: readonly string[],
): ApiRequest<readonly TransactionDescription[]> {
  return {
    name: "DescribeTransactions",
    key: 65,
    version: 0,
    results: (answer) => answer,
    write: (to) => to.array(transactionalIds, (id) => to.text(id)).end(),
    read: (from) => {
      from.int32(); // throttle time
      return from.array(() => {
        const [error, transactionalId, state] = [from.int16(), from.text(), from.text()];
        const [timeoutMs, startedAt] = [from.int32(), from.int64()];
        const [producerId, producerEpoch] = [from.int64(), from.int16()];
        const partitions = from.array(() => {
          const topic = from.text();
          const items = from.array(() => ({ topic, partition: from.int32() }));
          from.end();
          return items;
        });
        from.end();
        const described = { error, transactionalId, state, timeoutMs, startedAt, producerId, producerEpoch };
        return { ...described, partitions: partitions.flat() };
      });
    },
  };
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: string;
}

/** The transactional ids that one broker looks after. @param states none: all */
export function listTransactions(
  states: readonly string[],
): ApiRequest<{ readonly error: number; readonly transactions: readonly ListedTransaction[] }> {
  return {
    name: "ListTransactions",
    key: 66,
    version: 0,
    results: (answer) => [answer],
    write: (to) => {
      to.array(states, (state) => to.text(state));
      to.array([], () => {}).end(); // of any producer
    },
    read: (from) => {
      from.int32(); // throttle time
      const error = from.int16();
      from.array(() => from.text()); // states that it does not know
      const transactions = from.array(() => {
        const listed = { transactionalId: from.text(), producerId: from.int64(), state: from.text() };
        from.end();
        return listed;
      });
      return { error, transactions };
    },
  };
}

export interface ActiveProducer extends ProducerIdentity {
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  /** -1: it has no transaction open. */
  readonly transactionStart: number;
}

export interface PartitionProducers extends TopicPartition {
  readonly error: number;
  readonly message: string | null;
  readonly producers: readonly ActiveProducer[];
}

/** To the leader of the partitions. */
export function describeProducers(partitions: readonly TopicPartition[]): ApiRequest<readonly PartitionProducers[]> {
  return {
    name: "DescribeProducers",
    key: 61,
    version: 0,
    results: (answer) => answer,
    write: (to) => {
      to.array(byTopic(partitions), ([topic, items]) => {
        to.text(topic)
          .array(items, ({ partition }) => to.int32(partition))
          .end();
      });
      to.end();
    },
    read: (from) => {
      from.int32(); // throttle time
      const topics = from.array(() => {
        const topic = from.text();
        const found = from.array(() => {
          const [partition, error, message] = [from.int32(), from.int16(), from.nullableText()];
          const producers = from.array(() => {
            const [producerId, producerEpoch, lastSequence] = [from.int64(), from.int32(), from.int32()];
            const lastTimestamp = from.int64();
            from.int32(); // epoch of the coordinator
            const transactionStart = from.int64();
            from.end();
            return { producerId, producerEpoch, lastSequence, lastTimestamp, transactionStart };
          });
          from.end();
          return { topic, partition, error, message, producers };
        });
        from.end();
        return found;
      });
      return topics.flat();
    },
  };
}
