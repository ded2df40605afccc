/**
 * Records that are nothing but numbers, as rows of doubles: code made for the fields of each shape, which puts a record's numbers
 * one behind the other, and makes a record of them again.
 */

import { CompiledCache, literalKey } from "../exchange/codec/compiled.ts";
import { fieldsOf } from "./column-codec.ts";

/** Of wider records few are all numbers, and each row of a pane has room for the widest. */
const FIELDS_MAX = 16;

/** What is done with the records of one shape. */
export interface NumberShape {
  readonly fields: readonly string[];
  /** Puts a record's numbers from a place on. False, with nothing put: it is none with just these fields, all numbers. */
  readonly put: (record: unknown, into: Float64Array, at: number, fields: readonly string[]) => boolean;
  /** The record whose numbers stand from a place on. */
  readonly recordAt: (from: Float64Array, at: number, numberOf: (number: number) => number) => unknown;
}

const putters = new CompiledCache<NumberShape["put"]>();
const makers = new CompiledCache<NumberShape["recordAt"]>();

/** Undefined: it is no record of numbers alone. */
export function numberShapeOf(record: unknown): NumberShape | undefined {
  const fields = fieldsOf(record);
  if (fields === undefined || fields.length > FIELDS_MAX) return undefined;
  const numbers = Object.values(record as Readonly<Record<string, unknown>>);
  return numbers.every((number) => typeof number === "number") ? shapeOf(fields) : undefined;
}

function shapeOf(fields: readonly string[]): NumberShape {
  const names = fields.map((field) => JSON.stringify(field));
  const put = putters.get(names.join(), ["record", "into", "at", "fields"], () => {
    const reads = names.map((name, i) => `const v${i} = record[${name}];`).join(" ");
    const others = names.map((_, i) => `typeof v${i} !== "number"`).join(" || ");
    const writes = names.map((_, i) => `into[at + ${i}] = v${i};`).join(" ");
    return `if (typeof record !== "object" || record === null || record.constructor !== Object) return false;
${reads}
if (${others}) return false;
let i = 0;
for (const field in record) if (fields[i++] !== field) return false;
if (i !== ${fields.length}) return false;
${writes}
return true;`;
  });
  const recordAt = makers.get(names.join(), ["from", "at", "numberOf"], () => {
    const literal = fields.map((field, i) => `${literalKey(field)}: numberOf(from[at + ${i}])`).join();
    return `return { ${literal} };`;
  });
  return { fields, put, recordAt };
}

/**
 * A number as V8 holds small integers, where it is one: so records have the shape in memory that they had as they came, and
 * no number of theirs memory of its own. -0 stays what it is.
 */
export function numberOf(number: number): number {
  if (number === 0) return Object.is(number, -0) ? number : 0;
  const integer = number | 0;
  return integer === number ? integer : number;
}
