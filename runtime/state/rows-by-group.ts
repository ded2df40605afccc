/** Row numbers by key group, handed out in blocks: how everything that is snapshotted finds its place. */

import { BLOCK_ROWS } from "./snapshot-block.ts";

export class RowsByGroup {
  readonly #rows = new Map<number, number[]>();

  add(keyGroup: number, row: number): void {
    const rows = this.#rows.get(keyGroup);
    if (rows === undefined) this.#rows.set(keyGroup, [row]);
    else rows.push(row);
  }

  *chunks(): Generator<readonly [keyGroup: number, rows: readonly number[]]> {
    for (const [keyGroup, rows] of this.#rows) {
      for (let at = 0; at < rows.length; at += BLOCK_ROWS) yield [keyGroup, rows.slice(at, at + BLOCK_ROWS)];
    }
  }
}
