/**
 * Something for each of many keys that come and go, in a table, with a time at which there is something to do there.
 *
 * The law: a key has a value as long as it holds something. A table cannot forget one key: those that hold nothing are left
 * behind when the others move to a new namespace, once they are the greater part. Columns: when a key is due, and what it
 * holds, 0 being nothing.
 */

import type { Key } from "../core/key.ts";
import type { StatePane, StateTable } from "../core/state-backend.ts";
import { DueSlots } from "./due-slots.ts";

/** Few keys are not worth moving. */
const MOVE_FROM = 1024;
// Columns.
const DUE = 0;
const HOLDS = 1;
const COLUMNS = 2;

/** Of the table that it needs. */
export const forgetfulTable = { numbers: COLUMNS, values: true } as const;

/** What a key holds of which there is nothing. */
const NOTHING = 0;

export class ForgetfulKeys<V> {
  readonly due = new DueSlots();
  readonly #table: StateTable;
  #pane: StatePane;
  #generation: number;
  /** Keys that hold nothing. */
  #idle = 0;

  constructor(table: StateTable) {
    this.#table = table;
    const generations = table.namespaces();
    this.#generation = generations.at(-1) ?? 0;
    this.#pane = table.pane(this.#generation);
    // Subtasks that were restored into this one may have moved differently often.
    for (const generation of generations.slice(0, -1)) this.#moveFrom(generation);
    this.#lookAtAll();
  }

  get pane(): StatePane {
    return this.#pane;
  }

  get size(): number {
    return this.#pane.size;
  }

  /** What the key in a slot holds; 0 at -1 too. */
  holds(slot: number): number {
    return slot < 0 ? NOTHING : ((this.#pane.numbers[HOLDS] as Float64Array)[slot * COLUMNS] as number);
  }

  dueAt(slot: number): number {
    return (this.#pane.numbers[DUE] as Float64Array)[slot * COLUMNS] as number;
  }

  /** A slot that is due by this time, or -1: there is none. */
  takeDue(time: number): number {
    for (;;) {
      const slot = this.due.take(time);
      if (slot < 0 || this.dueAt(slot) <= time) return slot;
      this.due.add(slot, this.dueAt(slot));
    }
  }

  /** What is there, to be changed. REQUIRES: it holds something. */
  at(slot: number): V {
    this.#pane.changing(slot);
    return this.#pane.values[slot] as V;
  }

  /** Gives a key that holds nothing a value, and its slot. REQUIRES: `set` follows. @throws BAD_KEY */
  put(key: Key, value: V): number {
    const { size } = this.#pane;
    const slot = this.#pane.slotOf(key);
    if (slot === size) this.#idle++;
    this.#pane.values[slot] = value;
    return slot;
  }

  /** To be called when what is at the slot has changed. */
  set(slot: number, holds: number, due: number): void {
    this.#idle += (holds === NOTHING ? 1 : 0) - (this.holds(slot) === NOTHING ? 1 : 0);
    (this.#pane.numbers[DUE] as Float64Array)[slot * COLUMNS] = due;
    (this.#pane.numbers[HOLDS] as Float64Array)[slot * COLUMNS] = holds;
    if (holds === NOTHING) this.#pane.values[slot] = undefined;
    else this.due.add(slot, due);
  }

  /** May give other slots to all keys. */
  moveWhenIdle(): void {
    if (this.#idle < MOVE_FROM || this.#idle * 2 < this.#pane.size) return;
    const left = this.#generation;
    this.#generation = left + 1;
    this.#pane = this.#table.pane(this.#generation);
    this.#moveFrom(left);
    this.#lookAtAll();
  }

  /** Moves the keys that hold something into the present generation. */
  #moveFrom(generation: number): void {
    const from = this.#table.pane(generation);
    const to = this.#pane;
    for (let slot = 0; slot < from.size; slot++) {
      if (from.numbers[HOLDS]?.[slot * COLUMNS] === NOTHING) continue;
      const key = from.keyAt(slot);
      const value = from.values[slot];
      const place = to.slotOf(key);
      to.values[place] = value;
      for (const column of [DUE, HOLDS])
        (to.numbers[column] as Float64Array)[place * COLUMNS] = from.numbers[column]?.[slot * COLUMNS] as number;
    }
    this.#table.drop(generation);
  }

  #lookAtAll(): void {
    this.due.clear();
    this.#idle = 0;
    for (let slot = 0; slot < this.#pane.size; slot++) {
      if (this.holds(slot) === NOTHING) this.#idle++;
      else this.due.add(slot, this.dueAt(slot));
    }
  }
}
