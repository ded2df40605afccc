/**
 * A value for each key, in a state table that gives memory back: a pane of a table never shrinks, but goes as a whole.
 *
 * The law: a key's value is in the current pane or, while an older one is being emptied, in that. When more than half of
 * the current pane is void, a new pane becomes the current one, and each access moves a few values over from the old one,
 * which is dropped when it is empty. So an access costs O(1), and keys that have come and gone cost nothing. Any panes
 * that are restored are brought into the newest.
 */

import type { Key } from "../../../core/key.ts";
import type { StatePane, StateTable } from "../../../core/state-backend.ts";

/** A pane that is smaller is left as it is. */
const SIZE_MIN = 1024;

/** Values that an access moves over: twice what it may add, so that the old pane is empty before the new one is full. */
const MOVED_AT_ONCE = 4;

export class KeyTable<V extends object> {
  readonly #table: StateTable;
  #namespace: number;
  #current: StatePane;
  #old: StatePane | undefined;
  #oldNamespace = 0;
  /** Slots of the old pane below this are void. */
  #moved = 0;
  /** Values in the current pane. */
  #live = 0;

  constructor(table: StateTable) {
    this.#table = table;
    const [newest = 0, ...older] = [...table.namespaces()].reverse();
    this.#namespace = newest;
    this.#current = table.pane(newest);
    for (let slot = 0; slot < this.#current.size; slot++)
      if (this.#valueAt(this.#current, slot) !== undefined) this.#live++;
    for (const namespace of older) this.#takeAll(namespace);
  }

  /** The slot of a key that is about to be changed, with its value if it has one. Valid until the next call. */
  open(key: Key): number {
    if (this.#old !== undefined) this.#moveSome(this.#old);
    const slot = this.#current.slotOf(key);
    if (this.#old !== undefined && this.#current.values[slot] === undefined) this.#move(this.#old, this.#old.find(key));
    return slot;
  }

  at(slot: number): V | undefined {
    return this.#current.values[slot] as V | undefined;
  }

  /** REQUIRES: the slot was void. */
  put(slot: number, value: V): void {
    this.#current.values[slot] = value;
    this.#live++;
  }

  /** REQUIRES: the slot has a value. */
  remove(slot: number): void {
    this.#current.values[slot] = undefined;
    this.#live--;
    if (this.#old === undefined && this.#current.size > SIZE_MIN && 2 * this.#live < this.#current.size) this.#begin();
  }

  /** All keys with values. They may be removed meanwhile, none may be added. */
  *keys(): Iterable<Key> {
    const panes = this.#old === undefined ? [this.#current] : [this.#current, this.#old];
    for (const pane of panes) {
      for (let slot = 0; slot < pane.size; slot++) {
        const key = pane.keyAt(slot);
        if (pane.values[slot] !== undefined) yield key;
      }
    }
  }

  /** The current pane becomes the old one. */
  #begin(): void {
    this.#old = this.#current;
    this.#oldNamespace = this.#namespace++;
    this.#moved = 0;
    this.#live = 0;
    this.#current = this.#table.pane(this.#namespace);
  }

  #moveSome(old: StatePane): void {
    const end = Math.min(this.#moved + MOVED_AT_ONCE, old.size);
    while (this.#moved < end) this.#move(old, this.#moved++);
    if (this.#moved < old.size) return;
    this.#table.drop(this.#oldNamespace);
    this.#old = undefined;
  }

  #move(old: StatePane, slot: number): void {
    const value = slot < 0 ? undefined : this.#valueAt(old, slot);
    if (value === undefined) return;
    const key = old.keyAt(slot);
    old.slotOf(key);
    old.values[slot] = undefined;
    this.#current.values[this.#current.slotOf(key)] = value;
    this.#live++;
  }

  #takeAll(namespace: number): void {
    const old = this.#table.pane(namespace);
    for (let slot = 0; slot < old.size; slot++) this.#move(old, slot);
    this.#table.drop(namespace);
  }

  #valueAt(pane: StatePane, slot: number): unknown {
    pane.keyAt(slot); // may be on disk otherwise
    return pane.values[slot];
  }
}
