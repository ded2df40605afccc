/** Records as plain objects, for comparing what went in with what came out. */

import fc from "fast-check";
import { type Compression, compressions } from "../../../../connectors/kafka/codec/compression.ts";
import {
  type Field,
  type HeaderField,
  type ProducerStamp,
  RecordBatchBuilder,
} from "../../../../connectors/kafka/codec/record-batch-builder.ts";
import { RecordColumns } from "../../../../connectors/kafka/codec/record-columns.ts";
import { RecordSet, type RecordSetOptions } from "../../../../connectors/kafka/codec/record-set.ts";

export interface PlainRecord {
  readonly key: Field;
  readonly value: Field;
  readonly timestamp: number;
  readonly headers: readonly HeaderField[];
}

export const anyField = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 40 }) },
  fc.string({ unit: "binary", maxLength: 100 }).map((text) => text.toWellFormed()),
  fc.uint8Array({ maxLength: 300 }),
  fc.constant(null),
);

export const anyRecord: fc.Arbitrary<PlainRecord> = fc.record({
  key: anyField,
  value: anyField,
  timestamp: fc.oneof(
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_900_000 }),
    fc.integer({ min: -1, max: 4e12 }),
    fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }),
  ),
  headers: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(fc.tuple(fc.string({ maxLength: 9 }), anyField), { maxLength: 4 }),
  ),
});

export const anyCompression = fc.constantFrom<Compression>(...compressions);

export function batchOf(records: readonly PlainRecord[], compression?: Compression, stamp?: ProducerStamp): Buffer {
  const builder = new RecordBatchBuilder(compression);
  for (const { key, value, timestamp, headers } of records) builder.append(key, value, timestamp, headers);
  return builder.finish(stamp);
}

/** A finished batch as the broker keeps it: at its offset, and with other settings of its head. */
export function atOffset(batch: Buffer, offset: number): Buffer {
  const moved = Buffer.from(batch);
  moved.writeBigInt64BE(BigInt(offset), 0);
  return moved;
}

export interface ReadRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: number;
  readonly headers: readonly (readonly [string, string | null])[];
}

const text = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString("hex"));
const hex = (field: Field): string | null => (field === null ? null : Buffer.from(field as string).toString("hex")); // or bytes

export function readAll(bytes: Buffer, options: RecordSetOptions = { from: 0 }): ReadRecord[] {
  const set = new RecordSet(bytes, 0, bytes.length, options);
  const columns = new RecordColumns();
  const records: ReadRecord[] = [];
  while (set.next(columns)) records.push(...rowsOf(columns));
  return records;
}

export function rowsOf(columns: RecordColumns): ReadRecord[] {
  return Array.from({ length: columns.count }, (_, index) => ({
    offset: columns.offsets[index] ?? Number.NaN,
    key: text(columns.key(index)),
    value: text(columns.value(index)),
    timestamp: columns.timestamps[index] ?? Number.NaN,
    headers: columns.headers(index).map(({ key, value }) => [key, text(value)] as const),
  }));
}

export function expected(records: readonly PlainRecord[], baseOffset = 0): ReadRecord[] {
  return records.map(({ key, value, timestamp, headers }, index) => ({
    offset: baseOffset + index,
    key: hex(key),
    value: hex(value),
    timestamp,
    headers: headers.map(([name, content]) => [name, hex(content)] as const),
  }));
}
