/**
 * Columns: values of one kind behind each other, as blocks hold them.
 *
 *   u8 encoding, u32 length of what follows, then
 *   0 constant   one plain value, which all rows have
 *   1 int32      4 bytes a row
 *   2 float64    8 bytes a row
 *   3 boolean    1 byte a row
 *   4 text       u8 width (1: latin1, 2: UTF-16, which keeps lone surrogates), u32 × rows lengths in units, the characters
 *   5 record     u16 fields, their names, a column each: plain objects that have the same fields in the same order
 *   6 plain      one array of plain values (`plain-bytes.ts`)
 *
 * Only encoding 6 costs more than the values' own bytes. Which one is taken depends on the values alone.
 */

import { CompiledCache, literalKey } from "../exchange/codec/compiled.ts";
import type { ByteSink, ByteSource } from "./byte-sink.ts";
import { plainBytes, plainValue } from "./plain-bytes.ts";

export const encodings = { constant: 0, int32: 1, float64: 2, boolean: 3, text: 4, record: 5, plain: 6 } as const;

export type Column = ArrayLike<unknown>;

/** A column that writes itself, and never is an array. */
export abstract class OwnColumn {
  abstract readonly length: number;

  /** REQUIRES: it is not empty. @throws as `writeColumn` */
  abstract write(out: ByteSink, depth: number): void;
}

/** What something has at some places, gathered when it is written. */
export abstract class ColumnAt<From> extends OwnColumn {
  readonly length: number;
  protected readonly from: From;
  protected readonly places: Int32Array;

  constructor(from: From, places: Int32Array) {
    super();
    this.length = places.length;
    this.from = from;
    this.places = places;
  }
}

/** Records by their fields, in the order in which each has them: a column that was never records. */
export class RecordColumns extends OwnColumn {
  readonly length: number;
  readonly #fields: readonly string[];
  readonly #columns: readonly (Column | OwnColumn)[];

  constructor(length: number, fields: readonly string[], columns: readonly (Column | OwnColumn)[]) {
    super();
    this.length = length;
    this.#fields = fields;
    this.#columns = columns;
  }

  override write(out: ByteSink, depth: number): void {
    out.u8(encodings.record);
    const lengthAt = out.length;
    out.u32(0);
    out.u16(this.#fields.length);
    for (const [at, field] of this.#fields.entries()) {
      out.name(field);
      writeColumn(out, this.#columns[at] as Column | OwnColumn, depth + 1);
    }
    out.patchU32(lengthAt, out.length - lengthAt - 4);
  }
}

/** One value for all rows. */
export class ConstantColumn extends OwnColumn {
  readonly length: number;
  readonly #value: unknown;

  constructor(length: number, value: unknown) {
    super();
    this.length = length;
    this.#value = value;
  }

  override write(out: ByteSink): void {
    writeConstant(out, this.#value);
  }
}

const FIELDS_MAX = 64;
const DEPTH_MAX = 4;
const beyondLatin1 = /[^\0-\xff]/;

/** @throws DataCloneError for what is no plain data. */
export function writeColumn(out: ByteSink, values: Column | OwnColumn, depth = 0): void {
  if (values instanceof OwnColumn) values.write(out, depth);
  else if (values instanceof Float64Array || values instanceof Int32Array) writeNumbers(out, values);
  else writeInferred(out, values as readonly unknown[], depth);
}

export function writeNumbers(out: ByteSink, values: Float64Array | Int32Array): void {
  if (isConstant(values)) writeConstant(out, values[0]);
  else write(out, values instanceof Int32Array ? encodings.int32 : encodings.float64, bytesOf(values));
}

/** NaN is equal to nothing, so that a column of it stays one of numbers; and a 0 is not a -0. */
function isConstant(values: Float64Array | Int32Array): boolean {
  const first = values[0];
  if (first === 0 && values instanceof Float64Array) return false;
  for (let i = 0; i < values.length; i++) if (values[i] !== first) return false;
  return true;
}

function writeInferred(out: ByteSink, values: readonly unknown[], depth: number): void {
  const first = values[0];
  if (typeof first === "object") {
    const columns = depth < DEPTH_MAX ? columnsOf(values, first) : undefined;
    if (columns === undefined) writePlain(out, encodings.plain, values);
    else columns.write(out, depth);
  } else if (areAll(values, first)) writeConstant(out, first);
  else writeMixed(out, values, kindsOf(values));
}

function writeMixed(out: ByteSink, values: readonly unknown[], found: number): void {
  if (found === kinds.int32) write(out, encodings.int32, bytesOf(filled(new Int32Array(values.length), values)));
  else if ((found & ~(kinds.int32 | kinds.number)) === 0)
    write(out, encodings.float64, bytesOf(filled(new Float64Array(values.length), values)));
  else if (found === kinds.text) writeText(out, values as readonly string[]);
  else if (found === kinds.boolean)
    write(out, encodings.boolean, Uint8Array.from(values as readonly boolean[], Number));
  else writePlain(out, encodings.plain, values);
}

function areAll(values: readonly unknown[], first: unknown): boolean {
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], first)) return false;
  return true;
}

