/**
 * Arrays that rows are picked and gathered in, used again and again: new ones for each block would bring the garbage
 * collector, which copies all of a job's young records, a fifth more often.
 */

/** Of each kind as many as a capture of 250,000 rows needs. 8 MB at most. */
const SPARE_MAX = 64;
/** Longer ones are left to the collector. */
const LENGTH_MAX = 16_384;

const spare: unknown[][] = [];
const spareNumbers: Float64Array<ArrayBuffer>[] = [];

/** An array of that length, whose content is to be written. */
export function takeArray(length: number): unknown[] {
  const array = spare.pop() ?? [];
  array.length = length;
  return array;
}

/** REQUIRES: nobody holds on to it. */
export function giveBack(array: unknown[]): void {
  if (spare.length >= SPARE_MAX || array.length > LENGTH_MAX) return;
  array.fill(undefined); // what it held may go
  spare.push(array);
}

/** Numbers, so many that they are worth being kept: their content is to be written. */
export function takeNumbers(length: number): Float64Array<ArrayBuffer> {
  return length === LENGTH_MAX ? (spareNumbers.pop() ?? new Float64Array(length)) : new Float64Array(length);
}

/** REQUIRES: nobody holds on to them. */
export function giveNumbersBack(numbers: Float64Array<ArrayBuffer>): void {
  if (spareNumbers.length < SPARE_MAX && numbers.length === LENGTH_MAX) spareNumbers.push(numbers);
}
