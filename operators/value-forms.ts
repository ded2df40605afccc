/**
 * Forms of values: of which objects and lists a value is made, and where in them its leaves are. Values of one form differ in their
 * leaves alone, so that these can be held one behind the other, and the value made of them again, by code made for the form.
 *
 *   { names: ["Ada"], sells: true }     form  { names: [reference], sells: boolean }     leaves  1 number, 1 reference
 *
 * A boolean is a number; a text, and whatever is no plain object or list, a reference; null is part of the form, and of a list how
 * long it is. The law: what is read equals what was put. No two places of a value share an object then, if they did.
 */

import { HELD_LEAVES_MAX } from "../core/limits.ts";

const DEPTH_MAX = 4;

/** Lists that grow have a form for each length. */
const LIST_MAX = 4;

export interface ValueForm {
  readonly numbers: number;
  readonly references: number;
  /** Whether there is an object within it, and whether there is a list of several elements, which mostly grows. */
  readonly hasRecord: boolean;
  readonly hasSeveral: boolean;
  /** Puts the leaves from these places on. False, with nothing put: the value has another form. */
  readonly put: (value: unknown, numbers: Float64Array, at: number, references: unknown[], from: number) => boolean;
  readonly read: (numbers: Float64Array, at: number, references: readonly unknown[], from: number) => unknown;
}

type Shape =
  | { readonly kind: "number" | "boolean" | "reference"; readonly at: number }
  | { readonly kind: "null" }
  | { readonly kind: "list"; readonly parts: readonly Shape[] }
  | { readonly kind: "object"; readonly fields: readonly string[]; readonly parts: readonly Shape[] };

/** How many have been found. */
interface Leaves {
  numbers: number;
  references: number;
}

/** The form of a value; undefined: it has too many leaves, or is none of objects, lists and leaves. */
export function formOf(value: unknown): ValueForm | undefined {
  const leaves = { numbers: 0, references: 0 };
  const shape = shapeOf(value, leaves, 0);
  if (shape === undefined || (shape.kind === "reference" && typeof value !== "string")) return undefined;
  return { ...leaves, hasRecord: hasRecord(shape, 0), hasSeveral: hasSeveral(shape), ...compiled(shape) };
}

function hasRecord(shape: Shape, depth: number): boolean {
  if (shape.kind === "object" && depth > 0) return true;
  return "parts" in shape && shape.parts.some((part) => hasRecord(part, depth + 1));
}

function hasSeveral(shape: Shape): boolean {
  return "parts" in shape && ((shape.kind === "list" && shape.parts.length > 1) || shape.parts.some(hasSeveral));
}

function shapeOf(value: unknown, leaves: Leaves, depth: number): Shape | undefined {
  if (value === null) return { kind: "null" };
  if (isPlain(value, Array.prototype)) {
    // A hole reads as undefined, and yet is none.
    if ((value as []).length > LIST_MAX || (value as []).includes(undefined as never)) return undefined;
    const parts = shapesOf(value as [], leaves, depth);
    return parts && { kind: "list", parts };
  }
  if (isPlain(value, Object.prototype)) {
    const fields = Object.keys(value);
    const parts = fields.includes("__proto__") ? undefined : shapesOf(Object.values(value), leaves, depth);
    return parts && { kind: "object", fields, parts };
  }
  if (leaves.numbers + leaves.references === HELD_LEAVES_MAX) return undefined;
  if (typeof value === "number") return { kind: "number", at: leaves.numbers++ };
  if (typeof value === "boolean") return { kind: "boolean", at: leaves.numbers++ };
  return { kind: "reference", at: leaves.references++ };
}

/** Undefined: there is a part without a shape. */
function shapesOf(values: readonly unknown[], leaves: Leaves, depth: number): readonly Shape[] | undefined {
  if (depth === DEPTH_MAX) return undefined;
  const shapes: Shape[] = [];
  for (const value of values) {
    const shape = shapeOf(value, leaves, depth + 1);
    if (shape === undefined) return undefined;
    shapes.push(shape);
  }
  return shapes;
}

