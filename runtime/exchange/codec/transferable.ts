/**
 * What may travel between subtasks, and the sentence that refuses the rest.
 *
 * The law: a record is plain data: null, undefined, booleans, numbers, bigints, strings, valid and invalid Dates,
 * Uint8Arrays, dense arrays, and objects whose prototype is Object.prototype or null. Anything else would arrive as
 * something different, so it is refused by name, with its place. Called by the encoder for records of a new shape,
 * and in tests for every record inside of a chain. Not seen: accessors (they are read); non-enumerable properties,
 * named properties of arrays, and symbol keys of a record whose string keys are a learnt shape's (they do not travel).
 */

import { Buffer } from "node:buffer";
import { MillraceError } from "../../../core/errors.ts";
import { depthMax } from "./limits.ts";

/** Throws BAD_RECORD when `value` cannot travel; `path` names the value in the message ("record.user"). */
export function assertTransferable(value: unknown, path: string, operator?: string): void {
  new Inspection(operator).inspect(value, path);
}

/** An object that arrives as what it was: no class is lost on the way. */
export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export function isPlainArray(value: unknown): value is unknown[] {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype;
}

export function isPlainDate(value: object): value is Date {
  return Object.getPrototypeOf(value) === Date.prototype;
}

export function isPlainBytes(value: object): value is Uint8Array {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Uint8Array.prototype || prototype === Buffer.prototype;
}

class Inspection {
  readonly #operator: string | undefined;
  readonly #ancestors: object[] = [];

  constructor(operator: string | undefined) {
    this.#operator = operator;
  }

  inspect(value: unknown, path: string): void {
    if (typeof value === "function")
      this.#refuse(path, `the function ${value.name || "(anonymous)"}`, "send data instead");
    if (typeof value === "symbol") this.#refuse(path, `the symbol ${String(value)}`, "send a string instead");
    if (typeof value !== "object" || value === null || isPlainDate(value) || isPlainBytes(value)) return;
    if (this.#ancestors.includes(value)) this.#refuse(path, "an object that contains itself", "send its id instead");
    if (this.#ancestors.length >= depthMax) this.#refuse(path, `nesting deeper than ${depthMax} levels`, "flatten it");
    this.#ancestors.push(value);
    if (isPlainArray(value)) this.#inspectArray(value, path);
    else if (isPlainObject(value)) this.#inspectObject(value, path);
    else this.#refuse(path, `a ${className(value)}`, adviceFor(value));
    this.#ancestors.pop();
  }

  #inspectArray(array: readonly unknown[], path: string): void {
    for (let index = 0; index < array.length; index++) {
      if (!(index in array)) this.#refuse(`${path}[${index}]`, "a hole in an array", "fill it with null or undefined");
      this.inspect(array[index], `${path}[${index}]`);
    }
  }

  #inspectObject(object: object, path: string): void {
    const symbol = Object.getOwnPropertySymbols(object)[0];
    if (symbol !== undefined) this.#refuse(path, `the symbol key ${String(symbol)}`, "use a string key");
    for (const [name, field] of Object.entries(object)) this.inspect(field, `${path}${member(name)}`);
  }

  #refuse(path: string, what: string, advice: string): never {
    const where = this.#operator === undefined ? "" : ` emitted by "${this.#operator}"`;
    const message = `${path}${where}: expected plain data that can travel between subtasks, got ${what}; ${advice}.`;
    throw new MillraceError("BAD_RECORD", message, this.#operator === undefined ? {} : { operator: this.#operator });
  }
}

function member(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function className(value: object): string {
  const maker: unknown = Reflect.get(value, "constructor");
  if (typeof maker !== "function" || maker.name === "") return "class instance";
  return maker === Object ? "object with a prototype of its own" : maker.name;
}

function adviceFor(value: object): string {
  if (value instanceof Map) return "send [...map] or Object.fromEntries(map) instead";
  if (value instanceof Set) return "send [...set] instead";
  if (value instanceof Promise) return "await it first";
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return "send a Uint8Array over it instead";
  if (ArrayBuffer.isView(value)) return "send an array or a Uint8Array over its bytes instead";
  if (value instanceof Error) return "send its message instead";
  if (value instanceof RegExp || value instanceof URL) return "send it as a string";
  return "send a plain object, such as { ...it }, instead";
}
