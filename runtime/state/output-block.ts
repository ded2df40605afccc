/**
 * What a sink's part needs beside its name to be published late, as state blocks: the section "output", whose rows are byte
 * strings in the order in which the writer gave them. What they mean is the writer's business.
 *
 * The block's name is the part's, `PreparedPart.retained`; a part may fill several blocks.
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Column } from "./column-codec.ts";
import { type ColumnPlan, corrupt, encodeBlock, openBlock, shapeOf } from "./state-block.ts";

const shape = shapeOf("output");

export function outputBlock(
  pieces: readonly Uint8Array[],
  name: string,
  about: KeyGroupRange,
  operator: string,
): Uint8Array<ArrayBuffer> {
  return encodeBlock({ name, shape, groups: [], about, rows: pieces.length, columns: [pieces] }, operator);
}

const plan: ColumnPlan = { keys: false, read: (next, { rows }) => [next(rows)] };

/** @throws STATE_CORRUPT */
export function readOutputBlock(block: Uint8Array, where: string, operator: string): readonly Uint8Array[] {
  const { columns, header } = openBlock(block, plan, where, operator);
  const [pieces] = columns as readonly [Column];
  return Array.from({ length: header.rows }, (_, row) => {
    const piece = pieces[row];
    if (piece instanceof Uint8Array) return piece;
    throw corrupt(operator, `${where} holds output that is no bytes`);
  });
}
