/**
 * Delivers the records of one shape out of a frame's columns, by a loop generated for that shape.
 *
 * The law: every record is a fresh object literal with the shape's keys in their order, so that all records of a shape
 * have one hidden class; only optional keys are assigned behind it, where they are present. Whole numbers of 32 bits come
 * as small integers, as V8 keeps them in the records that were sent: otherwise records of one shape that are made in the
 * slot and that come into it fight over the representation of their fields, which cost up to 400 ns a record. Called by
 * `BatchDecoder`, which keeps a reader for each descriptor that it has seen.
 *
 * The generated function of { auction: number, url: string }, shortened:
 *
 *   return function deliver(push, gate, from, to, timestamps, at, step) {
 *     const values1 = c1.values, offsets2 = c2.text.offsets, text2 = c2.text.text();
 *     for (let i = from; i < to; i++) {
 *       const float1 = values1[i], int1 = float1 | 0;
 *       push({
 *         "auction": (int1 === float1 && (int1 !== 0 || 1 / float1 > 0) ? int1 : float1),
 *         "url": text2.substring(offsets2[i], offsets2[i + 1]),
 *       }, timestamps[at]);
 *       at += step;
 *       if (gate.blocked) return i + 1;
 *     }
 *     return to;
 *   };
 */

import type { Gate, Push } from "../../../core/operator.ts";
import { type ColumnView, makeView } from "./column-view.ts";
import { CompiledCache, literalKey } from "./compiled.ts";
import { type ColumnLayout, presenceMissing, presenceNullable } from "./descriptor.ts";
import type { FrameReader } from "./frame.ts";
import { defineField } from "./tagged-value.ts";

/**
 * Pushes rows `from` to `to` until the gate is blocked, and returns the row to go on with. The timestamp of the first
 * is `timestamps[at]`, and each next one `step` further.
 */
type Deliver = (
  push: Push<unknown>,
  gate: Gate,
  from: number,
  to: number,
  timestamps: Float64Array,
  at: number,
  step: number,
) => number;
type MakeDeliver = (
  columns: readonly ColumnView[],
  defineField: (object: object, name: string, value: unknown) => void,
) => Deliver;

const compiled = new CompiledCache<MakeDeliver>();

export class ShapeReader {
  readonly root: ColumnView;
  readonly deliver: Deliver;

  /** `key` stands for the layout: its descriptor as a string. */
  constructor(layout: ColumnLayout, key: string) {
    this.root = makeView(layout);
    const makeDeliver = compiled.get(key, ["columns", "defineField"], () => new DeliverSource(layout).text());
    this.deliver = makeDeliver(flatten(this.root), defineField);
  }

  bind(reader: FrameReader, rows: number): void {
    this.root.bind(reader, rows);
  }
}

/** All columns of a shape, parents first, in the order in which the source numbers them. */
function flatten(column: ColumnView): ColumnView[] {
  return [column, ...column.children.flatMap(flatten)];
}

/** Writes the source of a shape's `deliver`. Column number i is `c{i}`, and what it is read from carries its number. */
class DeliverSource {
  readonly #layout: ColumnLayout;
  readonly #columns: string[] = [];
  /** What the loop reads, loaded once a call. */
  readonly #locals: string[] = [];
  /** What has to happen in the loop before the record can be pushed. */
  readonly #statements: string[] = [];
  #count = 0;

  constructor(layout: ColumnLayout) {
    this.#layout = layout;
  }

  text(): string {
    const record = this.#value(this.#layout);
    return `${this.#columns.join("\n")}
return function deliver(push, gate, from, to, timestamps, at, step) {
${this.#locals.join("\n")}
for (let i = from; i < to; i++) {
${this.#statements.join("\n")}
push(${record}, timestamps[at]);
at += step;
if (gate.blocked) return i + 1;
}
return to;
};`;
  }

  /** The expression of a column's value in row i. */
  #value(layout: ColumnLayout): string {
    const id = this.#count++;
    this.#columns.push(`const c${id} = columns[${id}];`);
    const value = this.#present(layout, id);
    if (layout.kind === "null") return `c${id}.absent(i)`;
    if ((layout.presence & presenceNullable) === 0) return value;
    this.#locals.push(`const valid${id} = c${id}.valid;`);
    return `(${bit(`valid${id}`)} ? ${value} : c${id}.absent(i))`;
  }

  #present(layout: ColumnLayout, id: number): string {
    switch (layout.kind) {
      case "float64":
        // -0 is no integer: it stays as it is.
        this.#locals.push(`const values${id} = c${id}.values;`);
        this.#statements.push(`const float${id} = values${id}[i], int${id} = float${id} | 0;`);
        return `(int${id} === float${id} && (int${id} !== 0 || 1 / float${id} > 0) ? int${id} : float${id})`;
      case "int64":
        this.#locals.push(`const values${id} = c${id}.values;`);
        return `values${id}[i]`;
      case "bool":
        this.#locals.push(`const bits${id} = c${id}.bits;`);
        return bit(`bits${id}`);
      case "utf8":
        this.#locals.push(`const offsets${id} = c${id}.text.offsets, text${id} = c${id}.text.text();`);
        return `text${id}.substring(offsets${id}[i], offsets${id}[i + 1])`;
      case "struct":
        return this.#struct(layout, id);
      default:
        return `c${id}.value(i)`;
    }
  }

  #struct(layout: ColumnLayout, id: number): string {
    const firstOptional = layout.children.findIndex((child) => (child.presence & presenceMissing) !== 0);
    const literalLength = firstOptional < 0 ? layout.children.length : firstOptional;
    const literal = layout.children
      .slice(0, literalLength)
      .map((child, index) => `${literalKey(layout.names[index] ?? "")}: ${this.#value(child)}`);
    if (firstOptional < 0) return `{ ${literal.join(", ")} }`;

    const assignments = layout.children.slice(literalLength).map((child, index) => {
      const column = this.#count;
      const name = layout.names[literalLength + index] ?? "";
      const value = this.#value(child);
      const assign =
        name === "__proto__"
          ? `defineField(record${id}, "__proto__", ${value});`
          : `record${id}[${JSON.stringify(name)}] = ${value};`;
      if ((child.presence & presenceMissing) === 0) return assign;
      this.#locals.push(`const missing${column} = c${column}.missing;`);
      return `if (!${bit(`missing${column}`)}) ${assign}`;
    });
    this.#statements.push(`const record${id} = { ${literal.join(", ")} };`, ...assignments);
    return `record${id}`;
  }
}

function bit(bits: string): string {
  return `(((${bits}[i >> 3] >> (i & 7)) & 1) === 1)`;
}
