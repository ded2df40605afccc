/** Arrays of numbers that rows are picked in, used again and again: new ones for each chunk would bring the garbage collector. */

/** As many of a kind as a capture of some columns needs. 12 MB at most. */
const SPARE_MAX = 64;
/** Longer ones, and shorter ones, are left to the collector. */
const LENGTH = 16_384;

type Numbers = Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

class SpareArrays<A extends Numbers> {
  readonly #make: (length: number) => A;
  readonly #spare: A[] = [];

  constructor(make: (length: number) => A) {
    this.#make = make;
  }

  /** Its content is to be written. */
  take(length: number): A {
    return (length === LENGTH ? this.#spare.pop() : undefined) ?? this.#make(length);
  }

  /** REQUIRES: nobody holds on to it. */
  giveBack(array: A): void {
    if (this.#spare.length < SPARE_MAX && array.length === LENGTH) this.#spare.push(array);
  }
}

export const spareInts = new SpareArrays((length) => new Int32Array(length));
export const spareNumbers = new SpareArrays((length) => new Float64Array(length));
