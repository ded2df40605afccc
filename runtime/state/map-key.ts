/**
 * Keys of a map state as keys of a JavaScript Map, so that Map's equality is the equality of keys: numbers, bigints,
 * booleans and strings as they are (Map takes -0 for 0), dates and tuples as text, a NUL and then `encodeKey`. Strings
 * that start with a NUL themselves are encoded too, so nothing collides. Persisted with map states.
 */

import { decodeKey, encodeKey, type Key } from "../../core/key.ts";
import { flatten } from "./flatten.ts";

const NUL = "\0";

export type MapKey = string | number | bigint | boolean;

/** @throws MillraceError BAD_KEY */
export function mapKeyOf(key: Key, operator: string): MapKey {
  if (typeof key === "string") return key.startsWith(NUL) ? NUL + encodeKey(key, operator) : key;
  if (typeof key === "number" && key === key) return key;
  if (typeof key === "bigint" || typeof key === "boolean") return key;
  return NUL + encodeKey(key, operator);
}

/** The same map key, fit to be kept. */
export function keptMapKey(key: MapKey): MapKey {
  return typeof key === "string" ? flatten(key) : key;
}

export function keyOfMapKey(key: MapKey): Key {
  return typeof key === "string" && key.startsWith(NUL) ? decodeKey(key.slice(1)) : key;
}
