/**
 * Rows of the slots of a pane (`core/pane-rows.ts`) as the arrays that are saved: one a slot, among the pane's values. So they
 * can go to disk as other values do.
 */

import type { PaneRows, RowsKind } from "../../core/pane-rows.ts";
import { longer } from "./longer.ts";

const FOUND_MIN = 64;

export class PlainPaneRows implements PaneRows {
  found = new Int32Array(FOUND_MIN);
  readonly #values: unknown[];
  /** Places of a row in an array. */
  readonly #stride: 2 | 3;

  constructor(kind: RowsKind, values: unknown[]) {
    this.#values = values;
    this.#stride = strideOf(kind);
  }

  add(slot: number, time: number, row: unknown, marked: boolean): void {
    const rows = this.#values[slot] as unknown[] | undefined;
    const added = this.#stride === 3 ? [time, row, marked ? 1 : 0] : [time, row];
    if (rows === undefined) this.#values[slot] = added;
    else rows.push(...added);
  }

  find(slot: number, base: number, from: number, to: number): number {
    const rows = this.#values[slot] as readonly unknown[] | undefined;
    let count = 0;
    for (let place = 0; place < (rows?.length ?? 0); place += this.#stride) {
      const later = base + (rows?.[place] as number);
      if (later < from || later > to) continue;
      if (count === this.found.length) this.found = longer(this.found, 2 * count);
      this.found[count++] = place;
    }
    return count;
  }

  timeAt(slot: number, place: number): number {
    return this.#at(slot, place) as number;
  }

  rowAt(slot: number, place: number): unknown {
    return this.#at(slot, place + 1);
  }

  isMarked(slot: number, place: number): boolean {
    return this.#at(slot, place + 2) === 1;
  }

  mark(slot: number, place: number): void {
    (this.#values[slot] as unknown[])[place + 2] = 1;
  }

  touch(): void {}

  #at(slot: number, place: number): unknown {
    return (this.#values[slot] as readonly unknown[])[place];
  }
}

/** Places of a row in the array that is saved. */
export function strideOf(kind: RowsKind): 2 | 3 {
  return kind === "marked" ? 3 : 2;
}
