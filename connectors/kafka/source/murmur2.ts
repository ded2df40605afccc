/** MurmurHash2 as the Java client computes it, which decides the partition of a key and must never differ from it. */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The hash, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let four = Math.imul(view.getInt32(at, true), M);
    four = Math.imul(four ^ (four >>> 24), M);
    hash = Math.imul(hash, M) ^ four;
  }
  if (at < length) {
    for (let byte = length - 1; byte >= at; byte--) hash ^= view.getUint8(byte) << (8 * (byte - at));
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
