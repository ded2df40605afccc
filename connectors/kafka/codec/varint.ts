/**
 * The variable-length integers of records: zigzag, so that small negative numbers are short, then seven bits a byte, the
 * lowest first. Unsigned ones (of the protocol's compact types) are the same without the zigzag.
 *
 * Whoever reads one finds in `varintEnd` where it ended: the hot loop of the decoder reads six of them a record, and a
 * result of two numbers would cost more than the reading. What lies beyond the end of the bytes counts as zero; a caller
 * compares with the end, once a record.
 */

const LOW_BITS = 0x7f;
const MORE = 0x80;
const BITS_MAX = 63;

/** Where the integer that was read last ends. */
export let varintEnd = 0;

/** A signed integer of up to 32 bits. Short enough to be inlined: nearly all of them take one or two bytes. */
export function readVarint(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number; // undefined beyond the end
  if (first < MORE) {
    varintEnd = at + 1;
    return (first >>> 1) ^ -(first & 1);
  }
  const second = bytes[at + 1] as number;
  if (second < MORE) {
    varintEnd = at + 2;
    const raw = (first & LOW_BITS) | (second << 7);
    return (raw >>> 1) ^ -(raw & 1);
  }
  const raw = readUnsigned(bytes, at);
  return (raw >>> 1) ^ -(raw & 1);
}

/** An integer of up to 32 bits without sign. Of a larger one the lower bits. */
export function readUnsigned(bytes: Uint8Array, start: number): number {
  let at = start;
  let value = 0;
  let byte = MORE;
  for (let shift = 0; (byte & MORE) !== 0 && shift <= BITS_MAX; shift += 7) {
    byte = bytes[at++] ?? 0;
    if (shift < 32) value |= (byte & LOW_BITS) << shift;
  }
  varintEnd = at;
  return value >>> 0;
}

/** A signed integer of up to 64 bits; beyond 2^53 it is not exact, and its caller refuses it. */
export function readVarlong(bytes: Uint8Array, start: number): number {
  // Four bytes reach from one record to another 37 hours away, which is nearly always enough.
  if (endsWithin(bytes, start, 4)) return readVarint(bytes, start);
  let at = start;
  let raw = 0n;
  let byte = MORE;
  for (let shift = 0n; (byte & MORE) !== 0 && shift <= BITS_MAX; shift += 7n) {
    byte = bytes[at++] ?? 0;
    raw |= BigInt(byte & LOW_BITS) << shift;
  }
  varintEnd = at;
  return Number(BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n)));
}

function endsWithin(bytes: Uint8Array, start: number, count: number): boolean {
  for (let at = start; at < start + count; at++) if (((bytes[at] ?? 0) & MORE) === 0) return true;
  return false;
}

/** Writes a signed integer of up to 32 bits and returns where it ends. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  return writeUnsigned(bytes, at, (value << 1) ^ (value >> 31));
}

/** Writes the lowest 32 bits, taken as an integer without sign. */
export function writeUnsigned(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0;
  let next = at;
  for (; rest > LOW_BITS; rest >>>= 7) bytes[next++] = (rest & LOW_BITS) | MORE;
  bytes[next++] = rest;
  return next;
}

/** REQUIRES: a safe integer. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return writeVarint(bytes, at, value);
  const wide = BigInt(value);
  let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
  let next = at;
  for (; rest > 0x7fn; rest >>= 7n) bytes[next++] = Number(rest & 0x7fn) | MORE;
  bytes[next++] = Number(rest);
  return next;
}

/** How many bytes `writeVarint` takes. */
export function sizeOfVarint(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0;
  return raw < 0x80 ? 1 : raw < 0x4000 ? 2 : raw < 0x20_0000 ? 3 : raw < 0x1000_0000 ? 4 : 5;
}

export const VARINT_BYTES_MAX = 5;
export const VARLONG_BYTES_MAX = 10;
