/**
 * Captures of tables that hold numbers only, as windows' counts and sums do: an entry's numbers are copied into typed arrays,
 * either when the capture comes to its slot or, before that, when it is about to change. A pane that has been looked through
 * costs records nothing more.
 */

import type { Steps } from "./capture.ts";
import type { OwnColumn } from "./column-codec.ts";
import type { Capturing } from "./epochs.ts";
import type { MemoryPane } from "./memory-pane.ts";
import type { MemoryTable } from "./memory-table.ts";
import type { PaneKeeper } from "./pane-capture.ts";
import { PickedNumbers } from "./picked-numbers.ts";
import { BlockCutter, PICKED_TOGETHER, PickedChunks, PickedRows } from "./picked-rows.ts";
import { ROWS_A_STEP } from "./rows-by-group.ts";
import { tableShape } from "./table-plans.ts";

class PickedEntries extends PickedRows {
  readonly #namespaces: PickedNumbers;
  readonly #numbers: readonly PickedNumbers[];

  constructor(columns: number, capacity: number) {
    super(capacity);
    this.#namespaces = new PickedNumbers(capacity);
    this.#numbers = Array.from({ length: columns }, () => new PickedNumbers(capacity));
  }

  add(pane: MemoryPane, namespace: number, slot: number): void {
    const place = this.addKey(pane.groupOf(slot), pane.keyOnly(slot));
    this.#namespaces.put(place, namespace);
    for (let c = 0; c < this.#numbers.length; c++)
      (this.#numbers[c] as PickedNumbers).put(place, (pane.numbers[c] as Float64Array)[slot * pane.stride] as number);
  }

  protected columnsAt(places: Int32Array): readonly OwnColumn[] {
    return [this.#namespaces, ...this.#numbers].map((numbers) => numbers.gathered(places));
  }

  override get bytes(): number {
    return [this.#namespaces, ...this.#numbers].reduce((sum, { bytes }) => sum + bytes, super.bytes);
  }

  override release(): void {
    super.release();
    for (const numbers of [this.#namespaces, ...this.#numbers]) numbers.release();
  }
}

/** One pane's part. */
class PanePicker implements PaneKeeper {
  readonly pane: MemoryPane;
  readonly #namespace: number;
  readonly #capturing: Capturing;
  readonly #picked: PickedChunks<PickedEntries>;
  /** Slots below have been looked at, of as many as there are at the barrier. */
  #looked = 0;
  readonly #size: number;

  constructor(pane: MemoryPane, namespace: number, capturing: Capturing, picked: PickedChunks<PickedEntries>) {
    this.pane = pane;
    this.#namespace = namespace;
    this.#capturing = capturing;
    this.#picked = picked;
    this.#size = pane.size;
  }

  keep(slot: number): void {
    if (slot >= this.#looked && slot < this.#size) this.#pickWithin(slot, slot + 1);
  }

  /** Looks at so many slots. @returns how many it did. */
  look(atMost: number): number {
    const from = this.#looked;
    const to = Math.min(this.#size, from + atMost);
    this.#pickWithin(from, to);
    this.#looked = to;
    return to - from;
  }

  get isThrough(): boolean {
    return this.#looked === this.#size;
  }

  /** What has changed since the barrier has been picked before. */
  #pickWithin(from: number, to: number): void {
    const { pane } = this;
    const { marks } = pane;
    const { after, upTo } = this.#capturing;
    for (let slot = from; slot < to; slot++) {
      const mark = marks[slot] as number;
      if (mark > after && mark <= upTo) this.#picked.open.add(pane, this.#namespace, slot);
    }
  }
}

/** A table's panes as they are at a barrier. */
export type Panes = readonly (readonly [namespace: number, pane: MemoryPane])[];

export class NumbersCapture {
  readonly #pickers: readonly PanePicker[];
  readonly #picked: PickedChunks<PickedEntries>;
  readonly #cutter: BlockCutter;

  constructor(table: MemoryTable, panes: Panes, capturing: Capturing, cutAtGroups: boolean) {
    const entries = panes.reduce((sum, [, { size }]) => sum + size, 0);
    const capacity = Math.max(1, cutAtGroups ? entries : Math.min(entries, PICKED_TOGETHER));
    this.#picked = new PickedChunks(() => new PickedEntries(table.descriptor.numbers, capacity));
    this.#cutter = new BlockCutter(table.name, tableShape(table), table.operator, cutAtGroups);
    this.#pickers = panes.map(([namespace, pane]) => new PanePicker(pane, namespace, capturing, this.#picked));
  }

  /** From now on panes keep what is to be taken, each until it is looked through. */
  begin(): void {
    for (const picker of this.#pickers) picker.pane.beginCapture(picker);
  }

  *steps(): Steps {
    let left = ROWS_A_STEP;
    for (const [place, picker] of this.#pickers.entries()) {
      while (!picker.isThrough) {
        left -= picker.look(left);
        if (left > 0) continue;
        left = ROWS_A_STEP;
        yield undefined;
        if (this.#picked.areMany) yield* this.#cut(false);
      }
      picker.pane.endCapture();
      if (place % 256 === 255) yield undefined;
    }
    yield* this.#cut(true);
  }

  *#cut(all: boolean): Steps {
    for (const picked of this.#picked.taken(all)) yield* this.#cutter.blocks(picked);
  }
}
