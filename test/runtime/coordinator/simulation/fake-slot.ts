/** A slot of a fake worker: what it has read, and what it waits for. */

import type { RegionDeployment } from "../../../../runtime/cluster-protocol.ts";
import type { ToSlot } from "../../../../runtime/protocol.ts";
import type { FakeDealer, FakeReaders } from "./fake-checkpoints.ts";

export interface FakeSlot {
  readonly deployment: RegionDeployment;
  readonly slot: number;
  /** The source's subtasks that it has. */
  readonly reading: Set<string>;
  readonly deaf: boolean;
  /** Of the source whose splits it deals; known when it runs. */
  dealer: FakeDealer;
  readonly readers: FakeReaders;
  /** What came before it knew what it goes on from. */
  mail: ToSlot[] | undefined;
  /** Rows that were not answered. */
  unanswered: number;
  /** It waits for answers to be cut: nothing is read meanwhile. */
  aligning: boolean;
  /** The checkpoint that holds its end. */
  heldBy: number | undefined;
  told: number;
  ended: boolean;
}

/** Whether its subtasks have read everything, and it has told so every reader that it deals splits to. */
export function hasRead({ deployment, slot, reading, told }: FakeSlot): boolean {
  const { subtasks } = deployment.executionGraph;
  const heads = subtasks.filter((each) => each.slot === slot && each.subtask === 0 && each.vertex.startsWith("source"));
  const readers = subtasks.filter((each) => heads.some((head) => head.vertex === each.vertex)).length;
  return reading.size === 0 && told >= readers;
}
