/**
 * From the type that values were saved with to the type that a program declares now.
 *
 *   the same                                   the values stay as they are
 *   a field added, optional or with a default  it is left out, or set to the default
 *   a field removed                            it is left out
 *   a number widened                           int32 → integer → number, and int32 or integer → bigint
 *   anything else                              refused
 *
 * The same holds inside of lists, sets, maps, records, tuples, nullables and fields. What is converted is held to the type
 * that it was saved with: a value that is not of it is refused, never guessed at.
 */

import type { FieldDescription, TypeDescription } from "../../core/types.ts";

export type Convert = (value: unknown) => unknown;

export type Evolution =
  | { readonly kind: "same" }
  | { readonly kind: "converted"; readonly changes: readonly string[]; readonly convert: Convert }
  | { readonly kind: "refused"; readonly changes: readonly string[] };

const SAME: Evolution = { kind: "same" };

const widened: Readonly<Record<string, readonly string[]>> = {
  int32: ["integer", "number", "bigint"],
  integer: ["number", "bigint"],
};

/** @param path names the value in what is said of changes. */
export function evolve(from: TypeDescription, to: TypeDescription, path = "its values"): Evolution {
  if (from.kind === "any" || to.kind === "any") return SAME;
  if (from.kind !== to.kind) return evolveScalar(from, to, path);
  switch (from.kind) {
    case "object":
      return evolveObject(from.fields, fieldsOf(to), path);
    case "list":
      return within(evolve(from.of, partOf(to), `${path}[]`), (convert) => (value) => listOf(value, path).map(convert));
    case "set":
      return within(
        evolve(from.of, partOf(to), `${path}[]`),
        (convert) => (value) => new Set([...instance(value, Set, path)].map(convert)),
      );
    case "record":
      return within(evolve(from.of, partOf(to), `${path}.*`), (convert) => (value) => {
        return Object.fromEntries(Object.entries(objectOf(value, path)).map(([name, part]) => [name, convert(part)]));
      });
    case "nullable":
      return within(
        evolve(from.of, partOf(to), path),
        (convert) => (value) => (value === null ? null : convert(value)),
      );
    case "map":
      return evolveMap(from, to as typeof from, path);
    case "tuple":
      return evolveTuple(from.parts, (to as typeof from).parts, path);
    default:
      return canonical(from) === canonical(to) ? SAME : refused(from, to, path);
  }
}

function evolveScalar(from: TypeDescription, to: TypeDescription, path: string): Evolution {
  if (widened[from.kind]?.includes(to.kind) !== true) return refused(from, to, path);
  const convert: Convert = (value) => {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw misfit(path, typeText(from), value);
    return to.kind === "bigint" ? BigInt(value) : value;
  };
  return { kind: "converted", changes: [`${path}: ${typeText(from)} is widened to ${typeText(to)}`], convert };
}

type Fields = Readonly<Record<string, FieldDescription>>;

/** A field may be called like something that every object inherits. */
function own(fields: Fields, name: string): FieldDescription | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function evolveObject(from: Fields, to: Fields, path: string): Evolution {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  const fields = names.map((name) => [name, evolveField(own(from, name), own(to, name), `${path}.${name}`)] as const);
  const said = fields.map(([, evolution]) => evolution);
  const faults = said.flatMap((each) => (each.kind === "refused" ? each.changes : []));
  if (faults.length > 0) return { kind: "refused", changes: faults };
  const changes = said.flatMap((each) => (each.kind === "converted" ? each.changes : []));
  if (changes.length === 0) return SAME;
  return { kind: "converted", changes, convert: objectConversion(from, to, fields, path) };
}

function evolveField(from: FieldDescription | undefined, to: FieldDescription | undefined, path: string): Evolution {
  if (to === undefined) return { kind: "converted", changes: [`${path} is removed`], convert: () => undefined };
  if (from === undefined) return added(to, path);
  if (from.optional === to.optional) return evolve(from.type, to.type, path);
  const [was, is] = from.optional ? ["optional", "required"] : ["required", "optional"];
  return { kind: "refused", changes: [`${path} was ${was} and is ${is}`] };
}

function added({ type, optional, default: value }: FieldDescription, path: string): Evolution {
  if (value !== undefined) {
    const changes = [`${path} is added with the default ${JSON.stringify(value)}`];
    return { kind: "converted", changes, convert: () => structuredClone(value) };
  }
  if (optional) return { kind: "converted", changes: [`${path} is added, optional`], convert: () => undefined };
  return { kind: "refused", changes: [`${path} is added as a required ${typeText(type)} without a default`] };
}

