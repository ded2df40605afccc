/**
 * Rows of any Arrow RecordBatch as plain records, for what a batch operator returns.
 *
 * The law: the records are independent of the batch's memory, and a type without a mapping is refused by name, never
 * approximated.
 *
 *   Null null | Bool boolean | Int8..Int32, Uint8..Uint32, Float16..64 number | Int64, Uint64 bigint
 *   Utf8, LargeUtf8 string | Binary, LargeBinary, FixedSizeBinary, BinaryView Uint8Array
 *   Date, Timestamp Date (cut to milliseconds) | List, LargeList, FixedSizeList array | Struct object
 *   Dictionary its value | Binary with "millrace.kind": "any" the tagged value
 */

import { Buffer } from "node:buffer";
import { type Data, DataType, type Field, type RecordBatch, type TypeMap, Vector } from "apache-arrow";
import { assert } from "../../../core/assert.ts";
import { MillraceError } from "../../../core/errors.ts";
import { kindMetadata } from "./arrow.ts";
import { defineField, readTagged } from "./tagged-value.ts";

/** The value of a row, null where there is none. */
type Read = (row: number) => unknown;

/** Throws BATCH_SCHEMA_MISMATCH for a type that no record can hold. */
export function* fromRecordBatch<Types extends TypeMap>(batch: RecordBatch<Types>): Generator<Record<string, unknown>> {
  const read = structReader(batch.schema.fields, batch.data.children);
  for (let row = 0; row < batch.numRows; row++) yield read(row);
}

function structReader(fields: readonly Field[], children: readonly Data[]): (row: number) => Record<string, unknown> {
  const columns = fields.map((field, index): [string, Read] => [String(field.name), reader(field, children[index])]);
  return (row) => {
    const record: Record<string, unknown> = {};
    for (const [name, read] of columns) {
      if (name === "__proto__") defineField(record, name, read(row));
      else record[name] = read(row);
    }
    return record;
  };
}

function reader(field: Field, data: Data | undefined): Read {
  assert(data !== undefined, `the Arrow batch has no data for its field "${field.name}"`);
  const read = presentReader(field, data);
  return (row) => (data.getValid(row) ? read(row) : null);
}

/** Reads rows that have a value. */
function presentReader(field: Field, data: Data): Read {
  const { type } = data;
  if (DataType.isNull(type)) return () => null;
  if (DataType.isStruct(type)) return structReader(type.children, data.children);
  if (DataType.isList(type) || DataType.isLargeList(type)) return listReader(type.valueField, data);
  if (DataType.isFixedSizeList(type)) return fixedListReader(type.valueField, type.listSize, data);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return textReader(data);
  const vector = new Vector([data]);
  if (DataType.isDictionary(type)) return dictionaryReader(field, data);
  if (isBinary(type)) {
    const convert = field.metadata.get(kindMetadata) === "any" ? untag : copy;
    return (row) => convert(vector.get(row) as Uint8Array);
  }
  if (DataType.isDate(type) || DataType.isTimestamp(type)) return (row) => new Date(Number(vector.get(row)));
  if (DataType.isBool(type) || DataType.isInt(type) || DataType.isFloat(type)) return (row) => vector.get(row);
  throw new MillraceError(
    "BATCH_SCHEMA_MISMATCH",
    `The column "${field.name}" of an Arrow batch is of type ${type}, which no record can hold; ` +
      "cast it to a number, text, a timestamp, binary, a list or a struct first.",
  );
}

/** Arrow's own reading would drop a leading byte order mark. */
function textReader(data: Data): Read {
  const offsets: Int32Array | BigInt64Array = data.valueOffsets;
  const bytes: Uint8Array = data.values;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (row) => text.toString("utf8", Number(offsets[row]), Number(offsets[row + 1]));
}

function listReader(element: Field, data: Data): Read {
  const offsets: Int32Array | BigInt64Array = data.valueOffsets;
  const read = reader(element, data.children[0]);
  return (row) => readRange(read, Number(offsets[row]), Number(offsets[row + 1]));
}

function fixedListReader(element: Field, size: number, data: Data): Read {
  const read = reader(element, data.children[0]);
  return (row) => readRange(read, row * size, (row + 1) * size);
}

function readRange(read: Read, start: number, end: number): unknown[] {
  const list: unknown[] = [];
  for (let index = start; index < end; index++) list.push(read(index));
  return list;
}

/** A dictionary may have come in several parts. */
function dictionaryReader(field: Field, data: Data): Read {
  const keys: ArrayLike<number | bigint> = data.values;
  const values = (data.dictionary?.data ?? []).flatMap((part) => {
    const read = reader(field.clone({ type: part.type }), part);
    return readRange(read, 0, part.length);
  });
  return (row) => values[Number(keys[row])];
}

function isBinary(type: DataType): boolean {
  return (
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type) ||
    DataType.isFixedSizeBinary(type) ||
    DataType.isBinaryView(type)
  );
}

function copy(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length);
  result.set(bytes);
  return result;
}

function untag(bytes: Uint8Array): unknown {
  return readTagged(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
}
