/**
 * Captures of values in memory, which are replaced and never changed: a row is picked by its reference, either when the
 * capture comes to its slot or, before that, when the value is about to be replaced. Once all slots have been looked at,
 * within some milliseconds, records cost what they cost without a capture.
 *
 *   1. Look at the slots, and pick those that have changed.
 *   2. Cut what was picked into blocks; where many are picked, before going on with 1.
 */

import type { Key } from "../../core/key.ts";
import type { Steps } from "./capture.ts";
import type { Column } from "./column-codec.ts";
import type { Capturing } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { BlockCutter, moved, movedNumbers, PICKED_TOGETHER, PickedChunks, PickedRows } from "./picked-rows.ts";
import { ROWS_A_STEP } from "./rows-by-group.ts";
import { giveBack, takeArray } from "./spare-arrays.ts";
import { shapeOf } from "./state-block.ts";
import type { ColumnCapture, StateColumn } from "./state-column.ts";

class PickedValues extends PickedRows {
  readonly #column: StateColumn;
  #cells: unknown[];
  #stamps: Float64Array | undefined;

  constructor(column: StateColumn, capacity: number) {
    super(capacity);
    this.#column = column;
    this.#cells = takeArray(capacity);
    this.#stamps = column.stampDomain === undefined ? undefined : new Float64Array(capacity);
  }

  add(group: number, key: Key, cell: unknown, slot: number): void {
    const place = this.addKey(group, key);
    this.#cells[place] = cell;
    if (this.#stamps !== undefined) this.#stamps[place] = this.#column.stamps?.[slot] ?? 0;
  }

  protected moveColumns(to: Int32Array): void {
    this.#cells = moved(this.#cells, to);
    if (this.#stamps !== undefined) this.#stamps = movedNumbers(this.#stamps, to);
  }

  columnsOf(from: number, to: number): readonly Column[] {
    const cells = this.#cells;
    const present = takeArray(to - from);
    const values = takeArray(to - from);
    let count = 0;
    for (let i = from; i < to; i++) {
      const cell = cells[i];
      present[i - from] = cell !== undefined;
      if (cell !== undefined) values[count++] = cell;
    }
    values.length = count;
    if (this.#column.holdsUndefined) for (let i = 0; i < count; i++) values[i] = this.#column.valueOf(values[i]);
    return [present, values, ...this.#stampsOf(from, to)];
  }

  #stampsOf(from: number, to: number): readonly Column[] {
    const stamps = this.#stamps?.subarray(from, to);
    return stamps === undefined ? [] : [Array.from(stamps.filter((_, i) => this.#cells[from + i] !== undefined))];
  }

  override release(): void {
    super.release();
    giveBack(this.#cells);
  }
}

export class ValueCapture implements ColumnCapture {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;
  readonly #capturing: Capturing;
  readonly #slots: number;
  readonly #picked: PickedChunks<PickedValues>;
  readonly #cutter: BlockCutter;
  /** Slots below have been looked at. */
  #looked = 0;

  /** @param slots how many there are at the barrier. `cutAtGroups`: each block is about one key group, and all rows are sorted. */
  constructor(entries: KeyedEntries, column: StateColumn, capturing: Capturing, slots: number, cutAtGroups: boolean) {
    this.#entries = entries;
    this.#column = column;
    this.#capturing = capturing;
    this.#slots = slots;
    const { name, kind, stampDomain } = column;
    const capacity = Math.max(1, cutAtGroups ? slots : Math.min(slots, PICKED_TOGETHER));
    this.#picked = new PickedChunks(() => new PickedValues(column, capacity));
    this.#cutter = new BlockCutter(name, shapeOf(kind, stampDomain), entries.operator, cutAtGroups);
  }

  keep(slot: number): void {
    if (slot >= this.#looked) this.#pickWithin(slot, slot + 1);
  }

  *steps(): Steps {
    while (this.#looked < this.#slots) {
      const to = Math.min(this.#slots, this.#looked + ROWS_A_STEP);
      this.#pickWithin(this.#looked, to);
      this.#looked = to;
      yield undefined;
      if (this.#picked.areMany) yield* this.#cut(false);
    }
    yield* this.#cut(true);
  }

  *#cut(all: boolean): Steps {
    for (const picked of this.#picked.taken(all)) yield* this.#cutter.blocks(picked);
  }

  /** What has changed since the barrier has been picked before. Tombstones are for deltas only. */
  #pickWithin(from: number, to: number): void {
    const { groups, index } = this.#entries;
    const { marks, cells } = this.#column;
    const { after, upTo } = this.#capturing;
    for (let slot = from; slot < to; slot++) {
      const mark = marks[slot] as number;
      if (mark <= after || mark > upTo) continue;
      const cell = cells[slot];
      if (after < 0 && cell === undefined) continue;
      this.#picked.open.add(groups[slot] as number, index.keyAt(slot), cell, slot);
    }
  }
}
