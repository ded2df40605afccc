/**
 * Rows of the slots of a pane (`core/pane-rows.ts`), packed: of all slots one behind the other in the order in which they come,
 * in the place of an object a row and an array a slot, which live long enough to be copied twice by the garbage collector.
 * Records that have the fields of the pane's first one, all numbers, lie within their rows; others are kept as they came.
 *
 *   f64           time
 *   i32 i32       the row before it in its slot, 0: none; flags
 *   f64 × fields  the record's numbers, or the place of the record that is kept as it came
 *
 * So a row is within one cache line or two, a slot has the number of its last row, and looking for rows goes from the newest
 * back, no further than times show: a flag says that no row behind this one is later.
 */

import { AssertionFailure } from "../../core/assert.ts";
import type { PaneRows, RowsKind } from "../../core/pane-rows.ts";
import { giveBack, lengthened, longer } from "./longer.ts";
import { type NumberShape, numberOf, numberShapeOf } from "./number-rows.ts";

const MARKED = 1;
/** None of the rows behind it is later. */
const LATEST = 2;
/** The record is among those that are kept as they came. */
const AS_IT_CAME = 4;

/** Doubles of a row in front of the record. */
const HEAD = 2;
const ROWS_MIN = 8;
const SLOTS_MIN = 8;
const FOUND_MIN = 64;

/** What comes is put into arrays that are young as it is: of old ones each reference to a young object would have to be noted. */
const CHUNK_BITS = 9;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** As many slots as are asked for at once. */
const HEADS_MAX = 1024;

/** The last rows of slots that are about to be looked at, and a sum. */
const heads = new Int32Array(HEADS_MAX + 1);

export class PackedPaneRows implements PaneRows {
  found = new Int32Array(FOUND_MIN);
  readonly #kind: RowsKind;
  #lasts: Int32Array;
  /** Rows begin at 1, and are made when the first one comes. */
  #doubles = new Float64Array(0);
  #ints = new Int32Array(0);
  #stride = HEAD + 1;
  #next = 1;
  #room: number;
  #shape: NumberShape | undefined;
  readonly #others: unknown[][] = [];
  #otherCount = 0;

  /** @param slots, @param rows how many there will be, if that is known. */
  constructor(kind: RowsKind, slots: number, rows: number) {
    this.#kind = kind;
    this.#lasts = new Int32Array(Math.max(SLOTS_MIN, slots));
    this.#room = Math.max(ROWS_MIN, rows + 1);
  }