/** What values have beside the fields of their type stays. */
function objectConversion(
  from: Fields,
  to: Fields,
  evolutions: readonly (readonly [string, Evolution])[],
  path: string,
): Convert {
  const steps = evolutions
    .filter(([name]) => Object.hasOwn(to, name))
    .map(([name, evolution]) => {
      const convert = evolution.kind === "converted" ? evolution.convert : (value: unknown) => value;
      return { name, convert, isNew: !Object.hasOwn(from, name), default: own(to, name)?.default };
    });
  return (value) => {
    const was = objectOf(value, path);
    const is: Record<string, unknown> = {};
    for (const [name, part] of Object.entries(was))
      if (!Object.hasOwn(from, name) && !Object.hasOwn(to, name)) set(is, name, part);
    for (const { name, convert, isNew, default: fallback } of steps) {
      if (isNew) {
        if (fallback !== undefined) set(is, name, convert(undefined));
      } else if (Object.hasOwn(was, name) && was[name] !== undefined) set(is, name, convert(was[name]));
      else if (own(from, name)?.optional !== true) throw misfit(`${path}.${name}`, "there", undefined);
    }
    return is;
  };
}

/** As JSON.parse does: a field may have any name. */
function set(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

type MapType = Extract<TypeDescription, { readonly kind: "map" }>;

function evolveMap(from: MapType, to: MapType, path: string): Evolution {
  if (canonical(from.key) !== canonical(to.key)) return refused(from.key, to.key, `the keys of ${path}`);
  return within(evolve(from.of, to.of, `${path}[]`), (convert) => (value) => {
    return new Map([...instance(value, Map, path)].map(([key, part]) => [key, convert(part)]));
  });
}

function evolveTuple(from: readonly TypeDescription[], to: readonly TypeDescription[], path: string): Evolution {
  if (from.length !== to.length)
    return { kind: "refused", changes: [`${path} had ${from.length} parts and has ${to.length}`] };
  const parts = from.map((part, at) => evolve(part, to[at] as TypeDescription, `${path}[${at}]`));
  const faults = parts.flatMap((each) => (each.kind === "refused" ? each.changes : []));
  if (faults.length > 0) return { kind: "refused", changes: faults };
  const changes = parts.flatMap((each) => (each.kind === "converted" ? each.changes : []));
  if (changes.length === 0) return SAME;
  const convert: Convert = (value) =>
    listOf(value, path).map((part, at) => {
      const evolution = parts[at];
      return evolution?.kind === "converted" ? evolution.convert(part) : part;
    });
  return { kind: "converted", changes, convert };
}

function within(inner: Evolution, outer: (convert: Convert) => Convert): Evolution {
  return inner.kind === "converted" ? { ...inner, convert: outer((value) => inner.convert(value)) } : inner;
}

function refused(from: TypeDescription, to: TypeDescription, path: string): Evolution {
  return { kind: "refused", changes: [`${path}: ${typeText(from)} became ${typeText(to)}`] };
}

function partOf(type: TypeDescription): TypeDescription {
  return (type as Extract<TypeDescription, { readonly of: TypeDescription }>).of; // of the kind that `evolve` has found
}

function fieldsOf(type: TypeDescription): Fields {
  return (type as Extract<TypeDescription, { readonly kind: "object" }>).fields; // of the kind that `evolve` has found
}

function objectOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw misfit(path, "an object", value);
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw misfit(path, "a list", value);
}

function instance<T>(value: unknown, Constructor: new () => T, path: string): T {
  if (value instanceof Constructor) return value;
  throw misfit(path, `a ${Constructor.name}`, value);
}

/** What a value is instead of what its schema says; whoever knows operator and state makes an error of it. */
function misfit(path: string, expected: string, came: unknown): TypeError {
  const kind =
    came === null ? "null" : Array.isArray(came) ? "a list" : came === undefined ? "missing" : `a ${typeof came}`;
  return new TypeError(`${path} should be ${expected}, but is ${kind}`);
}

/** Equal for equal types: fields, literals and parts of unions in one order, defaults left out as they are not saved. */
export function canonical(type: TypeDescription): string {
  switch (type.kind) {
    case "object": {
      const fields = Object.entries(type.fields).sort(([a], [b]) => (a < b ? -1 : 1));
      return `{${fields.map(([name, { type: of, optional }]) => `${JSON.stringify(name)}${optional ? "?" : ""}:${canonical(of)}`).join(",")}}`;
    }
    case "list":
    case "set":
    case "record":
    case "nullable":
      return `${type.kind}<${canonical(type.of)}>`;
    case "map":
      return `map<${canonical(type.key)},${canonical(type.of)}>`;
    case "tuple":
      return `[${type.parts.map(canonical).join(",")}]`;
    case "union":
      return `(${type.parts.map(canonical).sort().join("|")})`;
    case "literal":
      return type.values
        .map((value) => JSON.stringify(value))
        .sort()
        .join("|");
    case "json-schema":
      return type.text;
    default:
      return type.kind;
  }
}

const TEXT_MAX = 60;

/** A type as people read it; long ones are cut. */
export function typeText(type: TypeDescription): string {
  const text = canonical(type);
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 1)}…`;
}
