/**
 * Checks requests against their schemas, by Ajv as Fastify brings it.
 *
 * Ajv and what it generates cost about 100 ms and 8 MB, which a coordinator should not spend before it is ready: it is
 * loaded with the first request that has something to check, or by `warmUp`. Answers are made from typed views, so they
 * are not checked again here; the tests hold them to their schemas.
 */

import { createRequire } from "node:module";
import type { FastifySchemaCompiler, FastifySchemaValidationError, FastifyServerOptions } from "fastify";
import type { Schema } from "./schema.ts";

type Compile = FastifySchemaCompiler<unknown>;
type Validate = ReturnType<Compile>;
type SchemaController = NonNullable<FastifyServerOptions["schemaController"]>;
type ValidatorFactory = NonNullable<NonNullable<SchemaController["compilersFactory"]>["buildValidator"]>;

const common = {
  // Of defaults, unknown fields and numbers in texts, a body gets none: what came is what was meant.
  removeAdditional: false,
  allErrors: false,
  allowUnionTypes: true,
} as const;
const texts = { ...common, coerceTypes: true, useDefaults: true } as const;
/** How much of a client's own words an answer repeats. */
const quotedMax = 200;

const bodies = { ...common, coerceTypes: false, useDefaults: false } as const;

export interface Validation {
  readonly compilers: SchemaController;
  /** Loads what the first request would have to wait for. */
  warmUp(): void;
}

export function createValidation(): Validation {
  const compileLazily: Compile = (route) => {
    let validate: Validate | undefined;
    const compile = route.httpPart === "body" ? compilers.bodies : compilers.texts;
    return (value: unknown) => {
      validate ??= compile(route);
      if (validate(value) === true) return true;
      // Ajv leaves what is wrong at its own function, and Fastify would look for it at this one.
      return { error: refusal(route.httpPart, validate.errors?.[0]) };
    };
  };
  return {
    compilers: {
      compilersFactory: {
        // Typed as Ajv's `compile`; Fastify calls it with a route, as its own documentation says.
        buildValidator: (() => compileLazily) as unknown as ValidatorFactory,
        buildSerializer: () => () => toJson,
      },
    },
    warmUp: () => {
      const schema: Schema = { type: "object", properties: {}, additionalProperties: false };
      for (const [httpPart, compile] of [
        ["params", compilers.texts],
        ["body", compilers.bodies],
      ] as const) {
        compile({ schema, method: "GET", url: "/", httpPart })({});
      }
    },
  };
}

/** Both kinds, for all servers of this process, from the first use on. */
const compilers = {
  get texts(): Compile {
    return replaceBy("texts", ajvCompiler(texts));
  },
  get bodies(): Compile {
    return replaceBy("bodies", ajvCompiler(bodies));
  },
};

function replaceBy(name: keyof typeof compilers, compile: Compile): Compile {
  Object.defineProperty(compilers, name, { value: compile });
  return compile;
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
