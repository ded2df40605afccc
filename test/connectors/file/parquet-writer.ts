/**
 * Writes small Parquet files for the tests: PLAIN pages without compression, as many pages and row groups as a test asks
 * for. The metadata is Thrift's compact protocol, of which only what is needed is here.
 */
import { crc32 } from "node:zlib";

export interface Column {
  readonly name: string;
  readonly type: "BOOLEAN" | "INT32" | "INT64" | "DOUBLE" | "BYTE_ARRAY";
  /** The number of the converted type, e.g. 0 UTF8, 5 DECIMAL, 6 DATE, 9 TIMESTAMP_MILLIS, 10 TIMESTAMP_MICROS. */
  readonly convertedType?: number;
  readonly scale?: number;
  /** Makes the column an optional struct with one optional field of this name; the values are the field's, undefined where the struct is null. */
  readonly field?: string;
  readonly values: readonly unknown[];
}

export interface WriteOptions {
  readonly pageRows?: number;
  readonly groupRows?: number;
  /** Claims this codec's number, whatever the pages are. */
  readonly codec?: number;
  readonly wrongChecksum?: boolean;
}

export function parquetBytes(columns: readonly Column[], options: WriteOptions = {}): Buffer {
  const rows = columns[0]?.values.length ?? 0;
  const { pageRows = 1000, groupRows = Math.max(rows, 1), codec = 0, wrongChecksum = false } = options;
  const parts: Buffer[] = [Buffer.from("PAR1")];
  let size = 4;
  const groups: Value[] = [];
  for (let start = 0; start < rows; start += groupRows) {
    const end = Math.min(start + groupRows, rows);
    const chunks = columns.map((column) => {
      const offset = size;
      for (let from = start; from < end; from += pageRows) {
        const page = pageBytes(column, column.values.slice(from, Math.min(from + pageRows, end)), wrongChecksum);
        parts.push(page);
        size += page.length;
      }
      return chunkOf(column, end - start, offset, size - offset, codec);
    });
    groups.push(struct([1, list(chunks)], [2, i64(0)], [3, i64(end - start)]));
  }
  const root = struct([4, binary("schema")], [5, i32(columns.length)]);
  const schema = list([root, ...columns.flatMap(elementsOf)]);
  const footer = struct([1, i32(1)], [2, schema], [3, i64(rows)], [4, list(groups, STRUCT)]).bytes;
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([...parts, footer, length, Buffer.from("PAR1")]);
}

const types = { BOOLEAN: 0, INT32: 1, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6 } as const;

function elementsOf({ field, ...column }: Column): Value[] {
  if (field === undefined) return [elementOf(column)];
  return [struct([3, i32(1)], [4, binary(column.name)], [5, i32(1)]), elementOf({ ...column, name: field })];
}

function elementOf({ name, type, convertedType, scale }: Column): Value {
  const fields: [number, Value][] = [
    [1, i32(types[type])],
    [3, i32(1)],
    [4, binary(name)],
  ];
  if (convertedType !== undefined) fields.push([6, i32(convertedType)]);
  if (scale !== undefined) fields.push([7, i32(scale)], [8, i32(9)]);
  return struct(...fields);
}

function chunkOf({ name, type, field }: Column, rows: number, offset: number, bytes: number, codec: number): Value {
  const metadata = struct(
    [1, i32(types[type])],
    [2, list([i32(0)])],
    [3, list(field === undefined ? [binary(name)] : [binary(name), binary(field)])],
    [4, i32(codec)],
    [5, i64(rows)],
    [6, i64(bytes)],
    [7, i64(bytes)],
    [9, i64(offset)],
  );
  return struct([2, i64(offset)], [3, metadata]);
}

/** Header, definition levels, and the values that are there. */
function pageBytes({ type, field }: Column, values: readonly unknown[], wrongChecksum: boolean): Buffer {
  const run = field === undefined ? bitPackedLevels(values) : structLevels(values);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(run.length);
  const body = Buffer.concat([
    length,
    run,
    plain(
      type,
      values.filter((value) => value !== null && value !== undefined),
    ),
  ]);
  const page = struct([1, i32(values.length)], [2, i32(0)], [3, i32(3)], [4, i32(3)]);
  const checksum = crc32(body) | 0;
  const crc = wrongChecksum ? checksum ^ 1 : checksum;
  return Buffer.concat([
    struct([1, i32(0)], [2, i32(body.length)], [3, i32(body.length)], [4, i32(crc)], [5, page]).bytes,
    body,
  ]);
}

/** One bit a row, all in one bit-packed run. */
function bitPackedLevels(values: readonly unknown[]): Buffer {
  const levels = Buffer.alloc(Math.ceil(values.length / 8));
  for (const [at, value] of values.entries()) {
    if (value !== null) levels[at >> 3] = (levels[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return Buffer.concat([varint(BigInt((levels.length << 1) | 1)), levels]);
}

/** 0 no struct, 1 a struct without its field, 2 the field: each row a repeated run of one. */
function structLevels(values: readonly unknown[]): Buffer {
  return Buffer.from(values.flatMap((value) => [1 << 1, value === undefined ? 0 : value === null ? 1 : 2]));
}

function plain(type: Column["type"], values: readonly unknown[]): Buffer {
  if (type === "BOOLEAN") {
    const bits = Buffer.alloc(Math.ceil(values.length / 8));
    for (const [at, value] of values.entries())
      if (value === true) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
    return bits;
  }
  return Buffer.concat(
    values.map((value) => {
      if (type === "BYTE_ARRAY") {
        const bytes = Buffer.from(value as string | Uint8Array);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return Buffer.concat([length, bytes]);
      }
      const bytes = Buffer.alloc(type === "INT32" ? 4 : 8);
      if (type === "INT32") bytes.writeInt32LE(value as number);
      else if (type === "INT64") bytes.writeBigInt64LE(value as bigint);
      else bytes.writeDoubleLE(value as number);
      return bytes;
    }),
  );
}

interface Value {
  readonly type: number;
  readonly bytes: Buffer;
}

const [I32, I64, BINARY, LIST, STRUCT] = [5, 6, 8, 9, 12];

function i32(value: number): Value {
  return { type: I32, bytes: varint(zigzag(BigInt(value))) };
}

function i64(value: number): Value {
  return { type: I64, bytes: varint(zigzag(BigInt(value))) };
}

function binary(text: string): Value {
  const bytes = Buffer.from(text);
  return { type: BINARY, bytes: Buffer.concat([varint(BigInt(bytes.length)), bytes]) };
}

function list(items: readonly Value[], type = items[0]?.type ?? I32): Value {
  const header =
    items.length < 15
      ? Buffer.of((items.length << 4) | type)
      : Buffer.concat([Buffer.of(0xf0 | type), varint(BigInt(items.length))]);
  return { type: LIST, bytes: Buffer.concat([header, ...items.map(({ bytes }) => bytes)]) };
}

function struct(...fields: readonly (readonly [id: number, value: Value])[]): Value {
  let last = 0;
  const parts = fields.map(([id, { type, bytes }]) => {
    const header = Buffer.of(((id - last) << 4) | type);
    last = id;
    return Buffer.concat([header, bytes]);
  });
  return { type: STRUCT, bytes: Buffer.concat([...parts, Buffer.of(0)]) };
}

function zigzag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (; value >= 128n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return Buffer.from([...bytes, Number(value)]);
}
