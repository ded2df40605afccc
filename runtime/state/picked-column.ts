/**
 * A column of picked rows, by place: numbers as such as long as there is nothing else, which costs no reference that the
 * garbage collector has to follow, and is gathered in any order from memory that is near.
 */

import type { Column } from "./column-codec.ts";
import { giveBack, giveNumbersBack, takeArray, takeNumbers } from "./spare-arrays.ts";

export class PickedColumn {
  readonly #capacity: number;
  #numbers: Float64Array<ArrayBuffer> | undefined;
  #others: unknown[] | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#numbers = takeNumbers(capacity);
  }

  /** Where its values are put by place: an array takes any, numbers take numbers. */
  get values(): Float64Array | unknown[] {
    return this.#numbers ?? (this.#others as unknown[]); // one of them is there until it is released
  }

  get holdsNumbers(): boolean {
    return this.#numbers !== undefined;
  }

  /** REQUIRES: places come in ascending order. */
  set(place: number, value: unknown): void {
    if (this.#numbers !== undefined) {
      if (typeof value === "number") {
        this.#numbers[place] = value;
        return;
      }
      this.takeAny(place);
    }
    (this.#others as unknown[])[place] = value;
  }

  /** From now on it takes values of any kind. `count`: places before it have been set. */
  takeAny(count: number): void {
    const numbers = this.#numbers;
    if (numbers === undefined) return;
    const others = takeArray(this.#capacity);
    for (let place = 0; place < count; place++) others[place] = numbers[place];
    giveNumbersBack(numbers);
    this.#numbers = undefined;
    this.#others = others;
  }

  /** What it has at these places. An array is the caller's to give back. */
  gathered(places: Int32Array): Column {
    if (this.#numbers !== undefined) return gatheredNumbers(this.#numbers, places);
    const others = this.#others as unknown[];
    const found = takeArray(places.length);
    for (let i = 0; i < places.length; i++) found[i] = others[places[i] as number];
    return found;
  }

  release(): void {
    if (this.#numbers !== undefined) giveNumbersBack(this.#numbers);
    if (this.#others !== undefined) giveBack(this.#others);
    this.#numbers = undefined;
    this.#others = undefined;
  }
}

/** As 32-bit integers if all are. */
export function gatheredNumbers(numbers: Float64Array, places: Int32Array): Int32Array | Float64Array {
  const ints = new Int32Array(places.length);
  for (let i = 0; i < places.length; i++) {
    const value = numbers[places[i] as number] as number;
    const int = value | 0;
    if (int !== value || (int === 0 && Object.is(value, -0))) return gatheredFloats(numbers, places);
    ints[i] = int;
  }
  return ints;
}

function gatheredFloats(numbers: Float64Array, places: Int32Array): Float64Array {
  const floats = new Float64Array(places.length);
  for (let i = 0; i < places.length; i++) floats[i] = numbers[places[i] as number] as number;
  return floats;
}
