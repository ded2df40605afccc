/**
 * Takes the records of one shape into columns, by a function generated for that shape.
 *
 * The law: `add` first checks all of a record and writes only what fits entirely, so a refused record leaves no
 * trace. The check is: plain prototype, the keys in their order, each value of its column's kind, null or undefined.
 * With a projection only the named keys are looked at. Plain means that `constructor` is Object, which costs
 * a quarter of asking for the prototype; what has another one is asked. Called by `BatchEncoder`, which tries one writer after another.
 *
 * The generated function of { auction: number, url: string }, shortened:
 *
 *   return function add(v0) {
 *     const n = writer.rows; if (n === capacity) return writer.grow().add(v0);
 *     let v1, v2;
 *     if (v0 !== null && v0 !== undefined) {
 *       if (typeof v0 !== "object") return -1;
 *       if (v0.constructor !== Object && !isPlainObject(v0)) return -1;
 *       let k = 0; for (const key in v0) if (key !== names0[k++]) return -1; if (k !== 2) return -1;
 *       v1 = v0["auction"]; if (typeof v1 !== "number" && v1 !== null && v1 !== undefined) return -1;
 *       ...
 *     }
 *     let bytes = 12;
 *     if (v0 !== null && v0 !== undefined) {
 *       if (typeof v1 === "number") values1[n] = v1; else c1.skip(n, v1 === null ? 1 : 2);
 *       ...
 *     } else c0.skip(n, v0 === null ? 1 : 2);
 *     writer.rows = n + 1; return bytes;
 *   }
 */

import type { Buffer } from "node:buffer";
import { absence, type ColumnStore } from "./column-store.ts";
import { type ColumnType, type Field, signature } from "./column-type.ts";
import { CompiledCache } from "./compiled.ts";
import { writeDescriptor } from "./descriptor.ts";
import { align8, type FrameWriter, shapeEntryBytes } from "./frame.ts";
import { firstCapacity } from "./limits.ts";
import { makeStore } from "./make-store.ts";
import { isPlainObject } from "./transferable.ts";

/** Takes a record and returns its size in bytes, about; -1 when it is of another shape. */
type Add = (record: unknown) => number;
type MakeAdd = (
  writer: ShapeWriter,
  capacity: number,
  stores: readonly ColumnStore[],
  isPlain: (value: object) => boolean,
  hasOwn: typeof Object.hasOwn,
) => Add;

const parameters = ["writer", "capacity", "stores", "isPlainObject", "hasOwn"];
const compiled = new CompiledCache<MakeAdd>();

export class ShapeWriter {
  readonly type: ColumnType;
  /** Counted up by the generated code. */
  rows = 0;
  /** Replaced when the columns grow. */
  add: Add;
  /** A record of this shape may go into a fallback column, so other shapes are tried first. */
  readonly hasFallback: boolean;
  /** The encoder's number for it, while a batch lasts. */
  tag: number;
  readonly #root: ColumnStore;
  readonly #stores: readonly ColumnStore[];
  readonly #makeAdd: MakeAdd;
  readonly #maxRows: number;
  #capacity: number;
  #descriptor: Buffer;
  #describedPresence = -1;

  constructor(type: ColumnType, tag: number, maxRows: number, projected = false) {
    this.type = type;
    this.tag = tag;
    this.#root = makeStore(type);
    this.hasFallback = flatten(this.#root).some((store) => store.kind === "any");
    this.#stores = flatten(this.#root);
    this.#maxRows = maxRows;
    this.#capacity = Math.min(firstCapacity, maxRows);
    this.#root.grow(this.#capacity);
    this.#descriptor = writeDescriptor(this.#root);
    const key = `${projected ? "projected " : ""}${signature(type)}`;
    this.#makeAdd = compiled.get(key, parameters, () => new AddSource(type, projected).text());
    this.add = this.#instantiate();
  }

  /** More room; the generated code calls it when it has none. */
  grow(): this {
    this.#capacity = Math.min(4 * this.#capacity, this.#maxRows);
    this.#root.grow(this.#capacity);
    this.add = this.#instantiate();
    return this;
  }

  /** The descriptor of what the columns hold now. */
  descriptor(): Buffer {
    const presence = this.#stores.reduce((sum, store) => sum + store.presence, 0);
    if (presence !== this.#describedPresence) {
      this.#descriptor = writeDescriptor(this.#root);
      this.#describedPresence = presence;
    }
    return this.#descriptor;
  }

  /** An upper bound of this shape's part of a frame. */
  bound(exact: boolean): number {
    return shapeEntryBytes + align8(this.descriptor().length) + this.#root.bound(this.rows, exact);
  }

  writeColumns(out: FrameWriter): void {
    this.#root.write(out, this.rows);
  }

  reset(): void {
    this.#root.reset(this.rows);
    this.rows = 0;
  }

  #instantiate(): Add {
    return this.#makeAdd(this, this.#capacity, this.#stores, isPlainObject, Object.hasOwn);
  }
}

/** All stores of a shape, parents first, in the order in which the source numbers them. */
function flatten(store: ColumnStore): ColumnStore[] {
  return [store, ...store.children.flatMap(flatten)];
}

/** Bytes a row takes whatever its values are; only an estimate, so bits count as bytes. */
const fixedBytes: Record<ColumnType["kind"], number> = {
  null: 0,
  bool: 1,
  float64: 8,
  int64: 8,
  timestamp: 8,
  utf8: 4,
  binary: 4,
  float64List: 4,
  utf8List: 4,
  emptyList: 0,
  struct: 0,
  any: 4,
};

