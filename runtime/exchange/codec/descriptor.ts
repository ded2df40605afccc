/**
 * A shape's descriptor: the columns of a record as bytes, so that any frame explains itself.
 *
 * The law: equal shapes have equal descriptors (readers are cached by these bytes), and whatever bytes come, reading
 * ends with a layout or an assertion failure. A node is a kind byte, a presence byte, and for a struct a u16 count
 * and per field a u16 name head (twice the name's units, plus 1 if they are UTF-16 instead of Latin-1), name, node.
 */

import { Buffer } from "node:buffer";
import { assert } from "../../../core/assert.ts";
import { type ColumnKind, type ColumnType, columnKinds } from "./column-type.ts";
import { readableColumnsMax, structDepthMax } from "./limits.ts";

/** Some rows have no value: a bitmap says which have one. */
export const presenceNullable = 1;
/** Some of those rows hold undefined instead of null: a bitmap says which. */
export const presenceUndefined = 2;
/** Some of those rows lack the key altogether: a bitmap says which. */
export const presenceMissing = 4;
const presenceAll = presenceNullable | presenceUndefined | presenceMissing;

/** A column as its frame stores it. */
export interface ColumnLayout {
  readonly kind: ColumnKind;
  /** Which presence bitmaps precede the column. */
  readonly presence: number;
  /** Of a struct: the key of each child. */
  readonly names: readonly string[];
  readonly children: readonly ColumnLayout[];
}

/** The type of the records that a layout holds. */
export function typeOfLayout(layout: ColumnLayout): ColumnType {
  const fields = layout.children.map((child, index) => ({
    name: layout.names[index] ?? "",
    optional: (child.presence & presenceMissing) !== 0,
    type: typeOfLayout(child),
  }));
  return { kind: layout.kind, fields };
}

export function writeDescriptor(layout: ColumnLayout): Buffer {
  const parts: Buffer[] = [];
  append(layout, parts);
  return Buffer.concat(parts);
}

function append(layout: ColumnLayout, parts: Buffer[]): void {
  parts.push(Buffer.of(columnKinds.indexOf(layout.kind), layout.presence));
  if (layout.kind !== "struct") return;
  parts.push(uint16(layout.names.length));
  layout.children.forEach((child, index) => {
    const name = layout.names[index] ?? "";
    const wide = /[^\0-\xff]/.test(name);
    parts.push(uint16(2 * name.length + (wide ? 1 : 0)), Buffer.from(name, wide ? "utf16le" : "latin1"));
    append(child, parts);
  });
}

function uint16(value: number): Buffer {
  return Buffer.of(value & 0xff, value >> 8);
}

export function readDescriptor(bytes: Buffer): ColumnLayout {
  const cursor = new DescriptorReader(bytes);
  const layout = cursor.node(0);
  assert(cursor.position === bytes.length, "a shape's descriptor has bytes behind its end");
  assert((layout.presence & presenceMissing) === 0, "a record cannot be missing");
  return layout;
}

class DescriptorReader {
  readonly #bytes: Buffer;
  #columns = 0;
  position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  node(depth: number): ColumnLayout {
    assert(++this.#columns <= readableColumnsMax, `a shape has more than ${readableColumnsMax} columns`);
    const start = this.#take(2);
    const kind = columnKinds[this.#bytes.readUInt8(start)];
    const presence = this.#bytes.readUInt8(start + 1);
    assert(kind !== undefined, `a column is of the unknown kind ${this.#bytes[start]}`);
    assert((presence & ~presenceAll) === 0, `a column has the unknown presence ${presence}`);
    const names: string[] = [];
    const children: ColumnLayout[] = [];
    if (kind === "struct") {
      assert(depth <= structDepthMax, "structs are nested too deep");
      for (let left = this.#uint16(); left > 0; left--) {
        names.push(this.#name());
        children.push(this.node(depth + 1));
      }
    }
    return { kind, presence, names, children };
  }

  #name(): string {
    const head = this.#uint16();
    const wide = (head & 1) === 1;
    const length = wide ? 2 * (head >> 1) : head >> 1;
    const start = this.#take(length);
    return this.#bytes.toString(wide ? "utf16le" : "latin1", start, start + length);
  }

  #uint16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  #take(byteCount: number): number {
    const start = this.position;
    this.position += byteCount;
    assert(this.position <= this.#bytes.length, "a shape's descriptor is cut short");
    return start;
  }
}
