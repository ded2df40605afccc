/**
 * The entries behind handles: one per key, holding all its named states, in columns that share one key index.
 *
 * `select` only notes the key; the first read or write of any state looks it up, the others find the slot again. An entry
 * exists exactly while at least one of its states has a value, so keys that come and go leave nothing behind; but while a
 * checkpoint may hold an entry that has ended, its slot stays as a tombstone until a later checkpoint is confirmed.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import { type Epochs, RESTORED } from "./epochs.ts";
import { flatten } from "./flatten.ts";
import type { KeyGroups } from "./key-groups.ts";
import { KeyIndex } from "./key-index.ts";
import type { ListCell } from "./list-cells.ts";
import { lengthened } from "./longer.ts";
import type { MapCell } from "./map-cell.ts";
import { SPILLED, type Spill } from "./spill.ts";
import { StateColumn, type StateKind } from "./state-column.ts";

const NO_KEY = -3;
const UNRESOLVED = -2;
const NO_ENTRY = -1;
const CAPACITY_MIN = 16;

/** How many cells of a state that ages are looked at whenever one is written: twice as fast as it can grow. */
const SWEPT_A_WRITE = 2;

export class KeyedEntries {
  readonly operator: string;
  readonly freezeValues: boolean;
  readonly epochs: Epochs;
  readonly index: KeyIndex;
  readonly #keyGroups: KeyGroups;
  readonly columns = new Map<string, StateColumn>();
  /** By slot: how many columns have a value. */
  #present = new Uint16Array(CAPACITY_MIN);
  /** By slot: the epoch in which the entry was made. */
  #madeAt = new Uint32Array(CAPACITY_MIN);
  /** By slot: the entry's key group. */
  groups = new Uint16Array(CAPACITY_MIN);
  /** Slots of entries that ended and may be in a checkpoint. */
  #ended: number[] = [];
  readonly #spill: Spill | undefined;
  #capacity = CAPACITY_MIN;
  #slots = 0;
  #key: Key | undefined;
  #slot = NO_KEY;

  constructor(operator: string, keyGroups: KeyGroups, freezeValues: boolean, epochs: Epochs, spill?: Spill) {
    this.#spill = spill;
    this.operator = operator;
    this.freezeValues = freezeValues;
    this.epochs = epochs;
    this.index = new KeyIndex(operator);
    this.#keyGroups = keyGroups;
  }

  /** @throws BAD_KEY */
  select(key: Key): void {
    this.#spill?.relieve();
    this.#key = key;
    // Strings and numbers other than NaN are valid keys as they stand; looking the others up refuses what is not.
    const plain = typeof key === "string" || (typeof key === "number" && key === key);
    this.#slot = plain ? UNRESOLVED : this.#lookUp(key);
  }

