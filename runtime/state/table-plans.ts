/**
 * What blocks hold of a table behind the keys: namespaces, each float64 column, values where the table has them. The
 * dropped namespaces, in blocks of their own, hold for all key groups that their block is about.
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Steps } from "./capture.ts";
import type { MemoryTable } from "./memory-table.ts";
import { BLOCK_ROWS, type ColumnPlan, encodeBlock, type StateShape, shapeOf } from "./state-block.ts";

export function tableShape({ descriptor }: MemoryTable): StateShape {
  const { numbers, values, keyGroup } = descriptor;
  return { section: "table", numbers, values, named: keyGroup === "key", stamps: undefined };
}

export const tablePlan: ColumnPlan = {
  keys: true,
  read: (next, { rows, shape }) => Array.from({ length: 1 + shape.numbers + (shape.values ? 1 : 0) }, () => next(rows)),
};

export const dropsPlan: ColumnPlan = { keys: false, read: (next, { rows }) => [next(rows)] };

export function* dropBlocks(table: MemoryTable, dropped: readonly number[], about: KeyGroupRange): Steps {
  for (let at = 0; at < dropped.length; at += BLOCK_ROWS) {
    const namespaces = dropped.slice(at, at + BLOCK_ROWS);
    const content = { name: table.name, shape: shapeOf("drops"), groups: [], about };
    yield encodeBlock({ ...content, rows: namespaces.length, columns: [namespaces] }, table.operator);
  }
}
