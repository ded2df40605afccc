/** Arrays of numbers that rows are picked in, used again and again: new ones for each chunk would bring the garbage collector. */

/** As many as a capture of 250,000 rows of some columns needs. 8 MB at most. */
const SPARE_MAX = 64;
/** Longer ones, and shorter ones, are left to the collector. */
const LENGTH = 16_384;

const spare: Float64Array<ArrayBuffer>[] = [];

/** Their content is to be written. */
export function takeNumbers(length: number): Float64Array<ArrayBuffer> {
  return length === LENGTH ? (spare.pop() ?? new Float64Array(length)) : new Float64Array(length);
}

/** REQUIRES: nobody holds on to them. */
export function giveNumbersBack(numbers: Float64Array<ArrayBuffer>): void {
  if (spare.length < SPARE_MAX && numbers.length === LENGTH) spare.push(numbers);
}
