/**
 * Batches for `mapBatches`: the declared columns as an Arrow RecordBatch, from records or from an exchange frame.
 *
 * Records are encoded as an exchange would, so both ways meet: columns of a frame whose layout is what the schema declares
 * are wrapped without copying, others are converted value by value. A value that does not fit its column is an error,
 * never a silent conversion.
 */

import {
  Schema as ArrowSchema,
  Binary,
  Bool,
  type Data,
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Struct,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { RECORD_BYTES_MAX } from "../../core/limits.ts";
import type { ArrowAdapter } from "../../core/operator.ts";
import { type ColumnField, columnField, type ScalarColumn, type Schema } from "../../core/schema.ts";
import { BatchDecoder } from "./codec/batch-decoder.ts";
import { BatchEncoder } from "./codec/batch-encoder.ts";
import { fromRecordBatch, toRecordBatch } from "./codec/index.ts";

const int32Min = -(2 ** 31);
const int32Max = 2 ** 31 - 1;

export const arrowAdapter: ArrowAdapter = {
  fromRows(rows, schema, operator) {
    const encoder = encoderFor(schema, operator);
    for (const row of rows) encoder.add(row, 0);
    const frame = new Uint8Array(encoder.byteLengthBound());
    const length = encoder.finish(frame);
    assert(length >= 0, "an encoder must fit into what it asked for");
    return arrowAdapter.fromFrame(frame.subarray(0, length), schema, operator).batch;
  },

  fromFrame(frame, schema, operator) {
    const source = toRecordBatch(frame);
    const decoder = new BatchDecoder({ operator });
    decoder.bind(frame);
    const batch = assemble(schema, source.numRows, (name, field) => {
      const child = source.getChild(name);
      const data = child?.data[0];
      if (data !== undefined && fits(data, field)) return data;
      return build(
        child === null ? new Array(source.numRows).fill(undefined) : Array.from(child),
        field,
        name,
        operator,
      );
    });
    return { batch, timestamps: decoder.columns().timestamps };
  },

  isBatch(value): value is RecordBatch {
    return value instanceof RecordBatch;
  },

  rowsOf(batch) {
    return fromRecordBatch(batch as RecordBatch);
  },
};

/** One encoder a schema, as its generated code is worth keeping. */
const encoders = new WeakMap<Schema, BatchEncoder>();

function encoderFor(schema: Schema, operator: string): BatchEncoder {
  let encoder = encoders.get(schema);
  if (encoder === undefined) {
    encoder = new BatchEncoder({
      operator,
      maxRows: 65_536,
      maxBytes: RECORD_BYTES_MAX / 2,
      fields: Object.keys(schema),
    });
    encoders.set(schema, encoder);
  }
  return encoder;
}

function assemble(schema: Schema, length: number, columnOf: (name: string, field: ColumnField) => Data): RecordBatch {
  const names = Object.keys(schema);
  const declared = names.map((name) => columnField(schema[name] as Schema[string]));
  const children = names.map((name, i) => columnOf(name, declared[i] as ColumnField));
  const fields = names.map(
    (name, i) => new Field(name, (children[i] as Data).type, (declared[i] as ColumnField).nullable),
  );
  return new RecordBatch(
    new ArrowSchema(fields),
    makeData({ type: new Struct(fields), length, nullCount: 0, children }),
  );
}

/** Whether an exchange's column is what is declared already. */
function fits(data: Data, field: ColumnField): boolean {
  if (data.nullCount > 0 && !field.nullable) return false;
  return String(data.type) === String(arrowType(field)) && !(data.type.children?.[0]?.nullable ?? false);
}

function arrowType(field: ColumnField): DataType {
  const list = /^list<(.+)>$/.exec(field.type);
  if (list === null) return scalarType(field.type as ScalarColumn);
  return new List(new Field("item", scalarType(list[1] as ScalarColumn), false));
}

function scalarType(type: ScalarColumn): DataType {
  switch (type) {
    case "int32":
      return new Int32();
    case "int64":
      return new Int64();
    case "float32":
      return new Float32();
    case "float64":
      return new Float64();
    case "bool":
      return new Bool();
    case "utf8":
      return new Utf8();
    case "binary":
      return new Binary();
    case "timestamp":
      return new TimestampMillisecond();
  }
}

/** A column from values, each checked against the declared type. */
function build(values: readonly unknown[], field: ColumnField, name: string, operator: string): Data {
  const list = /^list<(.+)>$/.exec(field.type);
  const scalar = (list?.[1] ?? field.type) as ScalarColumn;
  for (const value of values) {
    const fine =
      value === null || value === undefined
        ? field.nullable
        : list === null
          ? isScalar(value, scalar)
          : isListOf(value, scalar);
    if (!fine) throw mismatch(value, field, name, operator);
  }
  if (list === null && !field.nullable && isNumeric(scalar)) return numericData(values as readonly number[], scalar);
  const nullable = values.map((value) => (value === undefined ? null : value));
  return vectorFromArray(nullable, arrowType(field)).data[0] as Data;
}

function isNumeric(type: ScalarColumn): type is "int32" | "float32" | "float64" {
  return type === "int32" || type === "float32" || type === "float64";
}

function numericData(values: readonly number[], type: "int32" | "float32" | "float64"): Data {
  if (type === "int32")
    return makeData({ type: new Int32(), length: values.length, nullCount: 0, data: Int32Array.from(values) });
  if (type === "float32")
    return makeData({ type: new Float32(), length: values.length, nullCount: 0, data: Float32Array.from(values) });
  return makeData({ type: new Float64(), length: values.length, nullCount: 0, data: Float64Array.from(values) });
}

function isListOf(value: unknown, type: ScalarColumn): boolean {
  if (ArrayBuffer.isView(value) || Array.isArray(value))
    return Array.from(value as ArrayLike<unknown>).every((element) => isScalar(element, type));
  // A list column of a frame yields Arrow vectors.
  return (
    typeof value === "object" &&
    value !== null &&
    Symbol.iterator in value &&
    [...(value as Iterable<unknown>)].every((element) => isScalar(element, type))
  );
}

function isScalar(value: unknown, type: ScalarColumn): boolean {
  switch (type) {
    case "int32":
      return Number.isInteger(value) && (value as number) >= int32Min && (value as number) <= int32Max;
    case "int64":
      return typeof value === "bigint" && BigInt.asIntN(64, value) === value;
    case "float32":
    case "float64":
      return typeof value === "number";
    case "bool":
      return typeof value === "boolean";
    case "utf8":
      return typeof value === "string";
    case "binary":
      return value instanceof Uint8Array;
    case "timestamp":
      return value instanceof Date || Number.isInteger(value);
  }
}

function mismatch(value: unknown, field: ColumnField, name: string, operator: string): MillraceError {
  const came =
    value === null || value === undefined ? String(value) : Array.isArray(value) ? "an array" : `a ${typeof value}`;
  const hint =
    value === null || value === undefined
      ? `declare it as "${field.type}?"`
      : "declare the column's type as it is, or convert the field by map before";
  return new MillraceError(
    "BATCH_SCHEMA_MISMATCH",
    `field "${name}" of a record for "${operator}" is ${came}, but its schema declares ${field.type}; ${hint}`,
    { operator },
  );
}
