/**
 * Checks requests against their schemas, by Ajv as Fastify brings it.
 *
 * Ajv and what it generates cost about 80 ms and 8 MB, which a coordinator should not spend before it is ready: it is
 * loaded with the first request that has something to check, or by `warmUp`. Answers are made from typed views, so they
 * are not checked again here; the tests hold them to their schemas.
 */

import { createRequire } from "node:module";
import type { FastifySchemaCompiler, FastifySchemaValidationError, FastifyServerOptions } from "fastify";

type Compile = FastifySchemaCompiler<unknown>;
type Validate = ReturnType<Compile>;
type SchemaController = NonNullable<FastifyServerOptions["schemaController"]>;
type ValidatorFactory = NonNullable<NonNullable<SchemaController["compilersFactory"]>["buildValidator"]>;

const common = { removeAdditional: false, allErrors: false, allowUnionTypes: true } as const;
/** Paths and queries are texts, so numbers are read from them, and what is absent gets its default. */
const texts = lazily(() => ajvCompiler({ ...common, coerceTypes: true, useDefaults: true }));
/** A body is taken as it came. */
const bodies = lazily(() => ajvCompiler({ ...common, coerceTypes: false, useDefaults: false }));

/** How much of a client's own words an answer repeats. */
const quotedMax = 200;

export const lazyValidation: SchemaController = {
  compilersFactory: {
    // Typed as Ajv's `compile`; Fastify calls it with a route, as its own documentation says.
    buildValidator: (() => compileLazily) as unknown as ValidatorFactory,
    buildSerializer: () => () => toJson,
  },
};

/** Loads what the first request would have to wait for. */
export function warmUp(): void {
  const schema = { type: "object", properties: {}, additionalProperties: false };
  void texts()({ schema, method: "GET", url: "/", httpPart: "params" })({});
  void bodies()({ schema, method: "POST", url: "/", httpPart: "body" })({});
}

function compileLazily(route: Parameters<Compile>[0]): Validate {
  if (takesNothing(route.schema)) return refuseAny;
  let validate: Validate | undefined;
  return (value: unknown) => {
    validate ??= (route.httpPart === "body" ? bodies : texts)()(route);
    if (validate(value) === true) return true;
    // Ajv leaves what is wrong at its own function, and Fastify would look for it at this one.
    return { error: refusal(route.httpPart, validate.errors?.[0]) };
  };
}

/** Most requests have no query, and need no Ajv to see that. */
function takesNothing(schema: unknown): boolean {
  const { type, properties, additionalProperties } = schema as Readonly<Record<string, unknown>>;
  return type === "object" && properties === undefined && additionalProperties === false;
}

function refuseAny(value: object): true | { readonly error: Error } {
  const [additionalProperty] = Object.keys(value);
  if (additionalProperty === undefined) return true;
  const message = "must NOT have additional properties";
  return {
    error: refusal("querystring", {
      keyword: "",
      instancePath: "",
      schemaPath: "",
      message,
      params: { additionalProperty },
    }),
  };
}

function lazily<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

type AjvFactory = () => (schemas: object, options: { customOptions: object; plugins: readonly never[] }) => Compile;

/** Fastify's own copy, found from where Fastify lies: it is part of that package, not a choice of ours. */
function ajvCompiler(customOptions: object): Compile {
  const ofFastify = createRequire(import.meta.resolve("fastify"));
  const factory = ofFastify("@fastify/ajv-compiler") as AjvFactory;
  return factory()({}, { customOptions, plugins: [] });
}

/** "params/jid must match pattern …", with the name of a field that should not be there. */
function refusal(part = "request", error: FastifySchemaValidationError | undefined): Error {
  const { instancePath = "", message = "is not valid", params = {} } = error ?? {};
  const unknownField = params["additionalProperty"];
  const detail = typeof unknownField === "string" ? `: "${unknownField.slice(0, quotedMax)}"` : "";
  return Object.assign(new Error(`${part}${instancePath} ${message}${detail}`), { statusCode: 400 });
}

/** Views are plain, but rows and metrics of jobs may hold bigints. */
function toJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner)) ?? "null"
  );
}
