/**
 * Schemas of libraries that fulfil Standard Schema, as descriptions of types. Only those can be used that also say
 * themselves as JSON Schema (Standard JSON Schema), as what a state holds has to be stored and compared.
 *
 * What JSON Schema says of a value and `types` cannot say is kept as text: it is equal or it is not.
 */

import { MillraceError } from "./errors.ts";
import type { FieldDescription, PlainJson, TypeDescription } from "./types.ts";

/** What is used of a schema that fulfils Standard Schema and Standard JSON Schema, both version 1. */
export interface StandardSchema<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
    readonly jsonSchema: { readonly output: (options: { readonly target: "draft-2020-12" }) => object };
  };
}

type JsonSchema = Readonly<Record<string, unknown>>;

export function isStandardSchema(value: unknown): value is StandardSchema<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as { readonly "~standard"?: unknown })["~standard"] === "object";
}

/** @throws BAD_OPTION when it does not describe itself. */
export function describeStandardSchema(schema: StandardSchema<unknown>): TypeDescription {
  const { vendor, jsonSchema } = schema["~standard"] as Partial<StandardSchema<unknown>["~standard"]>;
  if (typeof jsonSchema?.output !== "function") throw cannot(vendor, "it has no ~standard.jsonSchema", undefined);
  let found: object;
  try {
    found = jsonSchema.output({ target: "draft-2020-12" });
  } catch (cause) {
    throw cannot(vendor, cause instanceof Error ? cause.message : String(cause), cause);
  }
  return describe(found as JsonSchema);
}

function cannot(vendor: string | undefined, fault: string, cause: unknown): MillraceError {
  return new MillraceError(
    "BAD_OPTION",
    `the schema of a state, of ${vendor ?? "an unknown library"}, does not describe itself: ${fault}. Use a version of the library that fulfils Standard JSON Schema, or types of Millrace`,
    { cause },
  );
}

/** Says nothing of values, or nothing that changes what is stored. */
const remarks = new Set(["$schema", "$id", "title", "description", "examples", "deprecated", "default", "$comment"]);

function describe(schema: JsonSchema): TypeDescription {
  const said = Object.keys(schema).filter((name) => !remarks.has(name));
  return describeKnown(schema, said) ?? { kind: "json-schema", text: canonical(schema, remarks) };
}

function describeKnown(schema: JsonSchema, said: readonly string[]): TypeDescription | undefined {
  if (said.length === 0) return { kind: "any" };
  const only = (...names: readonly string[]) => said.every((name) => names.includes(name));
  if (schema["const"] !== undefined && only("const", "type")) return literal([schema["const"]]);
  if (Array.isArray(schema["enum"]) && only("enum", "type")) return literal(schema["enum"]);
  if (Array.isArray(schema["anyOf"]) && only("anyOf")) return union(schema["anyOf"] as readonly JsonSchema[]);
  if (Array.isArray(schema["type"]) && only("type")) return union(schema["type"].map((type: unknown) => ({ type })));
  switch (schema["type"]) {
    case "object":
      return describeObject(schema, only);
    case "array":
      return describeArray(schema, only);
    case "integer":
      return describeInteger(schema, only);
    // Bounds and patterns of scalars are promises on values, not on how they are stored.
    case "number":
      return { kind: "number" };
    case "string":
      return { kind: "string" };
    case "boolean":
      return { kind: "boolean" };
    case "null":
      return { kind: "null" };
    default:
      return undefined;
  }
}

type Only = (...names: readonly string[]) => boolean;

function describeInteger({ minimum, maximum }: JsonSchema, only: Only): TypeDescription {
  const small = Number(minimum) >= -(2 ** 31) && Number(maximum) < 2 ** 31;
  return { kind: small && only("type", "minimum", "maximum") ? "int32" : "integer" };
}

function describeArray(schema: JsonSchema, only: Only): TypeDescription | undefined {
  const { items, prefixItems } = schema;
  if (Array.isArray(prefixItems) && (items === false || items === undefined) && only("type", "prefixItems", "items"))
    return { kind: "tuple", parts: prefixItems.map(describe) };
  if (typeof items === "object" && items !== null && only("type", "items", "minItems", "maxItems"))
    return { kind: "list", of: describe(items as JsonSchema) };
  return undefined;
}

function describeObject(schema: JsonSchema, only: Only): TypeDescription | undefined {
  const { properties, required, additionalProperties } = schema;
  if (!only("type", "properties", "required", "additionalProperties", "propertyNames")) return undefined;
  if (typeof properties === "object" && properties !== null) {
    const needed = new Set(Array.isArray(required) ? required : []);
    const fields = Object.entries(properties as Readonly<Record<string, JsonSchema>>);
    return {
      kind: "object",
      fields: Object.fromEntries(fields.map(([name, each]) => [name, field(each, needed.has(name))])),
    };
  }
  if (typeof additionalProperties === "object" && additionalProperties !== null)
    return { kind: "record", of: describe(additionalProperties as JsonSchema) };
  return undefined;
}

function field(schema: JsonSchema, required: boolean): FieldDescription {
  const { default: value } = schema;
  return {
    type: describe(schema),
    ...(required ? {} : { optional: true as const }),
    ...(value === undefined ? {} : { default: value as PlainJson }),
  };
}

function union(parts: readonly JsonSchema[]): TypeDescription {
  const others = parts.filter(({ type }) => type !== "null");
  const of =
    others.length === 1 ? describe(others[0] as JsonSchema) : { kind: "union" as const, parts: others.map(describe) };
  return others.length === parts.length ? of : { kind: "nullable", of };
}

function literal(values: readonly unknown[]): TypeDescription {
  return { kind: "literal", values: values as readonly (string | number | boolean | null)[] }; // JSON Schema has no others
}

function canonical(value: unknown, left: ReadonlySet<string> = new Set()): string {
  if (Array.isArray(value)) return `[${value.map((part) => canonical(part)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).filter(([name]) => !left.has(name));
  return `{${parts
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, part]) => `${JSON.stringify(name)}:${canonical(part)}`)
    .join(",")}}`;
}
