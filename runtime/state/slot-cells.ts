/**
 * The cells of one state, by slot. Those of a packed state nearly all hold small whole numbers, which stand for packed rows and
 * lists: each has 4 bytes then, and growing leaves nothing behind that waits for the collector.
 *
 *   anything ── packed ──► numbers, and a few others beside them ── others are many ──► anything
 */

import { lengthened } from "./longer.ts";

/** Among numbers: there is nothing, and what there is is no number. */
const NOTHING = -1;
const OTHER = -2;

/** One of so many slots, and some, may have what is no number: that takes some 40 bytes, and in an array each slot takes 8. */
const OTHERS_OF = 8;
const OTHERS_MIN = 16;

export class SlotCells {
  /** How many slots there are. */
  length = 0;
  /** Undefined: they are in the array. */
  #numbers: Int32Array | undefined;
  #any: unknown[] = [];
  /** By slot, what stands beside the numbers. */
  readonly #others = new Map<number, unknown>();

  /** Undefined: there is nothing, or no such slot. */
  at(slot: number): unknown {
    const numbers = this.#numbers;
    if (numbers === undefined) return this.#any[slot];
    const cell = numbers[slot] as number;
    if (cell >= 0) return cell;
    return cell === OTHER ? this.#others.get(slot) : undefined;
  }

  /** REQUIRES: there is such a slot; and numbers of a packed state are whole, from 0 to 2³¹ - 1. */
  set(slot: number, cell: unknown): void {
    const numbers = this.#numbers;
    if (numbers === undefined) {
      this.#any[slot] = cell;
      return;
    }
    if (numbers[slot] === OTHER) this.#others.delete(slot);
    if (typeof cell === "number") numbers[slot] = cell;
    else if (cell === undefined) numbers[slot] = NOTHING;
    else this.#setOther(numbers, slot, cell);
  }

  #setOther(numbers: Int32Array, slot: number, cell: unknown): void {
    numbers[slot] = OTHER;
    this.#others.set(slot, cell);
    if (OTHERS_OF * this.#others.size > this.length + OTHERS_OF * OTHERS_MIN) this.#leaveNumbers();
  }

  /** One more slot, in which there is nothing. `capacity`: of how many there will be soon. */
  push(capacity: number): void {
    const slot = this.length++;
    if (this.#numbers === undefined) this.#any.push(undefined);
    else if (slot >= this.#numbers.length)
      this.#numbers = lengthened(this.#numbers, Math.max(capacity, slot + 1), NOTHING);
  }

  /** It is packed: from now on nearly all that is set are numbers. */
  holdNumbers(): void {
    if (this.#numbers !== undefined) return;
    const any = this.#any;
    this.#any = [];
    this.#numbers = new Int32Array(this.length).fill(NOTHING);
    for (let slot = 0; slot < this.length; slot++) this.set(slot, any[slot]);
  }

  #leaveNumbers(): void {
    const any: unknown[] = [];
    for (let slot = 0; slot < this.length; slot++) any.push(this.at(slot));
    this.#others.clear();
    this.#numbers = undefined;
    this.#any = any;
  }
}
