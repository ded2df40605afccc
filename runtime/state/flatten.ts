/**
 * Strings that own their characters. A string decoded from a batch may be a slice that keeps the whole batch alive, so
 * every string is flattened when state keeps it: as a key, a part of a tuple key, or a value. Strings inside of objects
 * and arrays are not: reading every field of every value would cost more than it saves. A function that stores one field
 * of a record keeps it by itself or in an object that it built from flat parts.
 */

/** V8 copies shorter substrings instead of slicing. */
const SLICE_LENGTH_MIN = 13;

const SCRATCH_BYTES = 8192;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const beyondLatin1 = /[^\0-\xff]/;

/** The same string in memory of its own, if it might share memory with another one. */
export function flatten(text: string): string {
  if (text.length < SLICE_LENGTH_MIN) return text;
  if (beyondLatin1.test(text)) return Buffer.from(text, "utf16le").toString("utf16le"); // keeps lone surrogates
  if (text.length > SCRATCH_BYTES) return Buffer.from(text, "latin1").toString("latin1");
  return scratch.toString("latin1", 0, scratch.write(text, "latin1"));
}
