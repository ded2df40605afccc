/**
 * MurmurHash3 x86 32-bit (Austin Appleby, public domain), over words and over the UTF-8 bytes of strings.
 * Pure and frozen: hashes decide the key group of persisted state. Results are unsigned 32-bit numbers.
 */

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

export function murmurWord(word: number, seed: number): number {
  return finish(mix(seed, word), 4);
}

/** The hash of eight bytes, given as two little-endian words. */
export function murmurTwoWords(low: number, high: number, seed: number): number {
  return finish(mix(mix(seed, low), high), 8);
}

/** The hash of the string's UTF-8 bytes; lone surrogates count as their three-byte form. */
export function murmurString(text: string, seed: number): number {
  let hash = seed;
  let word = 0;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return murmurBytes(utf8(text), seed);
    word |= unit << ((bytes & 3) << 3);
    if ((++bytes & 3) === 0) {
      hash = mix(hash, word);
      word = 0;
    }
  }
  if ((bytes & 3) !== 0) hash ^= scramble(word);
  return finish(hash, bytes);
}

export function murmurBytes(bytes: Uint8Array, seed: number): number {
  let hash = seed;
  let word = 0;
  for (let i = 0; i < bytes.length; i++) {
    word |= (bytes[i] as number) << ((i & 3) << 3);
    if ((i & 3) === 3) {
      hash = mix(hash, word);
      word = 0;
    }
  }
  if ((bytes.length & 3) !== 0) hash ^= scramble(word);
  return finish(hash, bytes.length);
}

function scramble(word: number): number {
  const k = Math.imul(word, c1);
  return Math.imul((k << 15) | (k >>> 17), c2);
}

function mix(hash: number, word: number): number {
  const h = hash ^ scramble(word);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** UTF-8 with lone surrogates kept apart as three bytes each, so that different strings have different bytes. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else {
      bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    }
  }
  return Uint8Array.from(bytes);
}