  #lookUp(key: Key): number {
    this.#slot = NO_KEY;
    return this.index.find(key);
  }

  /** No key is current any more. */
  deselect(): void {
    this.#key = undefined;
    this.#slot = NO_KEY;
  }

  get currentKey(): Key {
    if (this.#slot === NO_KEY) throw this.#noKey();
    return this.#key as Key;
  }

  /** The current key's cell in a column, or undefined. */
  read(column: StateColumn): unknown {
    const slot = this.#find();
    if (slot < 0) return undefined;
    return column.ageing === undefined ? column.cellAt(slot) : this.#readAgeing(column, slot);
  }

  /** The list or map of the current key in a column, which the caller is about to change in place, or undefined. */
  change(column: StateColumn): unknown {
    const cell = this.read(column);
    if (cell === undefined) return undefined;
    column.touch(this.#slot, this.epochs.current);
    column.space?.changed(this.#slot);
    if (column.ageing !== undefined) {
      if (column.oldest !== undefined)
        column.oldest[this.#slot] = Math.min(column.oldest[this.#slot] as number, column.ageing.now());
      this.#sweep(column, this.#slot);
    }
    return cell;
  }

  write(column: StateColumn, value: unknown): void {
    let slot = this.#find();
    if (slot < 0) slot = this.#create();
    column.touch(slot, this.epochs.current);
    if (column.cells.at(slot) === undefined) this.#present[slot] = (this.#present[slot] as number) + 1;
    else if (column.isPacked) column.released(slot);
    column.cells.set(slot, column.cellOf(value));
    column.space?.changed(slot);
    if (column.ageing !== undefined) {
      if (column.stamps !== undefined) column.stamps[slot] = column.ageing.now();
      if (column.oldest !== undefined) column.oldest[slot] = (value as ListCell | MapCell).oldestStamp();
      this.#sweep(column, slot);
    }
  }

  /** The current key's cell becomes another one that holds the same. REQUIRES: it has been read. */
  turn(column: StateColumn, cell: unknown): void {
    column.cells.set(this.#slot, cell);
  }

  /** As `write`, for what was saved: it is no change. REQUIRES: nothing has been captured yet. */
  writeRestored(column: StateColumn, value: unknown, stamp: number): void {
    let slot = this.#find();
    if (slot < 0) slot = this.#create();
    this.#madeAt[slot] = RESTORED;
    if (column.cells.at(slot) === undefined) this.#present[slot] = (this.#present[slot] as number) + 1;
    else if (column.packedValues !== undefined) column.released(slot);
    column.cells.set(slot, column.cellOf(value));
    column.space?.changed(slot);
    column.marks[slot] = RESTORED;
    if (column.stamps !== undefined) column.stamps[slot] = stamp;
    if (column.oldest !== undefined) column.oldest[slot] = Number.NEGATIVE_INFINITY;
  }

  clear(column: StateColumn): void {
    const slot = this.#find();
    if (slot >= 0) this.clearAt(column, slot);
  }

  clearAt(column: StateColumn, slot: number): void {
    if (column.cells.at(slot) === undefined) return;
    column.touch(slot, this.epochs.current);
    if (column.isPacked) column.released(slot);
    column.cells.set(slot, undefined);
    column.space?.cleared(slot);
    const left = (this.#present[slot] as number) - 1;
    this.#present[slot] = left;
    if (left > 0) return;
    if (this.epochs.mayBeSaved(this.#madeAt[slot] as number)) this.#ended.push(slot);
    else this.#free(slot);
  }

  /** Frees slots of ended entries whose end is in the confirmed checkpoint, a stretch at a time. REQUIRES: nothing is captured. */
  *freeEnded(): Generator<undefined> {
    const ended = this.#ended;
    this.#ended = [];
    const { confirmed } = this.epochs;
    for (const [i, slot] of ended.entries()) {
      if (this.#present[slot] === 0 && this.index.has(slot)) {
        if (this.#isUnmarked(slot, confirmed)) this.#free(slot);
        else this.#ended.push(slot);
      }
      if (i % 1024 === 1023) yield undefined;
    }
  }

  #isUnmarked(slot: number, confirmed: number): boolean {
    for (const column of this.columns.values()) if ((column.marks[slot] as number) > confirmed) return false;
    return true;
  }

  #free(slot: number): void {
    this.index.remove(slot);
    for (const column of this.columns.values()) column.marks[slot] = 0; // no checkpoint needs to hear of it
    if (slot === this.#slot) this.#slot = NO_ENTRY;
  }

  /** The slots whose cell in a column is present and not over. */
  *presentSlots(column: StateColumn): Generator<number> {
    for (let slot = 0; slot < column.cells.length; slot++) {
      if (column.cells.at(slot) === undefined) continue;
      if (column.ageing !== undefined) this.#expire(column, slot, true, column.ageing.nowForAll());
      if (column.cells.at(slot) !== undefined) yield slot;
    }
  }

  /** What state keeps of a value that it is given: strings flat, and frozen where that is asked for. `check` may refuse it. */
  keep<T>(value: T, check?: (value: unknown) => void): T {
    if (check !== undefined) check(value);
    if (typeof value === "string") return flatten(value) as T;
    return this.freezeValues ? deepFreeze(value) : value;
  }

  addColumn(name: string, kind: StateKind): StateColumn {
    assert(!this.columns.has(name), `the state "${name}" exists already`);
    const column = new StateColumn(name, kind);
    if (this.#spill !== undefined) column.spillTo(this.#spill, this.operator, (value) => this.keep(value));
    for (let slot = 0; slot < this.index.slots; slot++) column.open(slot, this.#capacity);
    this.columns.set(name, column);
    return column;
  }

  /** The same as `read`, with nothing left in a list or map that is over. */
  readWhole(column: StateColumn): unknown {
    const slot = this.#find();
    if (slot >= 0 && column.ageing !== undefined) this.#expire(column, slot, true, column.ageing.now());
    return this.read(column);
  }

  #readAgeing(column: StateColumn, slot: number): unknown {
    this.#expire(column, slot, false, column.ageing?.now() ?? 0);
    const cell = column.cellAt(slot);
    if (cell !== undefined && column.stamps !== undefined && column.ageing?.refreshOnRead === true) {
      const now = column.ageing.now();
      if (now > (column.stamps[slot] as number)) {
        column.touch(slot, this.epochs.current);
        column.stamps[slot] = now;
      }
    }
    return cell;
  }

  /** Removes what is over in a cell; of lists and maps, unless `thorough`, only the oldest elements. */
  #expire(column: StateColumn, slot: number, thorough: boolean, now: number): void {
    const ageing = column.ageing;
    if (ageing === undefined || column.cells.at(slot) === undefined) return;
    if (column.stamps !== undefined) {
      if (ageing.isOver(column.stamps[slot] as number, now)) this.clearAt(column, slot);
    } else if (column.oldest !== undefined && (column.oldest[slot] as number) + ageing.ttlMs <= now)
      this.#expireElements(column, slot, thorough, (stamp) => ageing.isOver(stamp, now));
  }

  #expireElements(column: StateColumn, slot: number, thorough: boolean, over: (stamp: number) => boolean): void {
    const cell = column.cellAt(slot) as ListCell | MapCell;
    if (cell.hasOver(over, thorough)) {
      column.touch(slot, this.epochs.current);
      if (cell.expire(over, thorough, this.epochs)) {
        this.clearAt(column, slot);
        return;
      }
      column.space?.changed(slot);
    }
    if (column.oldest !== undefined) column.oldest[slot] = cell.oldestStamp();
  }

  /** Looks at some cells for what is over; not at the one that was just written. */
  #sweep(column: StateColumn, written: number): void {
    const now = column.ageing?.nowForAll() ?? 0;
    for (let i = 0; i < SWEPT_A_WRITE; i++) {
      if (column.swept >= column.cells.length) column.swept = 0;
      const slot = column.swept++;
      // A list or map on disk is not read for that; it ages when it is used.
      if (slot !== written && (column.cells.at(slot) !== SPILLED || column.stamps !== undefined))
        this.#expire(column, slot, false, now);
    }
  }

  #find(): number {
    return this.#slot >= NO_ENTRY ? this.#slot : this.#resolve();
  }

  #resolve(): number {
    if (this.#slot === NO_KEY) throw this.#noKey();
    this.#slot = this.index.find(this.#key as Key);
    return this.#slot;
  }

  #create(): number {
    const key = this.#key as Key;
    const group = this.#keyGroups.ownGroupOf(key);
    const slot = this.index.slotOf(key);
    if (slot === this.#slots) {
      this.#slots++;
      if (slot >= this.#capacity) this.#grow();
      for (const column of this.columns.values()) column.open(slot, this.#capacity);
    }
    this.#madeAt[slot] = this.epochs.current;
    this.groups[slot] = group;
    this.#slot = slot;
    return slot;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.groups = lengthened(this.groups, this.#capacity);
    this.#present = lengthened(this.#present, this.#capacity);
    this.#madeAt = lengthened(this.#madeAt, this.#capacity);
  }

  #noKey(): MillraceError {
    return new MillraceError(
      "STATE_MISUSE",
      `"${this.operator}" used keyed state while no key was current. Use state only while a record or a timer is processed, ` +
        "not in open or close",
      { operator: this.operator },
    );
  }
}

/** Freezes plain data to its depth. Typed arrays, and the contents of dates, maps and sets, cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
