/**
 * The timers of one domain as numbers: a 4-ary heap in typed arrays for the order, and an open-addressing set for what is
 * registered. Used by `timer-queue.ts` only.
 *
 * A timer is (slot of its key, time) with an order number that no other timer ever gets. Deleting removes it from the set
 * alone; its heap entry is recognised as dead by its order number when it surfaces. When more than half of the heap is
 * dead, the heap is rebuilt, so pairs of register and delete cost O(1) amortised and memory follows the live timers.
 */

import type { TimerColumns } from "../state/timer-log.ts";

const ENTRIES_MIN = 16;
const CELL = 3; // numbers in a cell of the set: slot + 1 (0: empty), time, order

const float = new Float64Array(1);
const words = new Int32Array(float.buffer);

export class TimerHeap {
  // The heap, by position: earliest (time, order) at 0, children of i at 4i + 1 … 4i + 4.
  #times = new Float64Array(ENTRIES_MIN);
  #orders = new Float64Array(ENTRIES_MIN);
  #slots = new Int32Array(ENTRIES_MIN);
  #length = 0;
  // The set of live timers.
  #cells = new Float64Array(2 * ENTRIES_MIN * CELL);
  #mask = 2 * ENTRIES_MIN - 1;
  #live = 0;

  /** How many timers are registered. */
  get size(): number {
    return this.#live;
  }

  /** Heap entries, dead ones included. */
  get length(): number {
    return this.#length;
  }

