/** Types of values as data, and what of them comes from schemas of other libraries. */

import { expect, test } from "vitest";
import type { StandardSchema } from "../../core/standard-schema.ts";
import { listState, mapState, reducingState, valueState } from "../../core/state.ts";
import { describeSchema, types } from "../../core/types.ts";

test("an object's type is its fields, with those that may be missing and those that have a default", () => {
  const user = types.object({
    name: types.string,
    visits: types.withDefault(types.int32, 0),
    email: types.optional(types.string),
    tags: types.set(types.nullable(types.string)),
  });
  expect(user.description).toEqual({
    kind: "object",
    fields: {
      name: { type: { kind: "string" } },
      visits: { type: { kind: "int32" }, default: 0 },
      email: { type: { kind: "string" }, optional: true },
      tags: { type: { kind: "set", of: { kind: "nullable", of: { kind: "string" } } } },
    },
  });
});

test("a description is JSON", () => {
  const all = types.object({
    a: types.union(types.literal("x", 1, null), types.date),
    b: types.map(types.string, types.tuple(types.bytes, types.bigint)),
    c: types.record(types.list(types.any)),
    d: types.withDefault(types.list(types.number), [1, 2]),
  });
  expect(JSON.parse(JSON.stringify(all.description))).toEqual(all.description);
});

const noJson: readonly unknown[] = [undefined, Number.NaN, 1n, new Date(0), new Map(), { a: undefined }, [1, () => 1]];

test.each(noJson.map((value) => [value]))("a default that is no JSON is refused: %o", (value) => {
  expect(() => types.withDefault(types.any, value)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});

test("a state's descriptor says what its values are, and a first value is told from a schema", () => {
  expect(valueState(types.int32)).toMatchObject({ type: { kind: "int32" }, hasInitial: false });
  expect(valueState(types.int32, 7)).toMatchObject({ type: { kind: "int32" }, hasInitial: true, initial: 7 });
  expect(valueState({ description: "no schema" })).toMatchObject({ hasInitial: true });
  expect(valueState({ description: "no schema" }).type).toBeUndefined();
  expect(listState(types.string)).toMatchObject({ type: { kind: "string" } });
  expect(mapState(types.string, types.date)).toMatchObject({ keyType: { kind: "string" }, type: { kind: "date" } });
  expect(reducingState((a: number, b: number) => a + b, types.number)).toMatchObject({ type: { kind: "number" } });
});

/** As zod, valibot and arktype make them. */
function standard<T>(json: object): StandardSchema<T> {
  return { "~standard": { version: 1, vendor: "a-library", jsonSchema: { output: () => json } } };
}

const described: readonly (readonly [what: string, json: object, type: unknown])[] = [
  ["anything", {}, { kind: "any" }],
  ["text with a pattern", { type: "string", pattern: "a+" }, { kind: "string" }],
  ["a whole number", { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 }, { kind: "integer" }],
  ["one of 32 bits", { type: "integer", minimum: -2147483648, maximum: 2147483647 }, { kind: "int32" }],
  ["an unbounded one", { type: "integer" }, { kind: "integer" }],
  ["null or a number", { anyOf: [{ type: "number" }, { type: "null" }] }, { kind: "nullable", of: { kind: "number" } }],
  ["null or a text, as a list of types", { type: ["string", "null"] }, { kind: "nullable", of: { kind: "string" } }],
  [
    "one of two",
    { anyOf: [{ type: "number" }, { type: "string" }] },
    { kind: "union", parts: [{ kind: "number" }, { kind: "string" }] },
  ],
  ["some texts", { type: "string", enum: ["a", "b"] }, { kind: "literal", values: ["a", "b"] }],
  ["one text", { type: "string", const: "a" }, { kind: "literal", values: ["a"] }],
  ["a list", { type: "array", items: { type: "boolean" } }, { kind: "list", of: { kind: "boolean" } }],
  [
    "a pair",
    { type: "array", prefixItems: [{ type: "null" }, {}], items: false },
    { kind: "tuple", parts: [{ kind: "null" }, { kind: "any" }] },
  ],
  [
    "a dictionary",
    { type: "object", propertyNames: { type: "string" }, additionalProperties: { type: "number" } },
    { kind: "record", of: { kind: "number" } },
  ],
  [
    "an object",
    {
      $schema: "s",
      type: "object",
      properties: { a: { type: "string" }, b: { type: "number", default: 3 }, c: {} },
      required: ["a", "b"],
      additionalProperties: false,
    },
    {
      kind: "object",
      fields: {
        a: { type: { kind: "string" } },
        b: { type: { kind: "number" }, default: 3 },
        c: { type: { kind: "any" }, optional: true },
      },
    },
  ],
  [
    "what types cannot say",
    { title: "t", not: { type: "string" } },
    { kind: "json-schema", text: '{"not":{"type":"string"}}' },
  ],
];

test.each(described)("a Standard Schema of %s", (_, json, type) => {
  expect(describeSchema(standard(json))).toEqual(type);
});

test("a Standard Schema that does not describe itself is refused", () => {
  const silent = { "~standard": { version: 1, vendor: "old", validate: () => ({ value: 1 }) } };
  expect(() => valueState(silent as unknown as StandardSchema<number>)).toThrow(/of old, does not describe itself/);
  const failing = standard<Date>({});
  const output = () => {
    throw new Error("dates cannot be said");
  };
  const broken = { "~standard": { ...failing["~standard"], jsonSchema: { output } } };
  expect(() => listState(broken)).toThrow(/dates cannot be said/);
});
