/** What an attempt does about the transactions of those before it, before it writes anything itself. */

import { MillraceError } from "../../../core/errors.ts";
import type { RestoredSink } from "../../../core/sink.ts";
import type { PreparedTransaction } from "./prepared-transaction.ts";
import type { TransactionPort } from "./transaction-port.ts";
import { parseId, prefixOf } from "./transactional-ids.ts";

export interface TakingOver {
  readonly prefix: string;
  readonly lineage: string;
  readonly subtask: number;
  readonly parallelism: number;
  readonly restored: RestoredSink | undefined;
}

/**
 * Begins under all ids that this subtask owns and that the checkpoint does not name, which aborts what is open there: readers
 * of committed records wait for it. Where nothing is open, too: what an earlier attempt has sent may come to brokers only now,
 * and would open a transaction that nobody ends before its timeout. What the checkpoint names is committed by `finish`, and by
 * nobody else.
 * @throws MillraceError CHECKPOINT_BEHIND_OUTPUT when a later checkpoint's output is committed already
 */
export async function takeOver(port: TransactionPort, taking: TakingOver): Promise<void> {
  const { prefix, restored } = taking;
  const parts = restored?.parts.map(({ prepared }) => prepared as PreparedTransaction) ?? []; // of `prepare`
  const prepared = new Set(parts.map(({ transactionalId }) => transactionalId));
  // A job without checkpoints of its own goes on under another prefix than the one that it goes on from.
  const prefixes = new Set([prefix, ...[...prepared].map(prefixOf)]);
  const listed = await Promise.all([...prefixes].map((each) => idsOf(port, each, taking)));
  const owned = listed.flat();
  await Promise.all(owned.filter((id) => !prepared.has(id)).map((id) => port.begin(id)));
  await Promise.all(owned.map((id) => refuseIfBehind(port, id, taking)));
}

/** Those of a prefix that a subtask owns. */
async function idsOf(
  port: TransactionPort,
  prefix: string,
  { subtask, parallelism }: TakingOver,
): Promise<readonly string[]> {
  const listed = await port.list(`${prefix}-`);
  return listed.filter((each) => {
    const id = parseId(prefix, each);
    return id !== undefined && id.subtask % parallelism === subtask;
  });
}

async function refuseIfBehind(
  port: TransactionPort,
  transactionalId: string,
  { lineage, restored }: TakingOver,
): Promise<void> {
  const found = await port.marker(transactionalId);
  const checkpoint = restored?.checkpoint ?? 0;
  if (found === undefined || found.lineage !== lineage || found.checkpoint <= checkpoint) return;
  throw new MillraceError(
    "CHECKPOINT_BEHIND_OUTPUT",
    `what was written after checkpoint ${checkpoint}, from which the job goes on, is committed in Kafka up to checkpoint ${found.checkpoint}; its records would come twice. Go on from a later checkpoint`,
  );
}
