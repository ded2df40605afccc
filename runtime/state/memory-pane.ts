/**
 * A pane of the memory backend's tables (`memory-table.ts`): a key index, float64 columns, and values or what holds them. Asking for a
 * slot counts as changing its entry: that marks it with the epoch, and a running capture that has not come to it keeps a copy.
 */

import { AssertionFailure } from "../../core/assert.ts";
import type { Key } from "../../core/key.ts";
import type { KeyBatch } from "../../core/key-batch.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { PaneRows, RowsKind } from "../../core/pane-rows.ts";
import type { HeldAccumulators, ScratchPane, TableDescriptor } from "../../core/state-backend.ts";
import { type Epochs, RESTORED } from "./epochs.ts";
import type { KeyGroups } from "./key-groups.ts";
import { KeyIndex } from "./key-index.ts";
import { LatelyUsed } from "./lately-used.ts";
import { giveBack, lengthened } from "./longer.ts";
import { PackedPaneRows } from "./packed-pane-rows.ts";
import type { PaneKeeper } from "./pane-capture.ts";
import { PlainPaneRows } from "./plain-pane-rows.ts";
import type { Spill } from "./spill.ts";

/** 64 bytes a column, the most that V8 keeps on its own heap: a session's pane has one entry. */
const ENTRIES_MIN = 8;

/** Of fewer entries, nothing is worth giving back. */
const GIVEN_BACK_MIN = 1024;

const UNKNOWN_GROUP = 0;

/** Columns of entries whose numbers lie side by side: each is a view that begins at its own of the first entry. */
function columnsOf(all: Float64Array, columns: number): readonly Float64Array[] {
  return Array.from({ length: columns }, (_, column) => (column === 0 ? all : all.subarray(column)));
}

/** An entry as a capture takes it. */
export interface PaneRow {
  readonly numbers: readonly number[];
  readonly value: unknown;
}

export class MemoryPane implements ScratchPane {
  size = 0;
  numbers: readonly Float64Array[];
  readonly stride: number;
  readonly values: unknown[] = [];
  /** Of tables of rows; where they are packed, there are no values. */
  rows: PaneRows | undefined;
  #packed: PackedPaneRows | undefined;
  /** Of tables that say so; there are no values then. */
  held: HeldAccumulators | undefined;
  /** By slot: one more than the entry's key group; 0: nobody has asked for that of an appended key yet. */
  #groups: Uint16Array;
  /** The epoch in which the pane was made. */
  madeAt: number;
  /** By slot: the epoch of the last change. */
  marks: Uint32Array;
  #index: KeyIndex;
  #descriptor: TableDescriptor;
  readonly #operator: string;
  readonly #keyGroups: KeyGroups;
  readonly #epochs: Epochs;
  readonly #lately: LatelyUsed | undefined;
  #keeper: PaneKeeper | undefined;
  #closed = false;