/** What values of a column are, as bits. */
const kinds = { int32: 1, number: 2, text: 4, boolean: 8, other: 16 } as const;

/** One loop over all values, up to the first of another kind. */
function kindsOf(values: Column): number {
  let found = 0;
  for (let i = 0; i < values.length && found < kinds.other; i++) {
    const value = values[i];
    if (typeof value === "number") found |= (value | 0) === value && !Object.is(value, -0) ? kinds.int32 : kinds.number;
    else if (typeof value === "string") found |= kinds.text;
    else found |= typeof value === "boolean" ? kinds.boolean : kinds.other;
  }
  return found;
}

/** Whether a column can hold all values as numbers, or all as texts. */
export function areNumbersOrTexts(values: Column): boolean {
  if (values instanceof Int32Array || values instanceof Float64Array) return true;
  const found = kindsOf(values);
  return (found & ~(kinds.int32 | kinds.number)) === 0 || found === kinds.text;
}

/** A loop of its own: the constructor of a typed array takes three times as long for values that were among others. */
function filled<A extends Int32Array | Float64Array>(array: A, values: readonly unknown[]): A {
  for (let i = 0; i < values.length; i++) array[i] = values[i] as number;
  return array;
}

function write(out: ByteSink, encoding: number, bytes: Uint8Array): void {
  out.u8(encoding);
  out.u32(bytes.length);
  out.raw(bytes);
}

export function writeConstant(out: ByteSink, value: unknown): void {
  writePlain(out, encodings.constant, value);
}

function writePlain(out: ByteSink, encoding: number, value: unknown): void {
  const bytes = plainBytes(value);
  write(out, encoding, bytes);
  bytes.buffer.transfer(0); // the collector would come late to what is large
}

function bytesOf(array: Float64Array | Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function writeText(out: ByteSink, values: readonly string[]): void {
  const joined = values.join("");
  const wide = beyondLatin1.test(joined);
  const characters = Buffer.from(joined, wide ? "utf16le" : "latin1");
  out.u8(encodings.text);
  out.u32(1 + 4 * values.length + characters.length);
  out.u8(wide ? 2 : 1);
  out.raw(bytesOf(lengthsOf(values)));
  out.raw(characters);
}

/** How many bytes behind the last one may be written to with it. */
export const TEXT_SLACK = 3;

/** Texts of these lengths, which `put` puts one behind the other as latin1. */
export function writeLatin1(out: ByteSink, lengths: Uint32Array, put: (into: Uint8Array) => void): void {
  let characters = 0;
  for (let i = 0; i < lengths.length; i++) characters += lengths[i] as number;
  out.u8(encodings.text);
  out.u32(1 + 4 * lengths.length + characters);
  out.u8(1);
  out.raw(bytesOf(lengths));
  put(out.room(characters, TEXT_SLACK));
}

function lengthsOf(values: readonly string[]): Uint32Array {
  const lengths = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) lengths[i] = (values[i] as string).length;
  return lengths;
}

type Fields = Readonly<Record<string, unknown>>;

/** The columns of all values, if they are plain objects with the same fields in the same order. */
function columnsOf(values: readonly unknown[], first: unknown): RecordColumns | undefined {
  const fields = fieldsOf(first);
  if (fields === undefined) return undefined;
  const columns = fields.map(() => new Array(values.length));
  const spread = spreaderOf(fields)(values, 0, values.length, columns, fields);
  return spread === values.length ? new RecordColumns(values.length, fields, columns) : undefined;
}