/** Writes the source of a shape's `add`. Column i is store `c{i}`, and its value in the record is `v{i}`. */
class AddSource {
  readonly #type: ColumnType;
  readonly #projected: boolean;
  readonly #prelude: string[] = [];
  readonly #values: string[] = [];
  #fixedBytes = 0;

  constructor(type: ColumnType, projected: boolean) {
    this.#type = type;
    this.#projected = projected;
  }

  text(): string {
    const { check, write } = this.#column(this.#type);
    const children = this.#values.slice(1);
    return `${this.#prelude.join("\n")}
return function add(v0) {
const n = writer.rows;
if (n === capacity) return writer.grow().add(v0);
${children.length > 0 ? `let ${children.join(", ")};` : ""}
${check}
let bytes = ${this.#fixedBytes};
${write}
writer.rows = n + 1;
return bytes;
};`;
  }

  /** The statements that check a column's value and that keep it; `isMissing` asks whether the record lacks its key. */
  #column(type: ColumnType, isMissing = ""): { check: string; write: string } {
    const id = this.#values.length;
    const value = `v${id}`;
    this.#values.push(value);
    this.#prelude.push(`const c${id} = stores[${id}];`);
    this.#fixedBytes += fixedBytes[type.kind];
    const there = `${value} !== null && ${value} !== undefined`;
    const skip = `c${id}.skip(n, ${absenceOf(value, isMissing)});`;
    switch (type.kind) {
      case "null":
        return { check: `if (${there}) return -1;`, write: skip };
      case "float64":
        this.#prelude.push(`const values${id} = c${id}.values;`);
        return {
          check: `if (typeof ${value} !== "number" && ${there}) return -1;`,
          write: `if (typeof ${value} === "number") values${id}[n] = ${value}; else ${skip}`,
        };
      case "bool":
        this.#prelude.push(`const values${id} = c${id}.values;`);
        return {
          check: `if (typeof ${value} !== "boolean" && ${there}) return -1;`,
          write: `if (typeof ${value} === "boolean") values${id}[n] = ${value} ? 1 : 0; else ${skip}`,
        };
      case "utf8":
        this.#prelude.push(`const strings${id} = c${id}.text.strings, offsets${id} = c${id}.text.offsets;`);
        return {
          check: `if (typeof ${value} !== "string" && ${there}) return -1;`,
          write: `if (typeof ${value} === "string") {
const length = ${value}.length; strings${id}[n] = ${value};
offsets${id}[n + 1] = offsets${id}[n] + length; bytes += length;
} else ${skip}`,
        };
      case "struct":
        return this.#struct(type, id, skip);
      case "any":
        return {
          check: `if (!c${id}.accepts(${value})) return -1;`,
          write: `${isMissing === "" ? "" : `if (${isMissing}) ${skip} else `}bytes += c${id}.add(n);`,
        };
      default:
        return {
          check: `if (${there} && !c${id}.accepts(${value})) return -1;`,
          write: `if (${there}) bytes += c${id}.add(n, ${value}); else ${skip}`,
        };
    }
  }

  #struct(type: ColumnType, id: number, skip: string): { check: string; write: string } {
    const projected = this.#projected && id === 0;
    const checks: string[] = [];
    const writes: string[] = [];
    for (const field of type.fields) {
      const child = `v${this.#values.length}`;
      const read = `${child} = v${id}[${JSON.stringify(field.name)}];`;
      const isMissing = `${child} === undefined && !hasOwn(v${id}, ${JSON.stringify(field.name)})`;
      const { check, write } = this.#column(field.type, field.optional ? isMissing : "");
      checks.push(read, projected ? projectedCheck(field, `v${id}`, isMissing) : "", check);
      writes.push(write);
    }
    const there = `v${id} !== null && v${id} !== undefined`;
    return {
      check: `if (${there}) {
if (typeof v${id} !== "object") return -1;
if (v${id}.constructor !== Object && !isPlainObject(v${id})) return -1;
${projected ? "" : this.#keyCheck(type, id)}
${checks.join("\n")}
}`,
      write: `if (${there}) {\n${writes.join("\n")}\n} else ${skip}`,
    };
  }

  /** The record's keys must be the shape's, in order; optional ones may be left out. */
  #keyCheck(type: ColumnType, id: number): string {
    const count = type.fields.length;
    this.#prelude.push(`const names${id} = c${id}.names;`);
    if (!type.fields.some((field) => field.optional)) {
      return `let k${id} = 0;
for (const key in v${id}) if (key !== names${id}[k${id}++]) return -1;
if (k${id} !== ${count}) return -1;`;
    }
    this.#prelude.push(`const optional${id} = ${JSON.stringify(type.fields.map((field) => field.optional))};`);
    return `let k${id} = 0;
for (const key in v${id}) {
while (key !== names${id}[k${id}]) if (!optional${id}[k${id}++]) return -1;
k${id}++;
}
while (k${id} < ${count}) if (!optional${id}[k${id}++]) return -1;`;
  }
}

/** A projected key is read without a look at the others, so each must be the record's own. */
function projectedCheck(field: Field, record: string, isMissing: string): string {
  if (field.name in Object.prototype) return `if (!hasOwn(${record}, ${JSON.stringify(field.name)})) return -1;`;
  return field.optional ? "" : `if (${isMissing}) return -1;`;
}

function absenceOf(value: string, isMissing: string): string {
  const otherwise = isMissing === "" ? "" : `${isMissing} ? ${absence.isMissing} : `;
  return `${value} === null ? ${absence.isNull} : ${otherwise}${absence.isUndefined}`;
}
