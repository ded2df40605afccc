/** Values in JSON that generated parsers leave to JSON.parse, and the tables that they read with. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** 1 for the bytes that stand for themselves in a string: ASCII without quote, backslash and control characters. */
export const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  return byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0;
});

export const POWERS_OF_TEN: Float64Array = Float64Array.from({ length: 16 }, (_, power) => 10 ** power);

export interface FoundValue {
  value: unknown;
  /** Behind its last byte. */
  end: number;
}

/**
 * Finds any value, at its first byte. What is passed over need not be JSON: JSON.parse has to take all of it.
 * False: it is none, or does not end before `end`.
 */
export function otherValue(bytes: Buffer, at: number, end: number, found: FoundValue): boolean {
  found.end = Math.min(end, endOf(bytes, at, end));
  try {
    found.value = JSON.parse(bytes.toString("utf8", at, found.end));
    return true;
  } catch {
    return false; // whoever asked has JSON.parse say what is wrong, of the whole record
  }
}

function endOf(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start];
  if (first === QUOTE) return stringEnd(bytes, start, end);
  if (first !== 0x5b && first !== 0x7b) return scalarEnd(bytes, start, end);
  for (let at = start, depth = 0; at < end; ) {
    const byte = bytes[at] as number; // below the end
    at = byte === QUOTE ? stringEnd(bytes, at, end) : at + 1;
    if (byte === 0x5b || byte === 0x7b) depth++;
    if ((byte === 0x5d || byte === 0x7d) && --depth === 0) return at;
  }
  return end;
}

function stringEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  return end;
}

/** A comma, a bracket, a brace or a blank. */
function scalarEnd(bytes: Buffer, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at] as number; // below the end
    if (byte === 0x2c || byte === 0x5d || byte === 0x7d || byte <= 0x20) break;
  }
  return at;
}
