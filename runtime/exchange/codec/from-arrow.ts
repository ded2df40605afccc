/**
 * Rows of any Arrow RecordBatch as plain records, for what a batch operator returns.
 *
 * The law: the records are independent of the batch's memory, and a type without a mapping is refused by name, never
 * approximated.
 *
 *   Null null | Bool boolean | Int8..Int32, Uint8..Uint32, Float16..64 number | Int64, Uint64 bigint
 *   Utf8, LargeUtf8, Utf8View string | Binary, LargeBinary, FixedSizeBinary, BinaryView Uint8Array
 *   Date, Timestamp Date (cut to milliseconds) | List, LargeList, FixedSizeList array | Struct object
 *   Dictionary its value | Binary with "millrace.kind": "any" the tagged value
 */

import { Buffer } from "node:buffer";
import { DataType, type Field, type RecordBatch, type TypeMap, Vector } from "apache-arrow";
import { MillraceError } from "../../../core/errors.ts";
import { kindMetadata } from "./arrow.ts";
import { defineField, readTagged } from "./tagged-value.ts";

/** Turns what Arrow's `get` gives for a value that is not null into what a record holds. */
type Convert = (value: never) => unknown;

interface Column {
  readonly name: string;
  readonly vector: Vector;
  readonly convert: Convert;
}

/** Throws BATCH_SCHEMA_MISMATCH for a type that no record can hold. */
export function* fromRecordBatch<Types extends TypeMap>(batch: RecordBatch<Types>): Generator<Record<string, unknown>> {
  const columns = batch.schema.fields.map((field, index): Column => {
    const data = batch.data.children[index];
    return {
      name: String(field.name),
      vector: new Vector(data === undefined ? [] : [data]),
      convert: converterOf(field),
    };
  });
  for (let row = 0; row < batch.numRows; row++) {
    const record: Record<string, unknown> = {};
    for (const { name, vector, convert } of columns) setField(record, name, convertValue(vector.get(row), convert));
    yield record;
  }
}

function convertValue(value: unknown, convert: Convert): unknown {
  return value === null || value === undefined ? null : convert(value as never);
}

function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") defineField(record, name, value);
  else record[name] = value;
}

const same: Convert = (value: unknown) => value;

function converterOf(field: Field): Convert {
  const { type } = field;
  if (DataType.isDictionary(type)) return converterOf(field.clone({ type: type.dictionary }));
  if (isBinary(type)) return field.metadata.get(kindMetadata) === "any" ? untag : copy;
  if (DataType.isDate(type) || DataType.isTimestamp(type)) return (time: number | bigint) => new Date(Number(time));
  if (DataType.isStruct(type)) return structConverter(type.children);
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)) {
    const convert = converterOf(type.valueField);
    return (list: Vector) => Array.from(list, (element: unknown) => convertValue(element, convert));
  }
  if (isScalar(type)) return same;
  throw new MillraceError(
    "BATCH_SCHEMA_MISMATCH",
    `The column "${field.name}" of an Arrow batch is of type ${type}, which no record can hold; ` +
      "cast it to a number, text, a timestamp, binary, a list or a struct first.",
  );
}

function structConverter(fields: readonly Field[]): Convert {
  const converters = fields.map((field): [string, Convert] => [String(field.name), converterOf(field)]);
  return (row: Record<string, unknown>) => {
    const record: Record<string, unknown> = {};
    for (const [name, convert] of converters) setField(record, name, convertValue(row[name], convert));
    return record;
  };
}

function isScalar(type: DataType): boolean {
  return (
    DataType.isNull(type) ||
    DataType.isBool(type) ||
    DataType.isInt(type) ||
    DataType.isFloat(type) ||
    DataType.isUtf8(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isUtf8View(type)
  );
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