  /** Nobody uses it any more. */
  giveBack(): void {
    giveBack(this.#doubles);
    giveBack(this.#lasts);
  }

  /** How many rows have come. */
  get size(): number {
    return this.#next - 1;
  }

  add(slot: number, time: number, row: unknown, marked: boolean): void {
    if (slot >= this.#lasts.length) this.#lasts = lengthened(this.#lasts, Math.max(slot + 1, 2 * this.#lasts.length));
    if (this.#next * this.#stride >= this.#doubles.length) this.#makeRoom(row);
    const last = this.#lasts[slot] as number;
    const at = this.#next * this.#stride;
    this.#doubles[at] = time;
    this.#ints[2 * at + 2] = last;
    this.#ints[2 * at + 3] = (marked ? MARKED : 0) | this.#orderFlag(last, time) | this.#putRecord(row, at + HEAD);
    this.#lasts[slot] = this.#next++;
  }

  find(slot: number, base: number, from: number, to: number): number {
    const doubles = this.#doubles;
    const ints = this.#ints;
    const stride = this.#stride;
    let { found } = this;
    let count = 0;
    for (let row = this.#lastOf(slot); row !== 0; ) {
      const at = row * stride;
      const later = base + (doubles[at] as number);
      if (later < from && ((ints[2 * at + 3] as number) & LATEST) !== 0) break;
      if (later >= from && later <= to) {
        if (count === found.length) this.found = found = longer(found, 2 * count);
        found[count++] = row;
      }
      row = ints[2 * at + 2] as number;
    }
    for (let a = 0, b = count - 1; a < b; a++, b--) {
      const newer = found[a] as number;
      found[a] = found[b] as number;
      found[b] = newer;
    }
    return count;
  }

  timeAt(_slot: number, row: number): number {
    return this.#doubles[row * this.#stride] as number;
  }

  rowAt(_slot: number, row: number): unknown {
    const at = row * this.#stride;
    if (((this.#ints[2 * at + 3] as number) & AS_IT_CAME) === 0)
      return (this.#shape as NumberShape).recordAt(this.#doubles, at + HEAD, numberOf);
    const place = this.#doubles[at + HEAD] as number;
    return this.#others[place >> CHUNK_BITS]?.[place & CHUNK_MASK];
  }

  isMarked(_slot: number, row: number): boolean {
    return ((this.#ints[2 * row * this.#stride + 3] as number) & MARKED) !== 0;
  }

  mark(_slot: number, row: number): void {
    const at = 2 * row * this.#stride + 3;
    this.#ints[at] = (this.#ints[at] as number) | MARKED;
  }

  touch(slots: Int32Array, count: number): void {
    const lasts = this.#lasts;
    const ints = this.#ints;
    const stride = 2 * this.#stride;
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      heads[i] = slot < 0 || slot >= lasts.length ? 0 : (lasts[slot] as number);
    }
    let sum = 0;
    for (let i = 0; i < count; i++) sum ^= ints[(heads[i] as number) * stride + 2] as number;
    heads[HEADS_MAX] = sum; // V8 leaves out what nobody uses
  }

  /** The rows of a slot as they are saved; undefined: none. What was found stays: captures ask at any time. */
  valueOf(slot: number): unknown[] | undefined {
    const rows: number[] = [];
    for (let row = this.#lastOf(slot); row !== 0; row = this.#ints[2 * row * this.#stride + 2] as number)
      rows.push(row);
    if (rows.length === 0) return undefined;
    const value: unknown[] = [];
    for (const row of rows.reverse()) {
      value.push(this.timeAt(slot, row), this.rowAt(slot, row));
      if (this.#kind === "marked") value.push(this.isMarked(slot, row) ? 1 : 0);
    }
    return value;
  }

  /** Puts these in the place of a slot's rows. @param value as `valueOf` gives it. */
  setValue(slot: number, value: readonly unknown[] | undefined): void {
    if (slot < this.#lasts.length) this.#lasts[slot] = 0;
    const stride = this.#kind === "marked" ? 3 : 2;
    for (let at = 0; at < (value?.length ?? 0); at += stride)
      this.add(slot, value?.[at] as number, value?.[at + 1], stride === 3 && value?.[at + 2] === 1);
  }

  #lastOf(slot: number): number {
    return slot < this.#lasts.length ? (this.#lasts[slot] as number) : 0;
  }

  #orderFlag(last: number, time: number): number {
    if (last === 0) return LATEST;
    const at = last * this.#stride;
    return ((this.#ints[2 * at + 3] as number) & LATEST) !== 0 && time >= (this.#doubles[at] as number) ? LATEST : 0;
  }

  /** @returns the flag of where it is. */
  #putRecord(row: unknown, at: number): number {
    const shape = this.#shape;
    if (shape?.put(row, this.#doubles, at, shape.fields)) return 0;
    const place = this.#otherCount++;
    if ((place & CHUNK_MASK) === 0) this.#others.push([]);
    (this.#others[place >> CHUNK_BITS] as unknown[]).push(row);
    this.#doubles[at] = place;
    return AS_IT_CAME;
  }

  #makeRoom(row: unknown): void {
    if (this.#next === 1) {
      this.#shape = numberShapeOf(row);
      this.#stride = HEAD + (this.#shape?.fields.length ?? 1);
    } else this.#room *= 2;
    if (this.#room * this.#stride > 2 ** 30) throw new AssertionFailure(`a pane has ${this.#next} rows, too many`);
    const doubles = new Float64Array(this.#room * this.#stride);
    doubles.set(this.#doubles);
    giveBack(this.#doubles);
    this.#doubles = doubles;
    this.#ints = new Int32Array(doubles.buffer);
  }
}
