/**
 * The transactions that sinks have left open in a cluster, for who looks after it: readers of committed records wait behind
 * them until their timeout. What loads it is the command line (`runtime/cli/kafka-command.ts`).
 */

import type { KafkaOptions } from "../client/connection-options.ts";
import { KafkaClient } from "../client/kafka-client.ts";
import { accepted } from "../client/kafka-failure.ts";
import type { TopicPartition } from "../protocol/api.ts";
import { describeTransactions, listTransactions, type TransactionDescription } from "../protocol/describe.ts";
import { initProducerId } from "../protocol/transactions.ts";

export interface LeftTransaction {
  readonly transactionalId: string;
  /** As Kafka calls it: Ongoing, PrepareCommit, PrepareAbort. */
  readonly state: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** After how long brokers abort it by themselves. */
  readonly timeoutMs: number;
  /** Milliseconds since 1970; -1: it is not open. */
  readonly startedAt: number;
  readonly partitions: readonly TopicPartition[];
}

export interface LeftTransactionsOptions {
  /** What the ids begin with. */
  readonly prefix: string;
  /** Also ids under which nothing is open. */
  readonly all: boolean;
}

const open = ["Ongoing", "PrepareCommit", "PrepareAbort"];

/** Those that are open, the oldest first. @throws MillraceError one of the codes that begin with KAFKA_ */
export async function leftTransactions(
  connection: KafkaOptions,
  { prefix, all }: LeftTransactionsOptions,
): Promise<readonly LeftTransaction[]> {
  await using client = new KafkaClient(connection);
  const { brokers } = await client.metadata([], ONCE);
  const lists = await Promise.all(
    brokers.map(async ({ node }) => {
      const request = listTransactions(all ? [] : open);
      return accepted(await client.toNode(node, request), request).transactions;
    }),
  );
  const ids = lists.flat().flatMap(({ transactionalId: id }) => (id.startsWith(prefix) ? [id] : []));
  const described = await Promise.all(ids.map((id) => describe(client, id)));
  return described.flat().map(shown).sort(oldestFirst);
}

/** How long a command that somebody waits for tries again. */
const ONCE = { withinMs: 5_000 };

async function describe(client: KafkaClient, id: string): Promise<readonly TransactionDescription[]> {
  return await client.toCoordinator("transaction", id, describeTransactions([id]), ONCE);
}

function shown({ error: _, ...transaction }: TransactionDescription): LeftTransaction {
  return transaction;
}

function oldestFirst(a: LeftTransaction, b: LeftTransaction): number {
  return age(a) - age(b) || a.transactionalId.localeCompare(b.transactionalId);
}

function age({ startedAt }: LeftTransaction): number {
  return startedAt < 0 ? Number.POSITIVE_INFINITY : startedAt;
}

/**
 * Aborts what is open under these ids, and fences who writes under them. A job that still has to commit one of them finds
 * that out and writes its records again, so that nothing is lost by it.
 */
export async function abortTransactions(connection: KafkaOptions, ids: readonly string[]): Promise<void> {
  await using client = new KafkaClient(connection);
  for (const id of ids) await client.toCoordinator("transaction", id, initProducerId(id, FENCE_MS), ONCE);
}

/** Of the transaction that could follow, and does not. */
const FENCE_MS = 60_000;