function isPlain(value: unknown, prototype: object): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === prototype;
}

function compiled(shape: Shape): Pick<ValueForm, "put" | "read"> {
  const code: Code = { checks: [], writes: [], fields: [], names: 0 };
  const value = expressionOf(shape, "value", code);
  const make = new Function(
    "fields",
    "integerOf",
    `"use strict"; return {
      put(value, numbers, at, references, from) {
        ${code.checks.join("\n")}
        ${code.writes.join("\n")}
        return true;
      },
      read(numbers, at, references, from) { return ${value}; },
    };`,
  );
  return make(code.fields, integerOf) as Pick<ValueForm, "put" | "read">;
}

interface Code {
  /** Return false where the value is of another form, and name its parts. */
  readonly checks: string[];
  readonly writes: string[];
  /** Of the objects of the form. Names stand in code by JSON alone. */
  readonly fields: (readonly string[])[];
  names: number;
}

/** The expression that reads a part, whose checks and writes are added. */
function expressionOf(shape: Shape, name: string, code: Code): string {
  if (shape.kind === "null") {
    code.checks.push(`if (${name} !== null) return false;`);
    return "null";
  }
  if (shape.kind === "list") {
    code.checks.push(`if (${isNo(name, "Array")} || ${name}.length !== ${shape.parts.length}) return false;`);
    return `[${partsOf(shape.parts, (at) => `${name}[${at}]`, code).join(", ")}]`;
  }
  if (shape.kind === "object") {
    const its = code.fields.push(shape.fields) - 1;
    const at = `i${its}`;
    code.checks.push(`if (${isNo(name, "Object")}) return false;
let ${at} = 0;
for (const field in ${name}) if (fields[${its}][${at}++] !== field) return false;
if (${at} !== ${shape.fields.length}) return false;`);
    const fields = shape.fields.map((field) => JSON.stringify(field));
    const parts = partsOf(shape.parts, (part) => `${name}[${fields[part]}]`, code);
    return `({ ${parts.map((part, i) => `${fields[i]}: ${part}`).join(", ")} })`;
  }
  return leafOf(shape.kind, shape.at, name, code);
}

/** An object's constructor is asked instead of its prototype, as V8 does that without a call. */
function isNo(name: string, made: "Array" | "Object"): string {
  return `typeof ${name} !== "object" || ${name} === null || ${name}.constructor !== ${made}`;
}

function leafOf(kind: "number" | "boolean" | "reference", at: number, name: string, code: Code): string {
  if (kind === "reference") {
    const isPart = `${name} === null || ${name}.constructor === Object || ${name}.constructor === Array`;
    const isNumber = `typeof ${name} === "number" || typeof ${name} === "boolean"`;
    code.checks.push(`if (${isNumber} || (typeof ${name} === "object" && (${isPart}))) return false;`);
    code.writes.push(`references[from + ${at}] = ${name};`);
    return `references[from + ${at}]`;
  }
  code.checks.push(`if (typeof ${name} !== "${kind}") return false;`);
  code.writes.push(`numbers[at + ${at}] = ${kind === "boolean" ? `${name} ? 1 : 0` : name};`);
  return kind === "boolean" ? `numbers[at + ${at}] === 1` : `integerOf(numbers[at + ${at}])`;
}

function partsOf(shapes: readonly Shape[], pathOf: (part: number) => string, code: Code): string[] {
  return shapes.map((shape, part) => {
    const name = `v${code.names++}`;
    code.checks.push(`const ${name} = ${pathOf(part)};`);
    return expressionOf(shape, name, code);
  });
}

/** As V8 holds small integers, where it is one: other numbers are objects of their own. -0 stays what it is. */
function integerOf(number: number): number {
  if (number === 0) return Object.is(number, -0) ? number : 0;
  const integer = number | 0;
  return integer === number ? integer : number;
}
