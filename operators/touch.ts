/**
 * Touching: reading places that are about to be worked on, by a loop that does nothing else. So the processor waits for many
 * of them at once. A loop that decides by what it reads waits for nearly each by itself: what was guessed wrong begins anew.
 */

/** Takes the sums of what was read, as V8 leaves out what nobody uses. */
const sums = new Float64Array(1);

/** What a touching loop has read is of use. */
export function wasRead(sum: number): void {
  sums[0] = sum;
}

/** Touches a number of the entries at the first `count` of some slots. */
export function touch(numbers: Float64Array, slots: Int32Array, count: number, stride: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += numbers[(slots[i] as number) * stride] as number;
  wasRead(sum);
}

/** The same of slots that were looked for: those below zero were not found. */
export function touchFound(numbers: Float64Array, slots: Int32Array, count: number, stride: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const slot = slots[i] as number;
    if (slot >= 0) sum += numbers[slot * stride] as number;
  }
  wasRead(sum);
}

/** The same of integers at some places. */
export function touchInts(ints: Int32Array, places: Int32Array, count: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) sum ^= ints[places[i] as number] as number;
  wasRead(sum);
}
