/**
 * Captures of packed values. A packed row stays what it is, so a row is picked by its handle, in some bytes; what it holds is
 * read when its block is cut, so that nothing of it outlives that. Until then a row that has been replaced is not freed.
 *
 *   slot    NOT_PICKED ──► WAITING ── its cell is about to change ──► CHANGING ── the row was replaced ──► GONE
 *                             └────────────────────────── the row is read ───────────────┴──────────────────┘ it is freed
 */

import type { Key } from "../../core/key.ts";
import type { Steps } from "./capture.ts";
import type { Column, OwnColumn } from "./column-codec.ts";
import type { Capturing } from "./epochs.ts";
import type { KeyedEntries } from "./keyed-entries.ts";
import type { PackedValues } from "./packed-values.ts";
import { BlockCutter, PICKED_TOGETHER, PlacesByGroup, type SortableRows } from "./picked-rows.ts";
import { shapeOf } from "./state-block.ts";
import type { ColumnCapture, StateColumn } from "./state-column.ts";

const NOT_PICKED = 0;
const WAITING = 1;
const CHANGING = 2;
const GONE = 3;

/** How many slots are looked at before others may go on: it takes less than a millisecond. */
const SLOTS_A_STEP = 131_072;

/** Rows that wait to be cut: where more have changed, what is behind them is picked later. 4 to 6 MB. */
const PICKED_AHEAD = 16 * PICKED_TOGETHER;

/** Picked rows, by place: the slot, what its cell held, and when that was set. */
interface Picked {
  readonly slots: number[];
  readonly cells: unknown[];
  readonly stamps: number[] | undefined;
}

export class PackedCapture implements ColumnCapture {
  readonly #entries: KeyedEntries;
  readonly #column: StateColumn;
  readonly #values: PackedValues;
  readonly #capturing: Capturing;
  readonly #cutter: BlockCutter;
  /** By slot, of those that were there at the barrier. */
  readonly #progress: Uint8Array;
  /** Slots below have been looked at. */
  #looked = 0;
  #picked: Picked;
  /** What waits to be cut, and what is being cut. */
  #parts: PickedHandles[] = [];

  /** @param slots how many there are at the barrier. */
  constructor(entries: KeyedEntries, column: StateColumn, values: PackedValues, capturing: Capturing, slots: number) {
    this.#entries = entries;
    this.#column = column;
    this.#values = values;
    this.#capturing = capturing;
    this.#progress = new Uint8Array(slots);
    this.#picked = { slots: [], cells: [], stamps: column.stampDomain === undefined ? undefined : [] };
    this.#cutter = new BlockCutter(column.name, shapeOf(column.kind, column.stampDomain), entries.operator, false);
  }

  keep(slot: number): void {
    if (slot >= this.#looked && slot < this.#progress.length) this.#pickWithin(slot, slot + 1);
    if (this.#progress[slot] === WAITING) this.#progress[slot] = CHANGING;
  }

  takesOver(slot: number): boolean {
    if (this.#progress[slot] !== CHANGING) return false;
    this.#progress[slot] = GONE;
    return true;
  }

  /** A row has been read, or will not be. */
  letGo(slot: number, cell: unknown): void {
    if (this.#progress[slot] === GONE) this.#values.free(cell);
    this.#progress[slot] = NOT_PICKED;
  }

  ended(): void {
    this.#part();
    for (const part of this.#parts.splice(0)) part.release();
  }

  *steps(): Steps {
    while (this.#looked < this.#progress.length) {
      const end = Math.min(this.#progress.length, this.#looked + SLOTS_A_STEP);
      this.#pickWithin(this.#looked, end);
      this.#looked = end;
      yield undefined;
      if (this.#picked.slots.length >= PICKED_AHEAD) yield* this.#cut();
    }
    yield* this.#cut();
    if (this.#column.capture === this) this.#column.endCapture(); // nothing has to be kept any more
  }

  /** Tombstones are for deltas only. */
  #pickWithin(from: number, to: number): void {
    const { marks, cells, stamps } = this.#column;
    const { after, upTo } = this.#capturing;
    const picked = this.#picked;
    for (let slot = from; slot < to; slot++) {
      const mark = marks[slot] as number;
      if (mark <= after || mark > upTo) continue;
      const cell = cells.at(slot);
      if (after < 0 && cell === undefined) continue;
      this.#progress[slot] = WAITING;
      picked.slots.push(slot);
      picked.cells.push(cell);
      picked.stamps?.push(stamps?.[slot] ?? 0);
    }
  }

  /** All rows that have been picked. */
  *#cut(): Steps {
    this.#part();
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      yield* this.#cutter.blocks(part);
      this.#parts.shift();
    }
  }

  #part(): void {
    const { slots, cells, stamps } = this.#picked;
    this.#picked = { slots: [], cells: [], stamps: stamps === undefined ? undefined : [] };
    for (let from = 0; from < slots.length; from += PICKED_TOGETHER) {
      const to = from + PICKED_TOGETHER;
      const part = { slots: slots.slice(from, to), cells: cells.slice(from, to), stamps: stamps?.slice(from, to) };
      this.#parts.push(new PickedHandles(this, part, this.#column, this.#entries));
    }
  }
}

/** Rows of a capture that are sorted together, each read once. */
class PickedHandles implements SortableRows {
  readonly size: number;
  readonly #capture: PackedCapture;
  readonly #picked: Picked;
  readonly #column: StateColumn;
  readonly #entries: KeyedEntries;
  #sorted = new PlacesByGroup(new Uint16Array(0), 0);

  constructor(capture: PackedCapture, picked: Picked, column: StateColumn, entries: KeyedEntries) {
    this.size = picked.slots.length;
    this.#capture = capture;
    this.#picked = picked;
    this.#column = column;
    this.#entries = entries;
  }

  sort(): void {
    const { groups } = this.#entries;
    const own = Uint16Array.from(this.#picked.slots, (slot) => groups[slot] as number);
    this.#sorted = new PlacesByGroup(own, this.size);
  }

  groupsOf(from: number, to: number): Uint16Array {
    return this.#sorted.groups.subarray(from, to);
  }

  columnsOf(from: number, to: number): readonly [keys: Column, ...columns: (Column | OwnColumn)[]] {
    const { slots, cells, stamps } = this.#picked;
    const keys: Key[] = [];
    const isPresent: boolean[] = [];
    const values: unknown[] = [];
    const times: number[] = [];
    for (const place of this.#sorted.places.subarray(from, to)) {
      const slot = slots[place] as number;
      const cell = cells[place];
      keys.push(this.#entries.index.keyAt(slot));
      isPresent.push(cell !== undefined);
      if (cell !== undefined) {
        values.push(this.#column.valueOf(cell));
        times.push(stamps?.[place] ?? 0);
      }
      this.#capture.letGo(slot, cell);
    }
    return stamps === undefined ? [keys, isPresent, values] : [keys, isPresent, values, times];
  }

  /** Those that have not been read will not be. */
  release(): void {
    const { slots, cells } = this.#picked;
    for (let place = 0; place < this.size; place++) this.#capture.letGo(slots[place] as number, cells[place]);
  }
}
