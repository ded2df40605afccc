/**
 * A frame as an Arrow RecordBatch over the same memory.
 *
 * The law: numbers, bits, offsets, text and validity are the frame's own bytes; the batch is good until the frame is
 * released. Copied are only the frames of several shapes (rewritten with one) and text that is not well-formed (as
 * UTF-8 with U+FFFD for each lone surrogate). A field that is undefined or missing is a null in Arrow. Timestamps
 * beside the records are not part of the batch. Called for `mapBatches`, ML and SQL operators.
 *
 *   float64 Float64 | bool Bool | utf8 Utf8 | int64 Int64 | timestamp Timestamp(ms) | binary Binary
 *   float64List List<Float64> | utf8List List<Utf8> | emptyList List<Null> | struct Struct | null Null
 *   any     Binary of tagged values; the field's metadata has "millrace.kind": "any"
 *
 * Records that are no objects, or sometimes null, are one column named "value".
 */

import { Buffer } from "node:buffer";
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  Field,
  Float64,
  Int64,
  List,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  TimestampMillisecond,
  Utf8,
} from "apache-arrow";
import { unreachable } from "../../../core/assert.ts";
import { BatchDecoder } from "./batch-decoder.ts";
import { type AnyColumnView, type ColumnView, isSet } from "./column-view.ts";
import { presenceNullable } from "./descriptor.ts";
import { textEncoding } from "./text-buffer.ts";
import type { TextView } from "./text-view.ts";

/** Where a field's metadata says that its bytes are tagged values. */
export const kindMetadata = "millrace.kind";

/** REQUIRES a frame that stays as it is while the batch is in use. Throws an assertion failure for a broken frame. */
export function toRecordBatch(frame: Uint8Array): RecordBatch {
  const decoder = new BatchDecoder({ operator: "toRecordBatch" });
  decoder.bind(frame);
  const { root, rows } = decoder.columns();
  const isTable = root.kind === "struct" && validity(root).nullCount === 0;
  const names = isTable ? root.names : ["value"];
  const columns = isTable ? root.children : [root];
  const children = columns.map(wrap);
  const fields = columns.map((column, index) => fieldOf(names[index] ?? "", column, (children[index] as Data).type));
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children });
  return new RecordBatch(new Schema(fields), data);
}

function fieldOf(name: string, column: ColumnView, type: DataType): Field {
  const metadata = column.kind === "any" ? new Map([[kindMetadata, "any"]]) : null;
  const nullable = column.kind === "null" || (column.presence & presenceNullable) !== 0;
  return new Field(name, type, nullable, metadata);
}

function wrap(view: ColumnView): Data {
  const column = view as AnyColumnView;
  const rows = { length: column.rows, ...validity(column) };
  switch (column.kind) {
    case "null":
      return makeData({ type: new Null(), length: column.rows });
    case "bool":
      return makeData({ type: new Bool(), ...rows, data: column.bits });
    case "float64":
      return makeData({ type: new Float64(), ...rows, data: column.values });
    case "int64":
      return makeData({ type: new Int64(), ...rows, data: column.values });
    case "timestamp":
      return makeData({ type: new TimestampMillisecond(), ...rows, data: asInt64(column.words) });
    case "utf8":
      return makeData({ type: new Utf8(), ...rows, ...utf8Of(column.text, column.rows) });
    case "binary":
    case "any":
      return makeData({ type: new Binary(), ...rows, valueOffsets: column.offsets, data: column.bytes });
    case "emptyList": {
      const element = new Field("item", new Null(), true);
      const child = makeData({ type: element.type, length: 0 });
      return makeData({ type: new List(element), ...rows, valueOffsets: new Int32Array(column.rows + 1), child });
    }
    case "float64List":
      return wrapList(new Float64(), rows, column.offsets, { data: column.values });
    case "utf8List": {
      const count = column.offsets[column.rows] as number;
      return wrapList(new Utf8(), rows, column.offsets, utf8Of(column.text, count));
    }
    case "struct": {
      const children = column.children.map(wrap);
      const fields = column.children.map((child, index) =>
        fieldOf(column.names[index] ?? "", child, (children[index] as Data).type),
      );
      return makeData({ type: new Struct(fields), ...rows, children });
    }
    default:
      return unreachable(column);
  }
}

interface Rows {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array;
}

function wrapList(elementType: Float64 | Utf8, rows: Rows, valueOffsets: Int32Array, buffers: object): Data {
  const length = valueOffsets[rows.length] as number;
  const child = makeData({ type: elementType, length, nullCount: 0, ...buffers } as Parameters<typeof makeData>[0]);
  const element = new Field("item", elementType as DataType, false);
  return makeData({ type: new List(element), ...rows, valueOffsets, child });
}

/** Arrow's bitmap, unless every row has a value. */
function validity(column: ColumnView): { nullCount: number; nullBitmap?: Uint8Array } {
  if ((column.presence & presenceNullable) === 0) return { nullCount: 0 };
  let nullCount = 0;
  for (let row = 0; row < column.rows; row++) if (!isSet(column.valid, row)) nullCount++;
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: column.valid };
}

function asInt64(words: Int32Array): BigInt64Array {
  return new BigInt64Array(words.buffer, words.byteOffset, words.length / 2);
}

function utf8Of(text: TextView, count: number): { valueOffsets: Int32Array; data: Uint8Array } {
  if (text.encoding !== textEncoding.utf16) return { valueOffsets: text.storedOffsets, data: text.data() };
  const valueOffsets = new Int32Array(count + 1);
  const parts: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const bytes = Buffer.from(text.get(index), "utf8");
    parts.push(bytes);
    valueOffsets[index + 1] = (valueOffsets[index] as number) + bytes.length;
  }
  return { valueOffsets, data: Buffer.concat(parts) };
}
