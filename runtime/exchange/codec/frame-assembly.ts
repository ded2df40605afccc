/**
 * Puts a frame together from the shapes that hold a batch's rows.
 *
 * The law: header, shape table, descriptors, timestamps, tags, then each shape's columns; only what the rows need.
 * Called by `BatchEncoder`, and by the decoder when it rewrites a frame with one shape.
 */

import { assert } from "../../../core/assert.ts";
import { align8, FrameWriter, flagOneTimestamp, flagTags, headerBytes, shapeEntryBytes, writeHeader } from "./frame.ts";
import type { ShapeWriter } from "./shape-writer.ts";

/** Bytes that suffice for the frame. */
export function frameBound(shapes: readonly ShapeWriter[], rows: number, exact: boolean): number {
  const beside = headerBytes + 8 * rows + align8(rows);
  return shapes.reduce((sum, shape) => sum + shape.bound(exact), beside);
}

/**
 * Writes the frame and returns its length. `timestamps` has one a row, and `tags` each row's shape by `ShapeWriter.tag`.
 * REQUIRES a target of `frameBound` bytes that starts at a multiple of 8.
 */
export function writeFrame(
  target: Uint8Array,
  shapes: readonly ShapeWriter[],
  timestamps: Float64Array,
  tags: Uint8Array,
): number {
  assert(target.byteOffset % 8 === 0, "a frame must start at a multiple of 8 bytes");
  const out = new FrameWriter(target, headerBytes + shapes.length * shapeEntryBytes);
  const rows = timestamps.length;
  const oneTimestamp = haveOne(timestamps);
  const descriptors = shapes.map((shape) => shape.descriptor());
  for (const descriptor of descriptors) out.raw(descriptor);
  if (!oneTimestamp) out.float64(timestamps, rows);
  if (shapes.length > 1) writeTags(out, shapes, tags, rows);
  shapes.forEach((shape, index) => {
    const start = out.position;
    shape.writeColumns(out);
    const entry = headerBytes + index * shapeEntryBytes;
    out.bytes.writeUInt32LE(shape.rows, entry);
    out.bytes.writeUInt32LE(descriptors[index]?.length ?? 0, entry + 4);
    out.bytes.writeUInt32LE(start, entry + 8);
    out.bytes.writeUInt32LE(out.position - start, entry + 12);
  });
  writeHeader(out.bytes, {
    flags: (oneTimestamp ? flagOneTimestamp : 0) | (shapes.length > 1 ? flagTags : 0),
    rows,
    byteLength: out.position,
    shapeTable: headerBytes,
    shapes: shapes.length,
    timestamp: oneTimestamp ? (timestamps[0] ?? 0) : 0,
  });
  return out.position;
}

function haveOne(timestamps: Float64Array): boolean {
  const first = timestamps[0];
  for (let row = 1; row < timestamps.length; row++) if (!Object.is(timestamps[row], first)) return false;
  return true;
}

/** Each row's index among the frame's shapes. */
function writeTags(out: FrameWriter, shapes: readonly ShapeWriter[], tags: Uint8Array, rows: number): void {
  const indexOf = new Uint8Array(256);
  shapes.forEach((shape, index) => {
    indexOf[shape.tag] = index;
  });
  for (let row = 0; row < rows; row++) out.bytes[out.position + row] = indexOf[tags[row] as number] as number;
  out.advance(rows);
}
