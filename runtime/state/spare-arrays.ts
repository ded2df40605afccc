/**
 * Arrays that rows are picked and gathered in, used again and again: new ones for each block would bring the garbage
 * collector, which copies all of a job's young records, a fifth more often.
 */

/** As many as a capture of 250,000 rows needs. 8 MB at most. */
const SPARE_MAX = 64;
/** Longer ones are left to the collector. */
const LENGTH_MAX = 16_384;

const spare: unknown[][] = [];

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
