/** What the compressors that look for repetitions have in common: where four bytes were seen last. */

export const MATCH_TABLE_BITS = 13;

/** A slot of a table of 2^MATCH_TABLE_BITS for four bytes. */
export function hash4(four: number): number {
  return Math.imul(four, 0x9e3779b1) >>> (32 - MATCH_TABLE_BITS);
}
