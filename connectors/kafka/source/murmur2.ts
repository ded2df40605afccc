/** MurmurHash2 as the Java client computes it, which decides the partition of a key and must never differ from it. */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const ASCII_END = 0x80;

/** The hash, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) hash = withFour(hash, view.getInt32(at, true));
  if (at === length) return finished(hash);
  for (let byte = length - 1; byte >= at; byte--) hash ^= view.getUint8(byte) << (8 * (byte - at));
  return finished(Math.imul(hash, M));
}

/**
 * The same of a text's UTF-8 bytes, if it is ASCII, where these are its characters: most keys are short texts, and bringing
 * one into bytes costs several times its hash. Undefined: it is not.
 */
export function murmur2OfAscii(text: string): number | undefined {
  const { length } = text;
  let hash = SEED ^ length;
  let all = 0;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const first = text.charCodeAt(at);
    const second = text.charCodeAt(at + 1);
    const third = text.charCodeAt(at + 2);
    const fourth = text.charCodeAt(at + 3);
    all |= first | second | third | fourth;
    hash = withFour(hash, first | (second << 8) | (third << 16) | (fourth << 24));
  }
  const rest = at;
  for (; at < length; at++) {
    const character = text.charCodeAt(at);
    all |= character;
    hash ^= character << (8 * (at - rest));
  }
  if (all >= ASCII_END) return undefined;
  return finished(rest < length ? Math.imul(hash, M) : hash);
}

function withFour(hash: number, bytes: number): number {
  let four = Math.imul(bytes, M);
  four = Math.imul(four ^ (four >>> 24), M);
  return Math.imul(hash, M) ^ four;
}

function finished(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), M);
  return mixed ^ (mixed >>> 15);
}
