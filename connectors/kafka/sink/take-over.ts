/** What an attempt does about the transactions of those before it, before it writes anything itself. */

import { MillraceError } from "../../../core/errors.ts";
import type { RestoredSink } from "../../../core/sink.ts";
import type { PreparedTransaction } from "./prepared-transaction.ts";
import type { TransactionPort } from "./transaction-port.ts";
import { parseId } from "./transactional-ids.ts";

export interface TakingOver {
  readonly prefix: string;
  readonly lineage: string;
  readonly subtask: number;
  readonly parallelism: number;
  readonly restored: RestoredSink | undefined;
}

/**
 * Aborts what is open under the ids that this subtask owns and that the checkpoint does not name: readers of committed
 * records wait for it. What the checkpoint names is committed by `finish`, and by nobody else.
 * @throws MillraceError CHECKPOINT_BEHIND_OUTPUT when a later checkpoint's output is committed already
 */
export async function takeOver(port: TransactionPort, taking: TakingOver): Promise<void> {
  const { prefix, subtask, parallelism, restored } = taking;
  const parts = restored?.parts.map(({ prepared }) => prepared as PreparedTransaction) ?? []; // of `prepare`
  const prepared = new Set(parts.map(({ transactionalId }) => transactionalId));
  const listed = await port.list(`${prefix}-`);
  const owned = listed.filter(({ transactionalId }) => {
    const id = parseId(prefix, transactionalId);
    return id !== undefined && id.subtask % parallelism === subtask;
  });
  const left = owned.filter(({ transactionalId, open }) => open && !prepared.has(transactionalId));
  await Promise.all(left.map(({ transactionalId }) => port.begin(transactionalId)));
  await Promise.all(owned.map(({ transactionalId }) => refuseIfBehind(port, transactionalId, taking)));
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
