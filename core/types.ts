/**
 * Types of values as data: what a state holds, written beside its descriptor, stored with every checkpoint, and compared
 * when a job goes on from a savepoint with another program.
 *
 *   types.object({ name: types.string, visits: types.int32, email: types.optional(types.string) })
 *
 * The law: a description is plain JSON, equal for equal types. A type is what the program promises of its values; they are
 * held to it when they are converted, and each time when they are written only where tests freeze values.
 */

import { MillraceError } from "./errors.ts";
import { describeStandardSchema, isStandardSchema, type StandardSchema } from "./standard-schema.ts";

export type PlainJson =
  | string
  | number
  | boolean
  | null
  | readonly PlainJson[]
  | { readonly [name: string]: PlainJson };

export const scalarTypes = [
  "boolean",
  "int32",
  "integer",
  "number",
  "bigint",
  "string",
  "date",
  "bytes",
  "null",
  "any",
] as const;

export type TypeDescription =
  | { readonly kind: (typeof scalarTypes)[number] }
  | { readonly kind: "literal"; readonly values: readonly (string | number | boolean | null)[] }
  | { readonly kind: "list" | "set" | "record" | "nullable"; readonly of: TypeDescription }
  | { readonly kind: "map"; readonly key: TypeDescription; readonly of: TypeDescription }
  | { readonly kind: "tuple" | "union"; readonly parts: readonly TypeDescription[] }
  | { readonly kind: "object"; readonly fields: Readonly<Record<string, FieldDescription>> }
  /** What a Standard Schema says that nothing above can say, as the text of its JSON Schema. */
  | { readonly kind: "json-schema"; readonly text: string };

export interface FieldDescription {
  readonly type: TypeDescription;
  readonly optional?: true;
  /** What the field becomes in values that were saved before it was there. */
  readonly default?: PlainJson;
}

const mark = Symbol.for("millrace.type");

/** A type of values, with the same type for the compiler. */
export interface Type<T> {
  readonly [mark]: true;
  readonly description: TypeDescription;
  /** Carries T for inference; never set. */
  readonly of?: T;
}

/** A field of an object type that may be missing. */
export interface OptionalField<T> extends Type<T> {
  readonly optional: true;
}

/** The type of a state's values: one of `types`, or a schema of a library that fulfils Standard Schema and describes itself. */
export type ValueSchema<T> = Type<T> | StandardSchema<T>;

type Fields = Readonly<Record<string, Type<unknown>>>;
type TypeOf<F> = F extends Type<infer T> ? T : never;
type OptionalNames<F extends Fields> = {
  [name in keyof F]: F[name] extends OptionalField<unknown> ? name : never;
}[keyof F];
type Flat<T> = { [name in keyof T]: T[name] };
type ObjectOf<F extends Fields> = Flat<
  { readonly [name in Exclude<keyof F, OptionalNames<F>>]: TypeOf<F[name]> } & {
    readonly [name in OptionalNames<F>]?: TypeOf<F[name]>;
  }
>;

function typeOf<T>(description: TypeDescription): Type<T> {
  return Object.freeze({ [mark]: true as const, description: Object.freeze(description) });
}

interface FieldType<T> extends Type<T> {
  readonly optional?: true;
  readonly default?: PlainJson;
}

/** The types that values of state can have. Numbers widen from `int32` over `integer` to `number`, and whole ones to `bigint`. */
export const types = Object.freeze({
  boolean: typeOf<boolean>({ kind: "boolean" }),
  /** A whole number of 32 bits. */
  int32: typeOf<number>({ kind: "int32" }),
  /** A whole number that is exact: up to 2^53. */
  integer: typeOf<number>({ kind: "integer" }),
  number: typeOf<number>({ kind: "number" }),
  bigint: typeOf<bigint>({ kind: "bigint" }),
  string: typeOf<string>({ kind: "string" }),
  date: typeOf<Date>({ kind: "date" }),
  bytes: typeOf<Uint8Array>({ kind: "bytes" }),
  null: typeOf<null>({ kind: "null" }),
  /** Anything that state can hold; says nothing, so nothing is compared and nothing converted. */
  any: typeOf<unknown>({ kind: "any" }),
  /** One of these values. */
  literal: <const V extends readonly (string | number | boolean | null)[]>(...values: V): Type<V[number]> =>
    typeOf({ kind: "literal", values: Object.freeze([...values]) }),
  list: <T>(of: Type<T>): Type<readonly T[]> => typeOf({ kind: "list", of: of.description }),
  set: <T>(of: Type<T>): Type<ReadonlySet<T>> => typeOf({ kind: "set", of: of.description }),
  map: <K, V>(key: Type<K>, of: Type<V>): Type<ReadonlyMap<K, V>> =>
    typeOf({ kind: "map", key: key.description, of: of.description }),
  /** An object with any names for its fields, and the same type for all. */
  record: <T>(of: Type<T>): Type<Readonly<Record<string, T>>> => typeOf({ kind: "record", of: of.description }),
  tuple: <const P extends readonly Type<unknown>[]>(...parts: P): Type<{ readonly [at in keyof P]: TypeOf<P[at]> }> =>
    typeOf({ kind: "tuple", parts: parts.map(({ description }) => description) }),
  union: <const P extends readonly Type<unknown>[]>(...parts: P): Type<TypeOf<P[number]>> =>
    typeOf({ kind: "union", parts: parts.map(({ description }) => description) }),
  nullable: <T>(of: Type<T>): Type<T | null> => typeOf({ kind: "nullable", of: of.description }),
  object: <const F extends Fields>(fields: F): Type<ObjectOf<F>> =>
    typeOf({
      kind: "object",
      fields: Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, fieldOf(type)])),
    }),
  /** A field that may be missing. For fields of `object`. */
  optional: <T>(of: Type<T>): OptionalField<T> => Object.freeze({ ...of, optional: true as const }),
  /**
   * A field that values have which were saved before it was there. For fields of `object`.
   * @throws BAD_OPTION for a default that is no JSON.
   */
  withDefault: <T>(of: Type<T>, value: T): Type<T> => {
    const field: FieldType<T> = { ...of, default: checkedDefault(value) };
    return Object.freeze(field);
  },
});

function fieldOf({ description, optional, default: value }: FieldType<unknown>): FieldDescription {
  return {
    type: description,
    ...(optional === undefined ? {} : { optional }),
    ...(value === undefined ? {} : { default: value }),
  };
}

function checkedDefault(value: unknown): PlainJson {
  if (isJson(value)) return value;
  throw new MillraceError(
    "BAD_OPTION",
    "types.withDefault expects a default that is JSON, as it is stored with the job: strings, finite numbers, booleans, null, lists and plain objects of these. Make the field optional instead",
  );
}

function isJson(value: unknown): value is PlainJson {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value !== "object") return typeof value === "number" && Number.isFinite(value);
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return plain && Object.values(value).every(isJson);
}

export function isValueSchema(value: unknown): value is ValueSchema<unknown> {
  return isType(value) || isStandardSchema(value);
}

function isType(value: unknown): value is Type<unknown> {
  return typeof value === "object" && value !== null && (value as { readonly [mark]?: unknown })[mark] === true;
}

/** @throws BAD_OPTION for a Standard Schema that does not describe itself. */
export function describeSchema(schema: ValueSchema<unknown>): TypeDescription {
  return isType(schema) ? schema.description : describeStandardSchema(schema);
}
