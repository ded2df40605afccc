/** Arrays of numbers that rows are picked in, used again and again: new ones for each chunk would bring the garbage collector. */

/** As many of a kind as a capture of some columns needs. 12 MB at most. */
const SPARE_MAX = 64;
/** Longer ones, and shorter ones, are left to the collector. */
const LENGTH = 16_384;

const spareInts: Int32Array<ArrayBuffer>[] = [];
const spareNumbers: Float64Array<ArrayBuffer>[] = [];

/** Their content is to be written. */
export function takeInts(length: number): Int32Array<ArrayBuffer> {
  return length === LENGTH ? (spareInts.pop() ?? new Int32Array(length)) : new Int32Array(length);
}

/** Their content is to be written. */
export function takeNumbers(length: number): Float64Array<ArrayBuffer> {
  return length === LENGTH ? (spareNumbers.pop() ?? new Float64Array(length)) : new Float64Array(length);
}

/** REQUIRES: nobody holds on to them. */
export function giveIntsBack(ints: Int32Array<ArrayBuffer>): void {
  if (spareInts.length < SPARE_MAX && ints.length === LENGTH) spareInts.push(ints);
}

/** REQUIRES: nobody holds on to them. */
export function giveNumbersBack(numbers: Float64Array<ArrayBuffer>): void {
  if (spareNumbers.length < SPARE_MAX && numbers.length === LENGTH) spareNumbers.push(numbers);
}
