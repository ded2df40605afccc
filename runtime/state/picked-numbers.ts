/**
 * A column of picked numbers, by place: in four bytes each as long as all are 32-bit integers, which most are, and in eight from
 * the first on that is none.
 */

import type { ByteSink } from "./byte-sink.ts";
import { ColumnAt, type OwnColumn, writeNumbers } from "./column-codec.ts";
import { spareInts, spareNumbers } from "./spare-arrays.ts";

export class PickedNumbers {
  readonly #capacity: number;
  #ints: Int32Array<ArrayBuffer> | undefined;
  #floats: Float64Array<ArrayBuffer> | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#ints = spareInts.take(capacity);
  }

  /** REQUIRES: places come in ascending order. */
  put(place: number, value: number): void {
    if (this.#ints !== undefined) {
      const int = value | 0;
      if (int === value && (int !== 0 || !Object.is(value, -0))) {
        this.#ints[place] = int;
        return;
      }
      this.#widen(this.#ints, place);
    }
    (this.#floats as Float64Array)[place] = value; // where there are no ints, there are these
  }

  #widen(ints: Int32Array<ArrayBuffer>, count: number): void {
    const floats = spareNumbers.take(this.#capacity);
    for (let place = 0; place < count; place++) floats[place] = ints[place] as number;
    spareInts.giveBack(ints);
    this.#ints = undefined;
    this.#floats = floats;
  }

  /** REQUIRES: something was put there. */
  at(place: number): number {
    return (this.#ints ?? (this.#floats as Float64Array))[place] as number;
  }

  gathered(places: Int32Array): OwnColumn {
    return this.#ints === undefined
      ? new NumbersAt(this.#floats as Float64Array, places)
      : new IntsAt(this.#ints, places);
  }

  get bytes(): number {
    return (this.#ints ?? (this.#floats as Float64Array)).byteLength;
  }

  /** Its memory may be used by others. REQUIRES: nothing more is asked of it. */
  release(): void {
    if (this.#ints !== undefined) spareInts.giveBack(this.#ints);
    if (this.#floats !== undefined) spareNumbers.giveBack(this.#floats);
    this.#ints = undefined;
    this.#floats = undefined;
  }
}

/** The integers at some places of an array. */
class IntsAt extends ColumnAt<Int32Array> {
  override write(out: ByteSink): void {
    const { from, places } = this;
    const ints = new Int32Array(places.length);
    for (let i = 0; i < places.length; i++) ints[i] = from[places[i] as number] as number;
    writeNumbers(out, ints);
  }
}

/** The numbers at some places of an array. */
export class NumbersAt extends ColumnAt<Float64Array> {
  override write(out: ByteSink): void {
    writeNumbers(out, this.#ints() ?? this.#floats());
  }

  /** If all are 32-bit integers. */
  #ints(): Int32Array | undefined {
    const { from, places } = this;
    const ints = new Int32Array(places.length);
    for (let i = 0; i < places.length; i++) {
      const value = from[places[i] as number] as number;
      const int = value | 0;
      if (int !== value || (int === 0 && Object.is(value, -0))) return undefined;
      ints[i] = int;
    }
    return ints;
  }

  #floats(): Float64Array {
    const { from, places } = this;
    const floats = new Float64Array(places.length);
    for (let i = 0; i < places.length; i++) floats[i] = from[places[i] as number] as number;
    return floats;
  }
}
