/** An operator's state and timers from a checkpoint as it is: nothing is dropped, renamed or converted. */

import type { KeyGroupRange } from "../../../core/key-group.ts";
import { type OpenCheckpoint, readOperator } from "../../../runtime/state/checkpoint-reader.ts";
import type { CheckpointReads } from "../../../runtime/state/checkpoint-store.ts";

interface RestoreTarget {
  restoreBlock(block: Uint8Array, where: string): void;
}

export async function restoreOperator(
  store: CheckpointReads,
  checkpoint: OpenCheckpoint,
  operator: string,
  keyGroups: KeyGroupRange,
  state: RestoreTarget | undefined,
  timers: RestoreTarget | undefined,
): Promise<void> {
  for await (const { block, header, where } of readOperator(store, checkpoint, operator, keyGroups)) {
    const target = header.shape.section === "timers" ? timers : state;
    target?.restoreBlock(block, where);
  }
}
