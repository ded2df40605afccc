/**
 * Whether values are what the schema of their state says. Only tests ask: in the operator harness and wherever values are
 * frozen. A running job holds values to their schema when they are converted, as looking at every field of every value that
 * is written would cost more than writing it.
 */

import { MillraceError } from "../../core/errors.ts";
import type { FieldDescription, TypeDescription } from "../../core/types.ts";
import { typeText } from "./evolve-type.ts";

/** What is wrong with a value, beginning with where; undefined: nothing. Fields beside those of a type are nothing wrong. */
export function faultOf(type: TypeDescription, value: unknown, path: string): string | undefined {
  switch (type.kind) {
    case "any":
    case "json-schema": // what it says is known to its library alone
      return undefined;
    case "object":
      return isObject(value)
        ? firstFault(Object.entries(type.fields), ([name, field]) => faultOfField(name, field, value, path))
        : wrong();
    case "record":
      return isObject(value) ? partsFault(type.of, Object.entries(value), path) : wrong();
    case "list":
      return Array.isArray(value) ? partsFault(type.of, [...value.entries()], path) : wrong();
    case "set":
      return value instanceof Set
        ? partsFault(
            type.of,
            [...value].map((part, at) => [at, part]),
            path,
          )
        : wrong();
    case "map":
      if (!(value instanceof Map)) return wrong();
      return (
        partsFault(
          type.key,
          [...value.keys()].map((key) => ["key", key]),
          path,
        ) ?? partsFault(type.of, [...value], path)
      );
    case "tuple": {
      if (!Array.isArray(value) || value.length !== type.parts.length) return wrong();
      return firstFault([...type.parts.entries()], ([at, part]) => faultOf(part, value[at], `${path}[${at}]`));
    }
    case "nullable":
      return value === null ? undefined : faultOf(type.of, value, path);
    case "union":
      return type.parts.some((part) => faultOf(part, value, path) === undefined) ? undefined : wrong();
    case "literal":
      return type.values.some((each) => each === value) ? undefined : wrong();
    default:
      return isScalar[type.kind](value) ? undefined : wrong();
  }

  function wrong(): string {
    return `${path} should be ${typeText(type)}, but is ${kindOf(value)}`;
  }
}

type Scalar = Exclude<
  TypeDescription["kind"],
  "any" | "json-schema" | "object" | "record" | "list" | "set" | "map" | "tuple" | "nullable" | "union" | "literal"
>;

const isScalar: Readonly<Record<Scalar, (value: unknown) => boolean>> = {
  boolean: (value) => typeof value === "boolean",
  int32: (value) => typeof value === "number" && (value | 0) === value,
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === "number",
  bigint: (value) => typeof value === "bigint",
  string: (value) => typeof value === "string",
  date: (value) => value instanceof Date,
  bytes: (value) => value instanceof Uint8Array,
  null: (value) => value === null,
};

/** @throws STATE_MISFIT for a value that is none of the type. */
export function checkerOf(type: TypeDescription, state: string, operator: string): (value: unknown) => void {
  return (value) => {
    const fault = faultOf(type, value, "the value");
    if (fault === undefined) return;
    throw new MillraceError(
      "STATE_MISFIT",
      `the state "${state}" of "${operator}" was given a value that is not of its schema: ${fault}. Correct the value, or the schema`,
      { operator },
    );
  };
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function faultOfField(
  name: string,
  { type, optional }: FieldDescription,
  value: Fields,
  path: string,
): string | undefined {
  const part = Object.hasOwn(value, name) ? value[name] : undefined;
  if (part === undefined && optional === true) return undefined;
  return faultOf(type, part, `${path}.${name}`);
}

function partsFault(
  type: TypeDescription,
  parts: Iterable<readonly [unknown, unknown]>,
  path: string,
): string | undefined {
  return firstFault(parts, ([name, part]) => faultOf(type, part, `${path}[${String(name)}]`));
}

function firstFault<T>(parts: Iterable<T>, fault: (part: T) => string | undefined): string | undefined {
  for (const part of parts) {
    const found = fault(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "number" ? `the number ${value}` : `a ${typeof value}`;
}
