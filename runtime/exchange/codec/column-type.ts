/**
 * The type of a record, as columns: what inference finds, what two records have in common.
 *
 * The law: a value fits a column of type `typeOf(value)` exactly, and `join(a, b)` takes every value that `a` or `b`
 * takes. Every column takes null and undefined besides. Inference expects a value that passed `assertTransferable`.
 * Called by the encoder when it learns a shape, never for each record.
 */

import { columnsMax, nameLengthMax, structDepthMax } from "./limits.ts";

/** A column's kind; the index is its code on the wire, so the order never changes. */
export const columnKinds = [
  "null",
  "bool",
  "float64",
  "int64",
  "timestamp",
  "utf8",
  "binary",
  "float64List",
  "utf8List",
  "struct",
  "any",
  "emptyList",
] as const;

export type ColumnKind = (typeof columnKinds)[number];

export interface ColumnType {
  readonly kind: ColumnKind;
  /** In key order; of a struct only. */
  readonly fields: readonly Field[];
}

export interface Field {
  readonly name: string;
  /** Some records lack the key. */
  readonly optional: boolean;
  readonly type: ColumnType;
}

const leaf = (kind: ColumnKind): ColumnType => ({ kind, fields: [] });

export const anyType = leaf("any");

export function typeOf(value: unknown, depth = 0): ColumnType {
  switch (typeof value) {
    case "number":
      return leaf("float64");
    case "string":
      return leaf("utf8");
    case "boolean":
      return leaf("bool");
    case "bigint":
      return fitsInt64(value) ? leaf("int64") : anyType;
    case "undefined":
      return leaf("null");
    default:
      return value === null ? leaf("null") : typeOfObject(value as object, depth);
  }
}

function typeOfObject(value: object, depth: number): ColumnType {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? anyType : leaf("timestamp");
  if (value instanceof Uint8Array) return leaf("binary");
  if (Array.isArray(value)) {
    if (value.length === 0) return leaf("emptyList");
    if (value.every((element) => typeof element === "number")) return leaf("float64List");
    return value.every((element) => typeof element === "string") ? leaf("utf8List") : anyType;
  }
  if (depth > structDepthMax) return anyType;
  const names = Object.keys(value);
  if (names.length > columnsMax || names.some((name) => name.length > nameLengthMax)) return anyType;
  const fields = Object.entries(value).map(([name, field]) => ({
    name,
    optional: false,
    type: typeOf(field, depth + 1),
  }));
  return bounded({ kind: "struct", fields });
}

export function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** The narrowest type that takes what either takes. */
export function join(left: ColumnType, right: ColumnType): ColumnType {
  if (left.kind === "null") return right;
  if (right.kind === "null") return left;
  if (left.kind === "emptyList" && isList(right)) return right;
  if (right.kind === "emptyList" && isList(left)) return left;
  if (left.kind !== right.kind) return anyType;
  return left.kind === "struct" ? joinStructs(left.fields, right.fields) : left;
}

function isList(type: ColumnType): boolean {
  return type.kind === "float64List" || type.kind === "utf8List" || type.kind === "emptyList";
}

/**
 * Merges two key orders into one of which both are subsequences, with the keys that one lacks as optional; two orders
 * that contradict each other have none and become a fallback value.
 */
function joinStructs(left: readonly Field[], right: readonly Field[]): ColumnType {
  const fields: Field[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const ours = left[l];
    const theirs = right[r];
    if (ours !== undefined && theirs !== undefined && ours.name === theirs.name) {
      const optional = ours.optional || theirs.optional;
      fields.push({ name: ours.name, optional, type: join(ours.type, theirs.type) });
      l++;
      r++;
    } else if (ours !== undefined && !holds(right, r, ours.name)) {
      fields.push({ ...ours, optional: true });
      l++;
    } else if (theirs !== undefined && !holds(left, l, theirs.name)) {
      fields.push({ ...theirs, optional: true });
      r++;
    } else {
      return anyType;
    }
  }
  // A missing key of this kind reads as what Object.prototype holds, so its absence cannot be seen cheaply.
  if (fields.some((field) => field.optional && field.name in Object.prototype)) return anyType;
  return bounded({ kind: "struct", fields });
}

function holds(fields: readonly Field[], from: number, name: string): boolean {
  return fields.findIndex((field) => field.name === name) >= from;
}

function bounded(type: ColumnType): ColumnType {
  return countColumns(type) > columnsMax ? anyType : type;
}

function countColumns(type: ColumnType): number {
  return type.fields.reduce((count, field) => count + countColumns(field.type), 1);
}

/** How many keys two structs share, for choosing with which shape a new one is joined. */
export function sharedNames(left: ColumnType, right: ColumnType): number {
  const names = new Set(left.fields.map((field) => field.name));
  return right.fields.filter((field) => names.has(field.name)).length;
}

export function haveSameKeys(left: ColumnType, right: ColumnType): boolean {
  return (
    left.kind === right.kind &&
    left.fields.length === right.fields.length &&
    left.fields.every((field, index) => field.name === right.fields[index]?.name)
  );
}

/** Equal for equal types: the key of compiled code. */
export function signature(type: ColumnType): string {
  if (type.kind !== "struct") return type.kind;
  const fields = type.fields.map(
    (field) => `${JSON.stringify(field.name)}${field.optional ? "?" : ""}:${signature(field.type)}`,
  );
  return `{${fields.join(",")}}`;
}

/** Whether every record of `narrow` also fits `wide`. */
export function takes(wide: ColumnType, narrow: ColumnType): boolean {
  return signature(join(wide, narrow)) === signature(wide);
}
