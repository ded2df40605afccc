/**
 * The keys at which something is open or waits, in the table "matches": what `key-matches.ts` describes as the value, and two
 * numbers, the time at which the watermark has something to do there, and what is there: nothing, matches, or records that
 * wait.
 *
 * The law: a key has an entry only once a record of it waits or has begun a match; one at which nothing is left has no
 * value. A table cannot forget one key: such keys are left behind when the others move to a new namespace, once they are
 * the greater part.
 */

import type { Key } from "../../core/key.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import { DueSlots } from "./due-slots.ts";
import { earliestWaiting, isIdle, type KeyMatches, newKeyMatches } from "./key-matches.ts";

/** Few keys are not worth moving. */
const MOVE_FROM = 1024;
const NEVER = Number.POSITIVE_INFINITY;
// Columns.
const DUE = 0;
const HOLDS = 1;
// What an entry holds.
const NOTHING = 0;
const MATCHES = 1;
const WAITING = 2;

export class KeyEntries {
  readonly due = new DueSlots();
  readonly #table: StateTable;
  #pane: StatePane;
  #generation: number;
  /** Entries without a value. */
  #idle = 0;
  /** For the next key that gets an entry. */
  #spare = newKeyMatches();

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

  /** Empty matches, for a key that has no entry: `keep` makes them its own. */
  get spare(): KeyMatches {
    return this.#spare;
  }

  isBusy(slot: number): boolean {
    return slot >= 0 && (this.#pane.numbers[HOLDS] as Float64Array)[slot] !== NOTHING;
  }

  /** Whether records of the key wait. */
  waits(slot: number): boolean {
    return slot >= 0 && (this.#pane.numbers[HOLDS] as Float64Array)[slot] === WAITING;
  }

  dueAt(slot: number): number {
    return (this.#pane.numbers[DUE] as Float64Array)[slot] as number;
  }

  /** What is there, to be changed. REQUIRES: the slot is busy. */
  at(slot: number): KeyMatches {
    this.#pane.changing(slot);
    return this.#pane.values[slot] as KeyMatches;
  }

  /** Gives a key the spare matches as its own, and its slot. REQUIRES: its slot is not busy, or it has none. */
  keep(key: Key): number {
    const { size } = this.#pane;
    const slot = this.#pane.slotOf(key);
    if (slot < size) this.#idle--;
    this.#pane.values[slot] = this.#spare;
    (this.#pane.numbers[HOLDS] as Float64Array)[slot] = MATCHES;
    (this.#pane.numbers[DUE] as Float64Array)[slot] = NEVER;
    this.#spare = newKeyMatches();
    return slot;
  }

  /** To be called when what is at the slot has changed: notes when there is something to do, and whether anything is left. */
  changed(slot: number, matches: KeyMatches): void {
    const isOver = isIdle(matches);
    const due = isOver ? NEVER : Math.min(matches.deadline, earliestWaiting(matches));
    (this.#pane.numbers[DUE] as Float64Array)[slot] = due;
    this.due.add(slot, due);
    const holds = isOver ? NOTHING : matches.waiting.length > 0 ? WAITING : MATCHES;
    (this.#pane.numbers[HOLDS] as Float64Array)[slot] = holds;
    if (!isOver) return;
    this.#pane.values[slot] = undefined;
    this.#idle++;
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

  /** Moves the keys at which something is open into the present generation. */
  #moveFrom(generation: number): void {
    const from = this.#table.pane(generation);
    const to = this.#pane;
    for (let slot = 0; slot < from.size; slot++) {
      if (from.numbers[HOLDS]?.[slot] === NOTHING) continue;
      const key = from.keyAt(slot);
      const value = from.values[slot];
      const place = to.slotOf(key);
      to.values[place] = value;
      for (const column of [DUE, HOLDS])
        (to.numbers[column] as Float64Array)[place] = from.numbers[column]?.[slot] as number;
    }
    this.#table.drop(generation);
  }

  #lookAtAll(): void {
    this.due.clear();
    this.#idle = 0;
    for (let slot = 0; slot < this.#pane.size; slot++) {
      if (this.isBusy(slot)) this.due.add(slot, this.dueAt(slot));
      else this.#idle++;
    }
  }
}