  /** @param expected how many entries there will be, if that is known: room for them is made at once. */
  constructor(
    descriptor: TableDescriptor,
    operator: string,
    keyGroups: KeyGroups,
    epochs: Epochs,
    spill?: Spill,
    expected = { slots: 0, rows: 0 },
  ) {
    const capacity = Math.max(ENTRIES_MIN, expected.slots);
    this.#lately = spill === undefined ? undefined : new LatelyUsed(this.values, spill, operator);
    this.stride = Math.max(1, descriptor.numbers);
    this.numbers = columnsOf(new Float64Array(capacity * descriptor.numbers), descriptor.numbers);
    this.marks = new Uint32Array(capacity);
    this.#groups = new Uint16Array(capacity);
    this.madeAt = epochs.current;
    this.#index = new KeyIndex(operator, expected.slots);
    this.#descriptor = descriptor;
    this.#operator = operator;
    this.#keyGroups = keyGroups;
    this.#epochs = epochs;
    if (descriptor.rows !== undefined) this.#makeRows(descriptor.rows, expected);
    if (this.#lately === undefined) this.held = descriptor.held?.(expected.slots);
  }

  /** How many rows are packed. */
  get packedRows(): number {
    return this.#packed?.size ?? 0;
  }

  /** Its values are rows, or are held together, and are kept as such. REQUIRES: it has been restored and nothing else. */
  hold(descriptor: TableDescriptor): void {
    this.#descriptor = descriptor;
    const values = this.values.slice();
    if (descriptor.rows !== undefined) this.#makeRows(descriptor.rows, { slots: values.length, rows: 0 });
    if (this.#lately === undefined) this.held = descriptor.held?.(values.length);
    if (this.#elsewhere === undefined) return;
    this.values.length = 0;
    for (const [slot, value] of values.entries()) this.setValue(slot, value);
  }

  unhold(): void {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) for (let slot = 0; slot < this.size; slot++) this.values[slot] = held.valueOf(slot);
  }

  /** What has the values, where they are not in `values`. */
  get #elsewhere(): PackedPaneRows | HeldAccumulators | undefined {
    return this.#packed ?? this.held;
  }

  slotOf(key: Key): number {
    const slot = this.#index.find(key);
    if (slot < 0) return this.#append(key);
    this.changing(slot);
    return slot;
  }

  changing(slot: number): void {
    this.#lately?.change(slot);
    const { capturing, current } = this.#epochs;
    if (!capturing) return;
    if (this.#keeper !== undefined) this.#keeper.keep(slot);
    this.marks[slot] = current;
  }

  reading(slot: number): void {
    this.#lately?.read(slot);
  }

  slotsOf(keys: KeyBatch, slots: Int32Array): void {
    const { count } = keys;
    if (this.#lately !== undefined || !this.#index.findAll(keys, slots)) {
      for (let i = 0; i < count; i++) slots[i] = this.slotOf(keys.keyAt(i));
      return;
    }
    const keeper = this.#keeper;
    const { capturing, current } = this.#epochs;
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      // One that was absent may have come with a key before it.
      if (slot < 0) slots[i] = this.slotOf(keys.keyAt(i));
      else if (capturing) {
        if (keeper !== undefined) keeper.keep(slot);
        this.marks[slot] = current;
      }
    }
  }

  append(key: Key): number {
    const slot = this.#index.append(key);
    this.#makeRoom(UNKNOWN_GROUP);
    return slot;
  }

  groupOf(slot: number): number {
    const known = this.#groups[slot] as number;
    if (known !== UNKNOWN_GROUP) return known - 1;
    const group = this.#ownGroup(this.keyOnly(slot));
    this.#groups[slot] = group + 1;
    return group;
  }

  find(key: Key): number {
    const slot = this.#index.find(key);
    if (slot >= 0) this.#lately?.read(slot);
    return slot;
  }

  findAll(keys: KeyBatch, slots: Int32Array): void {
    if (this.#index.findAll(keys, slots)) return;
    for (let i = 0; i < keys.count; i++) slots[i] = this.#index.find(keys.keyAt(i));
  }

  keyAt(slot: number): Key {
    // Not by `assert`, whose message would be made each time: for each result of a window.
    if (!(slot >= 0 && slot < this.size)) throw new AssertionFailure(`slot ${slot} of a pane of ${this.size} entries`);
    this.#lately?.read(slot);
    return this.#index.keyAt(slot);
  }

  keysAt(slots: Int32Array, from: number, count: number, into: Key[]): void {
    this.#index.keysAt(slots, from, count, into);
  }

  /** As `keyAt`, without reading the value into memory. */
  keyOnly(slot: number): Key {
    return this.#index.keyAt(slot);
  }

  /** The slot of a key as it was restored: unchanged. */
  restoredSlotOf(key: Key): number {
    const slot = this.slotOf(key);
    this.marks[slot] = RESTORED;
    return slot;
  }

  /** Nobody holds on to values any more. */
  release(): void {
    this.#lately?.release();
  }

  /** It has been dropped, and only a running capture still reads it. */
  close(): void {
    this.#closed = true;
    if (this.#keeper === undefined) this.#end();
  }

  /** From now on a capture is told of each entry before it changes. */
  beginCapture(keeper: PaneKeeper): void {
    this.#keeper = keeper;
  }

  endCapture(): void {
    if (this.#keeper === undefined) return;
    this.#keeper = undefined;
    if (this.#closed) this.#end();
  }

  #end(): void {
    this.#lately?.close();
    if (this.marks.length >= GIVEN_BACK_MIN) this.clear();
  }

  /** Lets go of what it has, as the collector comes late to numbers: panes come and go with windows. */
  clear(): void {
    for (const array of [...this.numbers.slice(0, 1), this.marks, this.#groups]) giveBack(array);
    this.#index.giveBack();
    this.#packed?.giveBack();
    const { numbers, rows } = this.#descriptor;
    this.size = 0;
    this.numbers = columnsOf(new Float64Array(ENTRIES_MIN * numbers), numbers);
    this.marks = new Uint32Array(ENTRIES_MIN);
    this.#groups = new Uint16Array(ENTRIES_MIN);
    this.#index = new KeyIndex(this.#operator);
    this.values.length = 0;
    if (rows !== undefined) this.#makeRows(rows, { slots: 0, rows: 0 });
    this.held?.giveBack?.();
    this.held = this.held && this.#descriptor.held?.(0);
  }

  /** A pane of the entries outside of a range of key groups. */
  without({ first, last }: KeyGroupRange): MemoryPane {
    const rest = new MemoryPane(this.#descriptor, this.#operator, this.#keyGroups, this.#epochs);
    rest.madeAt = this.madeAt;
    for (let slot = 0; slot < this.size; slot++) {
      const group = this.groupOf(slot);
      if (group < first || group > last) rest.copyRow(this, slot);
    }
    return rest;
  }

  /** REQUIRES: restoring. */
  copyRow(from: MemoryPane, slot: number): void {
    const to = this.restoredSlotOf(from.keyAt(slot));
    this.numbers.forEach((column, c) => {
      column[to * this.stride] = from.numbers[c]?.[slot * this.stride] as number;
    });
    if (this.#descriptor.values) this.setValue(to, from.#valueOf(slot));
  }

  /** Puts a value in the place of what is in a slot. REQUIRES: restoring. */
  setValue(slot: number, value: unknown): void {
    const elsewhere = this.#elsewhere;
    if (elsewhere === undefined) this.values[slot] = value;
    else elsewhere.setValue(slot, value as readonly unknown[] | undefined);
  }

  rowOf(slot: number): PaneRow {
    return {
      numbers: this.numbers.map((column) => column[slot * this.stride] as number),
      value: this.#lately === undefined ? this.#valueOf(slot) : this.#lately.peek(slot),
    };
  }

  #valueOf(slot: number): unknown {
    const elsewhere = this.#elsewhere;
    return elsewhere === undefined ? this.values[slot] : elsewhere.valueOf(slot);
  }

  #makeRows(kind: RowsKind, expected: { readonly slots: number; readonly rows: number }): void {
    if (this.#lately === undefined) this.#packed = new PackedPaneRows(kind, expected.slots, expected.rows);
    this.rows = this.#packed ?? new PlainPaneRows(kind, this.values);
  }

  #append(key: Key): number {
    this.#makeRoom(this.#ownGroup(key) + 1); // refuses before anything is kept
    return this.#index.slotOf(key);
  }

  #ownGroup(key: Key): number {
    const named = this.#descriptor.keyGroup === "key";
    return named ? this.#keyGroups.ownGroupNamed(key) : this.#keyGroups.ownGroupOf(key);
  }

  /** For a new entry. */
  #makeRoom(group: number): void {
    if (this.#descriptor.values && this.#elsewhere === undefined) this.values.push(undefined);
    this.#lately?.change(this.size);
    if (this.size === this.marks.length) this.#grow();
    if (group !== UNKNOWN_GROUP) this.#groups[this.size] = group;
    if (this.#epochs.capturing) this.marks[this.size] = this.#epochs.current;
    this.size++;
  }

  #grow(): void {
    const capacity = 2 * this.marks.length;
    const [first] = this.numbers;
    if (first !== undefined) this.numbers = columnsOf(lengthened(first, capacity * this.stride), this.stride);
    this.marks = this.#epochs.capturing ? lengthened(this.marks, capacity) : new Uint32Array(capacity);
    this.#groups = lengthened(this.#groups, capacity);
  }
}
