/**
 * Captures of values in memory, which are replaced and never changed: a row is picked either when the capture comes to its
 * slot or, before that, when the value is about to be replaced. Once all slots have been looked at, records cost what they
 * cost without a capture.
 *
 *   1. Look at the slots, and pick those that have changed.
 *   2. Cut what was picked into blocks; where many are picked, before going on with 1.
 */

import type { Steps } from "./capture.ts";
import type { Column, OwnColumn } from "./column-codec.ts";
import type { Capturing } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import { type CellsLearnt, PickedCells } from "./picked-cells.ts";
import { NumbersAt } from "./picked-numbers.ts";
import { BlockCutter, PICKED_TOGETHER, PickedChunks, PickedRows } from "./picked-rows.ts";
import { shapeOf } from "./state-block.ts";
import { type ColumnCapture, type StateColumn, unmarked } from "./state-column.ts";

/**
 * How much is done before others may go on: so many slots are looked at, or so many found, which is taken within a millisecond.
 * All are to be looked at soon: a record that comes before has to be picked where nothing of it is in the caches.
 */
const SLOTS_A_STEP = 131_072;
const FOUND_A_STEP = 16 * 512;

/** Rows are taken together, so many that what is done once for all of them costs little, and few enough for their array to be young. */
const FOUND_TOGETHER = 512;

/** Rows that are to be taken, as they were at the barrier. */
class FoundRows {
  count = 0;
  readonly slots = new Int32Array(FOUND_TOGETHER);
  readonly stamps: Float64Array | undefined;
  /** Made anew each time: among old objects each reference to a young one would have to be noted. */
  cells: unknown[] = new Array(FOUND_TOGETHER);

  constructor(hasStamps: boolean) {
    this.stamps = hasStamps ? new Float64Array(FOUND_TOGETHER) : undefined;
  }

  clear(): void {
    this.count = 0;
    this.cells = new Array(FOUND_TOGETHER);
  }
}

class PickedValues extends PickedRows {
  readonly #column: StateColumn;
  readonly #cells: PickedCells;
  readonly #stamps: Float64Array | undefined;

  constructor(column: StateColumn, capacity: number, learnt: CellsLearnt) {
    super(capacity);
    this.#column = column;
    this.#cells = new PickedCells(capacity, learnt);
    this.#stamps = column.stampDomain === undefined ? undefined : new Float64Array(capacity);
  }

  /** Takes rows from one on, and is full at the first that it does not take. @returns that one, or how many there are. */
  take({ groups, index }: KeyedEntries, found: FoundRows, from: number): number {
    const end = Math.min(found.count, from + this.capacity - this.size);
    const taken = this.#cells.take(found.cells, from, end, this.size);
    if (taken < end) this.close();
    for (let i = from; i < taken; i++) {
      const slot = found.slots[i] as number;
      const place = this.addKey(groups[slot] as number, index.keyAt(slot));
      if (this.#stamps !== undefined) this.#stamps[place] = found.stamps?.[i] ?? 0;
    }
    return taken;
  }

  protected columnsAt(places: Int32Array): readonly (Column | OwnColumn)[] {
    const [present, values, at] = this.#cells.gathered(places);
    if (this.#column.holdsUndefined && Array.isArray(values))
      for (let i = 0; i < values.length; i++) values[i] = unmarked(values[i]);
    return this.#stamps === undefined ? [present, values] : [present, values, new NumbersAt(this.#stamps, at)];
  }

  override get bytes(): number {
    return super.bytes + this.#cells.bytes + (this.#stamps?.byteLength ?? 0);
  }

  override release(): void {
    super.release();
    this.#cells.release();
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
  readonly #found: FoundRows;

  /** @param slots how many there are at the barrier. `cutAtGroups`: each block is about one key group, and all rows are sorted. */
  constructor(entries: KeyedEntries, column: StateColumn, capturing: Capturing, slots: number, cutAtGroups: boolean) {
    this.#entries = entries;
    this.#column = column;
    this.#capturing = capturing;
    this.#slots = slots;
    const { name, kind, stampDomain } = column;
    const capacity = Math.max(1, cutAtGroups ? slots : Math.min(slots, PICKED_TOGETHER));
    // A snapshot cuts at key groups, whose rows must all be in one place.
    const learnt = { areMixed: cutAtGroups };
    this.#picked = new PickedChunks(() => new PickedValues(column, capacity, learnt));
    this.#found = new FoundRows(stampDomain !== undefined);
    this.#cutter = new BlockCutter(name, shapeOf(kind, stampDomain), entries.operator, cutAtGroups);
  }

  keep(slot: number): void {
    if (slot >= this.#looked) this.#pickWithin(slot, slot + 1);
  }

  *steps(): Steps {
    while (this.#looked < this.#slots) {
      this.#look();
      yield undefined;
      if (this.#picked.areMany) yield* this.#cut(false);
    }
    if (this.#column.capture === this) this.#column.capture = undefined; // nothing has to be kept any more
    yield* this.#cut(true);
  }

  #look(): void {
    const end = Math.min(this.#slots, this.#looked + SLOTS_A_STEP);
    for (let found = 0; this.#looked < end && found < FOUND_A_STEP; ) {
      const to = Math.min(end, this.#looked + FOUND_TOGETHER);
      found += this.#pickWithin(this.#looked, to);
      this.#looked = to;
    }
    this.#take();
  }

  *#cut(all: boolean): Steps {
    for (const picked of this.#picked.taken(all)) yield* this.#cutter.blocks(picked);
  }

  /** What has changed since the barrier has been picked before. Tombstones are for deltas only. @returns how many it found. */
  #pickWithin(from: number, to: number): number {
    const found = this.#found;
    let count = 0;
    const { marks, cells, stamps, packedValues } = this.#column;
    const { after, upTo } = this.#capturing;
    for (let slot = from; slot < to; slot++) {
      const mark = marks[slot] as number;
      if (mark <= after || mark > upTo) continue;
      const cell = packedValues === undefined ? cells.at(slot) : packedValues.valueOf(cells.at(slot));
      if (after < 0 && cell === undefined) continue;
      found.slots[found.count] = slot;
      found.cells[found.count] = cell;
      if (found.stamps !== undefined) found.stamps[found.count] = stamps?.[slot] ?? 0;
      count++;
      if (++found.count === FOUND_TOGETHER) this.#take();
    }
    return count;
  }

  /** A slot has its key until no capture runs any more, so it is asked for now. */
  #take(): void {
    const found = this.#found;
    if (found.count === 0) return;
    for (let at = 0; at < found.count; ) at = this.#picked.open.take(this.#entries, found, at);
    found.clear();
  }
}