/** The fields of a plain object, if they can be those of a column of records. */
export function fieldsOf(value: unknown): readonly string[] | undefined {
  if (!isPlainObject(value)) return undefined;
  const fields = Object.keys(value);
  // __proto__ cannot be set by its name, and lone surrogates are no UTF-8: such objects go as plain values.
  if (fields.length === 0 || fields.length > FIELDS_MAX || fields.includes("__proto__")) return undefined;
  return fields.every((field) => field.isWellFormed() && field.length < 10_000) ? fields : undefined;
}

function isPlainObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/**
 * Puts the fields of records, of those from one place to another, into columns, from the start of each.
 *
 * @returns the first that is no record with these fields, or the end. What is put for that one and behind it is nothing.
 */
export type Spreader = (
  values: readonly unknown[],
  from: number,
  to: number,
  columns: readonly unknown[][],
  fields: readonly string[],
) => number;

const spreaders = new CompiledCache<Spreader>();

/**
 * Two loops: the first takes fields and does nothing else, so that the processor waits for many records at once to come from
 * memory; the second asks whether these are all the fields that each has. An object's constructor is asked instead of its
 * prototype, as V8 does that without a call.
 */
export function spreaderOf(fields: readonly string[]): Spreader {
  const names = fields.map((field) => JSON.stringify(field));
  return spreaders.get(names.join(), ["values", "from", "to", "columns", "fields"], () => {
    const puts = names.map((name, at) => `c${at}[put] = value[${name}];`).join(" ");
    return `const [${names.map((_, at) => `c${at}`).join()}] = columns;
let known = from;
for (let put = 0; known < to; known++, put++) {
  const value = values[known];
  if (typeof value !== "object" || value === null || value.constructor !== Object) break;
  ${puts}
}
for (let i = from; i < known; i++) {
  let at = 0;
  for (const field in values[i]) if (fields[at++] !== field) return i;
  if (at !== ${fields.length}) return i;
}
return known;`;
  });
}

/** REQUIRES: bytes that `writeColumn` wrote. @throws RangeError for others, as far as they show. */
export function readColumn(from: ByteSource, rows: number): Column {
  const encoding = from.u8();
  const length = from.u32();
  const end = from.position + length;
  const column = readEncoded(from, encoding, length, rows);
  if (from.position !== end || column.length !== rows)
    throw new RangeError(`a column of ${rows} rows has ${column.length} in ${length} bytes`);
  return column;
}

function readEncoded(from: ByteSource, encoding: number, length: number, rows: number): Column {
  switch (encoding) {
    case encodings.constant:
      return new Array(rows).fill(plainValue(from.raw(length)));
    case encodings.int32:
      return new Int32Array(from.copy(length));
    case encodings.float64:
      return new Float64Array(from.copy(length));
    case encodings.boolean:
      return Array.from(from.raw(length), Boolean);
    case encodings.text:
      return readText(from, length, rows);
    case encodings.record:
      return readRecords(from, rows);
    case encodings.plain:
      return plainValue(from.raw(length)) as unknown[];
    default:
      throw new RangeError(`a column has encoding ${encoding}`);
  }
}

function readText(from: ByteSource, length: number, rows: number): readonly string[] {
  const wide = from.u8() === 2;
  const lengths = new Uint32Array(from.copy(4 * rows));
  const joined = from.raw(length - 1 - 4 * rows).toString(wide ? "utf16le" : "latin1");
  let end = 0;
  return Array.from(lengths, (units) => {
    end += units;
    return joined.substring(end - units, end);
  });
}

function readRecords(from: ByteSource, rows: number): readonly Fields[] {
  const fields: string[] = [];
  const columns = Array.from({ length: from.u16() }, () => {
    fields.push(from.name());
    return readColumn(from, rows);
  });
  return builderOf(fields)(columns, rows);
}

/** Makes records of columns. */
type Builder = (columns: readonly Column[], rows: number) => readonly Fields[];

const builders = new CompiledCache<Builder>();

/** Records of a literal: V8 makes them at once and keeps their fields within, as those that a function has written so. */
function builderOf(fields: readonly string[]): Builder {
  return builders.get(fields.map((field) => JSON.stringify(field)).join(), ["columns", "rows"], () => {
    const literal = fields.map((field, at) => `${literalKey(field)}: c${at}[i]`).join();
    return `const [${fields.map((_, at) => `c${at}`).join()}] = columns;
const records = new Array(rows);
for (let i = 0; i < rows; i++) records[i] = { ${literal} };
return records;`;
  });
}