  /** False when this timer is registered already, which then keeps its order. */
  add(slot: number, time: number, order: number): boolean {
    const cell = this.#cellOf(slot, time);
    if (this.#cells[cell] !== 0) return false;
    this.#fill(cell, slot + 1, time, order);
    this.#live++;
    if (2 * this.#live > this.#mask) this.#resizeSet(2 * (this.#mask + 1));
    this.#push(time, order, slot);
    return true;
  }

  /** False when no such timer is registered. */
  delete(slot: number, time: number): boolean {
    if (!this.#remove(slot, time)) return false;
    if (this.#length > ENTRIES_MIN && this.#length > 2 * this.#live) this.#rebuild();
    return true;
  }

  /** The earliest time, or Infinity. */
  next(): number {
    return this.settle() ? (this.#times[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** Brings the earliest live timer to the top. ENSURES: true if there is one; its parts are then `topTime` and `topSlot`. */
  settle(): boolean {
    while (this.#length > 0) {
      if (this.#isLive(0)) return true;
      this.#pop();
    }
    return false;
  }

  get topTime(): number {
    return this.#times[0] as number;
  }

  get topSlot(): number {
    return this.#slots[0] as number;
  }

  get topOrder(): number {
    return this.#orders[0] as number;
  }

  /** REQUIRES: `settle` has just returned true. */
  removeTop(): void {
    this.#remove(this.topSlot, this.topTime);
    this.#pop();
  }

  /** Every live timer, in no particular order. */
  forEach(visit: (slot: number, time: number, order: number) => void): void {
    for (let at = 0; at < this.#cells.length; at += CELL) {
      const slot = (this.#cells[at] as number) - 1;
      if (slot >= 0) visit(slot, this.#cells[at + 1] as number, this.#cells[at + 2] as number);
    }
  }

  /** The order of a registered timer, or -1. */
  orderOf(slot: number, time: number): number {
    const cell = this.#cellOf(slot, time);
    return this.#cells[cell] === 0 ? -1 : (this.#cells[cell + 2] as number);
  }

  /** A copy of all entries as they are, dead ones included, in no order. */
  copy(): TimerColumns {
    const length = this.#length;
    return {
      slots: this.#slots.slice(0, length),
      times: this.#times.slice(0, length),
      orders: this.#orders.slice(0, length),
      length,
    };
  }

  #isLive(position: number): boolean {
    const cell = this.#cellOf(this.#slots[position] as number, this.#times[position] as number);
    return this.#cells[cell] !== 0 && this.#cells[cell + 2] === this.#orders[position];
  }

  #push(time: number, order: number, slot: number): void {
    if (this.#length === this.#times.length) this.#resizeHeap(2 * this.#length);
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (this.#isBefore(parent, time, order)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, time, order, slot);
  }

  #pop(): void {
    const last = --this.#length;
    if (last > 0) this.#sink(0, this.#times[last] as number, this.#orders[last] as number, this.#slots[last] as number);
  }

  /** Puts an entry at a position whose subtrees are heaps, or below it. */
  #sink(position: number, time: number, order: number, slot: number): void {
    const times = this.#times;
    const orders = this.#orders;
    const length = this.#length;
    let at = position;
    for (let child = 4 * at + 1; child < length; child = 4 * at + 1) {
      let least = child;
      let leastTime = times[child] as number;
      const end = Math.min(child + 4, length);
      for (let other = child + 1; other < end; other++) {
        const otherTime = times[other] as number;
        if (otherTime > leastTime || (otherTime === leastTime && (orders[other] as number) > (orders[least] as number)))
          continue;
        least = other;
        leastTime = otherTime;
      }
      if (leastTime > time || (leastTime === time && (orders[least] as number) > order)) break;
      this.#move(least, at);
      at = least;
    }
    this.#put(at, time, order, slot);
  }

  #isBefore(position: number, time: number, order: number): boolean {
    const other = this.#times[position] as number;
    return other < time || (other === time && (this.#orders[position] as number) < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] as number, this.#orders[from] as number, this.#slots[from] as number);
  }

  #put(at: number, time: number, order: number, slot: number): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#slots[at] = slot;
  }

  /** Drops the dead and makes a heap of the rest from the bottom up, in O(n); then fits the arrays to what is left. */
  #rebuild(): void {
    let kept = 0;
    for (let at = 0; at < this.#length; at++) {
      if (this.#isLive(at)) this.#move(at, kept++);
    }
    this.#length = kept;
    for (let at = (kept - 2) >> 2; at >= 0; at--) {
      this.#sink(at, this.#times[at] as number, this.#orders[at] as number, this.#slots[at] as number);
    }
    if (4 * kept < this.#times.length) this.#resizeHeap(Math.max(ENTRIES_MIN, this.#times.length >> 1));
    if (8 * kept < this.#mask) this.#resizeSet(Math.max(2 * ENTRIES_MIN, (this.#mask + 1) >> 1));
  }

  #resizeHeap(capacity: number): void {
    const copyOf = <A extends Float64Array | Int32Array>(to: A, from: A): A => {
      to.set(from.subarray(0, this.#length));
      return to;
    };
    this.#times = copyOf(new Float64Array(capacity), this.#times);
    this.#orders = copyOf(new Float64Array(capacity), this.#orders);
    this.#slots = copyOf(new Int32Array(capacity), this.#slots);
  }

  #resizeSet(cells: number): void {
    const old = this.#cells;
    this.#cells = new Float64Array(cells * CELL);
    this.#mask = cells - 1;
    for (let at = 0; at < old.length; at += CELL) {
      const slotPlusOne = old[at] as number;
      const time = old[at + 1] as number;
      if (slotPlusOne !== 0) this.#fill(this.#cellOf(slotPlusOne - 1, time), slotPlusOne, time, old[at + 2] as number);
    }
  }

  #fill(cell: number, slotPlusOne: number, time: number, order: number): void {
    this.#cells[cell] = slotPlusOne;
    this.#cells[cell + 1] = time;
    this.#cells[cell + 2] = order;
  }

  /** Where the timer's cell starts, or the empty cell where it would go. */
  #cellOf(slot: number, time: number): number {
    const cells = this.#cells;
    for (let cell = hashOf(slot, time) & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const at = cell * CELL;
      if (cells[at] === 0 || (cells[at] === slot + 1 && cells[at + 1] === time)) return at;
    }
  }

  #remove(slot: number, time: number): boolean {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = this.#cellOf(slot, time) / CELL;
    if (cells[hole * CELL] === 0) return false;
    // As in state/number-table.ts: the cells behind shift back into the hole, so there are no tombstones.
    for (let cell = (hole + 1) & mask; cells[cell * CELL] !== 0; cell = (cell + 1) & mask) {
      const home = hashOf((cells[cell * CELL] as number) - 1, cells[cell * CELL + 1] as number) & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      this.#fill(
        hole * CELL,
        cells[cell * CELL] as number,
        cells[cell * CELL + 1] as number,
        cells[cell * CELL + 2] as number,
      );
      hole = cell;
    }
    cells[hole * CELL] = 0;
    this.#live--;
    return true;
  }
}

function hashOf(slot: number, time: number): number {
  float[0] = time;
  let h = Math.imul(slot ^ (words[0] as number), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15) ^ (words[1] as number), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f);
  return h ^ (h >>> 16);
}
