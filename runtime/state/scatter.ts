/** murmur3's finaliser: every bit of the input reaches every bit of the output, whatever the stride of the keys. */
export function scatter(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
