/**
 * Values on their way to the disk of `spill-database.ts` and back, within one process: plain objects with fields of simple
 * types, as records of state mostly are, by their shape, a third of the time of V8's serialisation; all others by that.
 *
 *   u8 0, V8's bytes
 *   u8 1, u32 shape, then each field: u8 type, and a float64, or u32 length and UTF-8
 *
 * Shapes are numbered in the order in which they come; they are the process's.
 */

import { plainBytes, plainValue } from "./plain-bytes.ts";

const PLAIN = 0;
const SHAPED = 1;
const types = { undefined: 0, null: 1, true: 2, false: 3, number: 4, string: 5 } as const;

/** More are rather maps than records. */
const FIELDS_MAX = 64;
const SHAPES_MAX = 1024;
/** Longer texts are copied by V8 as well as here. */
const TEXT_MAX = 4096;
const HEAD_BYTES = 5;
const SCRATCH_BYTES = HEAD_BYTES + FIELDS_MAX * (5 + 3 * TEXT_MAX);

type Shape = readonly string[];

const shapes: Shape[] = [];
const numbers = new Map<string, number>();
let scratch: Buffer | undefined;
/** Values of one state mostly have one shape. */
let lastNumber = -1;

/** The value as bytes, until the next call. @throws DataCloneError for functions, symbols, promises and the like. */
export function spilledBytes(value: unknown): Uint8Array {
  return shapedBytes(value) ?? Buffer.concat([Uint8Array.of(PLAIN), plainBytes(value)]);
}

/** ENSURES: the value shares no memory with the bytes. */
export function spilledValue(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer[0] === SHAPED ? readShaped(buffer) : plainValue(buffer.subarray(1));
}

/** Undefined: it is none whose shape is worth it. */
function shapedBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  const number = shapeOf(record);
  if (number === undefined) return undefined;
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  scratch[0] = SHAPED;
  scratch.writeUInt32LE(number, 1);
  let at = HEAD_BYTES;
  for (const name of shapes[number] as Shape) {
    at = writeField(scratch, at, record[name]);
    if (at < 0) return undefined;
  }
  return scratch.subarray(0, at);
}

function shapeOf(record: Readonly<Record<string, unknown>>): number | undefined {
  const names = Object.keys(record);
  const last = shapes[lastNumber];
  if (last !== undefined && last.length === names.length && names.every((name, at) => name === last[at]))
    return lastNumber;
  const key = JSON.stringify(names);
  const known = numbers.get(key);
  if (known !== undefined) {
    lastNumber = known;
    return known;
  }
  // Written to a new object, that name would not become a field.
  if (names.length > FIELDS_MAX || shapes.length === SHAPES_MAX || names.includes("__proto__")) return undefined;
  numbers.set(key, shapes.length);
  lastNumber = shapes.length;
  shapes.push(names);
  return lastNumber;
}

/** @returns where the next one goes; -1: it is none that can be written so. */
function writeField(to: Buffer, at: number, value: unknown): number {
  if (typeof value === "number") {
    to[at] = types.number;
    to.writeDoubleLE(value, at + 1);
    return at + 9;
  }
  if (typeof value === "string") {
    if (value.length > TEXT_MAX || !value.isWellFormed()) return -1;
    const length = to.write(value, at + 5, "utf8");
    to[at] = types.string;
    to.writeUInt32LE(length, at + 1);
    return at + 5 + length;
  }
  const type =
    value === undefined ? types.undefined : value === null ? types.null : value === true ? types.true : types.false;
  if (type === types.false && value !== false) return -1;
  to[at] = type;
  return at + 1;
}

function readShaped(from: Buffer): unknown {
  const record: Record<string, unknown> = {};
  let at = HEAD_BYTES;
  for (const name of shapes[from.readUInt32LE(1)] as Shape) {
    const type = from[at];
    if (type === types.number) {
      record[name] = from.readDoubleLE(at + 1);
      at += 9;
    } else if (type === types.string) {
      const end = at + 5 + from.readUInt32LE(at + 1);
      record[name] = from.toString("utf8", at + 5, end);
      at = end;
    } else {
      record[name] = type === types.undefined ? undefined : type === types.null ? null : type === types.true;
      at++;
    }
  }
  return record;
}
