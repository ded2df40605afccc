/** Whether stored blocks are the ones that their manifest lists. What does not agree is refused by name, never passed over. */

import type { BlockRecord } from "./checkpoint-manifest.ts";
import type { CheckpointName, CheckpointStore } from "./checkpoint-store.ts";
import { type BlockHeader, corrupt, readHeader } from "./state-block.ts";

export interface ExpectedBlock {
  readonly checkpoint: CheckpointName;
  readonly operator: string;
  readonly record: BlockRecord;
}

/** Names a block in errors. */
export function whereOf({ checkpoint, record }: Pick<ExpectedBlock, "checkpoint" | "record">): string {
  return `block ${record.number} of worker ${record.worker} in checkpoint ${checkpoint}`;
}

/** @throws STATE_CORRUPT when it is missing, damaged or another one. */
export function verified(block: Uint8Array | undefined, expected: ExpectedBlock): BlockHeader {
  const { operator, record } = expected;
  const where = whereOf(expected);
  if (block === undefined) throw corrupt(operator, `${where} is missing`);
  const header = readHeader(block, where, operator);
  const { keyGroups, shape } = header;
  const agrees =
    header.crc === record.crc &&
    header.bytes === record.bytes &&
    header.rows === record.rows &&
    header.name === record.name &&
    header.schema === record.schema &&
    shape.section === record.section &&
    keyGroups.first === record.first &&
    keyGroups.last === record.last;
  if (!agrees) throw corrupt(operator, `${where} is whole, but not the one that the manifest lists`);
  return header;
}

/** Reads blocks and says which are not what is expected, by their places in the list. @throws CHECKPOINT_STORE */
export async function damagedAmong(
  store: Pick<CheckpointStore, "readBlocks">,
  blocks: readonly ExpectedBlock[],
): Promise<readonly number[]> {
  const places = blocks.map(({ checkpoint, record: { worker, number } }) => ({ checkpoint, worker, number }));
  const damaged: number[] = [];
  let at = 0;
  for await (const block of store.readBlocks(places)) {
    if (!isWhole(block, blocks[at] as ExpectedBlock)) damaged.push(at);
    at++;
  }
  return damaged;
}

function isWhole(block: Uint8Array | undefined, expected: ExpectedBlock): boolean {
  try {
    verified(block, expected);
    return true;
  } catch {
    return false;
  }
}
