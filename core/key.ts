/**
 * Keys: what they may be, their one canonical encoding, and their hash.
 *
 * The law: two keys are the same key exactly if their encodings are equal. 1, "1" and 1n differ; -0 is 0.
 * NaN, null, undefined and objects are refused. Hashes are persisted with state, so they never change.
 */

import { MillraceError } from "./errors.ts";
import { murmurString, murmurTwoWords, murmurWord } from "./murmur3.ts";
import type { TypeDescription } from "./types.ts";

export type ScalarKey = string | number | bigint | boolean | Date;
export type Key = ScalarKey | readonly ScalarKey[];

/** How a stream finds a record's key. `fields` is known when the key is named instead of computed: only those travel. */
export interface KeySelector<T = unknown, K extends Key = Key> {
  readonly select: (value: T) => K;
  readonly fields: readonly string[] | undefined;
  /** What keys are, where the program says so: state of other keys is refused when it goes on from a savepoint. */
  readonly type?: TypeDescription;
}

/** What a key is, as far as its encoding tells; of a tuple the whole. */
export type KeyKind = "number" | "string" | "bigint" | "boolean" | "date" | "tuple";

/** REQUIRES: a key. */
export function keyKind(key: Key): KeyKind {
  if (typeof key !== "object") return typeof key as Exclude<KeyKind, "date" | "tuple">; // no key is of another type
  return Array.isArray(key) ? "tuple" : "date";
}

/** What the first letter of an encoded key says. */
export const kindsByLetter: Readonly<Record<string, KeyKind>> = Object.freeze({
  n: "number",
  s: "string",
  i: "bigint",
  b: "boolean",
  d: "date",
  t: "tuple",
});

const seeds = { number: 1, string: 2, bigint: 3, boolean: 4, date: 5, tuple: 6 } as const;

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** Whether two keys are one. @throws BAD_KEY */
export function sameKey(a: Key, b: Key, operator: string): boolean {
  if (a === b) return true;
  // Of what has no parts, those that are equal are identical, but for zeros, which `===` takes for one.
  if (typeof a !== "object" || typeof b !== "object") return false;
  return encodeKey(a, operator) === encodeKey(b, operator);
}

/**
 * A 32-bit murmur3 hash of the key's canonical form, as an unsigned number.
 * @throws MillraceError BAD_KEY when the value cannot be a key.
 */
export function hashKey(key: unknown, operator: string): number {
  if (typeof key === "number") return hashNumber(key, seeds.number, operator);
  if (typeof key === "string") return murmurString(key, seeds.string);
  if (typeof key === "bigint") return murmurString(key.toString(36), seeds.bigint);
  if (typeof key === "boolean") return murmurWord(key ? 1 : 0, seeds.boolean);
  if (key instanceof Date && !Number.isNaN(key.getTime())) return hashNumber(key.getTime(), seeds.date, operator);
  if (Array.isArray(key) && key.length > 0) return hashTuple(key, operator);
  throw badKey(key, operator);
}

function hashNumber(value: number, seed: number, operator: string): number {
  if (value !== value) throw badKey(value, operator);
  float[0] = value + 0; // -0 + 0 is 0
  return murmurTwoWords(words[0] as number, words[1] as number, seed);
}

function hashTuple(parts: readonly unknown[], operator: string): number {
  let hash: number = seeds.tuple;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (Array.isArray(part)) throw badKey(parts, operator);
    hash = murmurTwoWords(hash, hashKey(part, operator), seeds.tuple);
  }
  return hash;
}

/**
 * The key as text, equal exactly for equal keys: a tag letter and the value; tuples as length-prefixed parts.
 * @throws MillraceError BAD_KEY when the value cannot be a key.
 */
export function encodeKey(key: unknown, operator: string): string {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "number") {
    if (key !== key) throw badKey(key, operator);
    return `n${key + 0}`;
  }
  if (typeof key === "bigint") return `i${key}`;
  if (typeof key === "boolean") return key ? "bt" : "bf";
  if (key instanceof Date && !Number.isNaN(key.getTime())) return `d${key.getTime()}`;
  if (Array.isArray(key) && key.length > 0) return encodeTuple(key, operator);
  throw badKey(key, operator);
}

function encodeTuple(parts: readonly unknown[], operator: string): string {
  let text = "t";
  for (const part of parts) {
    // for…of, unlike map and some, visits the holes of a sparse array, which are refused
    if (Array.isArray(part)) throw badKey(parts, operator);
    const encoding = encodeKey(part, operator);
    text += `${encoding.length}:${encoding}`;
  }
  return text;
}

/** The key that `encodeKey` encoded. REQUIRES: text that `encodeKey` returned. */
export function decodeKey(text: string): Key {
  const rest = text.slice(1);
  switch (text[0]) {
    case "s":
      return rest;
    case "n":
      return Number(rest);
    case "i":
      return BigInt(rest);
    case "b":
      return rest === "t";
    case "d":
      return new Date(Number(rest));
    default:
      return decodeTuple(rest);
  }
}

function decodeTuple(text: string): Key {
  const parts: ScalarKey[] = [];
  for (let at = 0; at < text.length; ) {
    const colon = text.indexOf(":", at);
    const end = colon + 1 + Number(text.slice(at, colon));
    parts.push(decodeKey(text.slice(colon + 1, end)) as ScalarKey);
    at = end;
  }
  return parts;
}

export function badKey(key: unknown, operator: string): MillraceError {
  return new MillraceError(
    "BAD_KEY",
    `"${operator}" was given ${describeKey(key)} as a key; a key must be a string, a number other than NaN, ` +
      "a bigint, a boolean, a valid Date, or a non-empty flat array of those. Return one of these from the key function, " +
      "or drop such records with filter before keyBy",
    { operator },
  );
}

function describeKey(key: unknown): string {
  if (key === null || key === undefined || typeof key === "number") return String(key);
  if (key instanceof Date) return "an invalid Date";
  if (Array.isArray(key)) return key.length === 0 ? "an empty array" : "an array with a part that cannot be a key";
  return typeof key === "object" ? `an object (${key.constructor?.name ?? "no prototype"})` : `a ${typeof key}`;
}
