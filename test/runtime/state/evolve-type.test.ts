/** What becomes of values whose type has changed: a table of all cases, and properties over generated types. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Type, types } from "../../../core/types.ts";
import { evolve } from "../../../runtime/state/evolve-type.ts";

const { int32, integer, number, bigint, string, boolean, date, bytes } = types;

type Case = readonly [what: string, from: Type<unknown>, to: Type<unknown>];

const same: readonly Case[] = [
  ["a scalar", string, string],
  ["fields in another order", types.object({ a: string, b: int32 }), types.object({ b: int32, a: string })],
  [
    "another default",
    types.object({ a: types.withDefault(int32, 1) }),
    types.object({ a: types.withDefault(int32, 2) }),
  ],
  ["literals in another order", types.literal("a", "b"), types.literal("b", "a")],
  ["parts of a union in another order", types.union(string, int32), types.union(int32, string)],
  ["nothing was known", types.any, types.object({ a: string })],
  ["nothing is said", types.object({ a: string }), types.any],
];

test.each(same)("stays as it is: %s", (_, from, to) => {
  expect(evolve(from.description, to.description)).toEqual({ kind: "same" });
});

const converted: readonly (readonly [...Case, was: unknown, is: unknown])[] = [
  ["int32 to integer", int32, integer, 5, 5],
  ["int32 to number", int32, number, 5, 5],
  ["integer to number", integer, number, -5, -5],
  ["int32 to bigint", int32, bigint, 5, 5n],
  ["integer to bigint", integer, bigint, 2 ** 53 - 1, 9007199254740991n],
  [
    "an optional field",
    types.object({ a: string }),
    types.object({ a: string, b: types.optional(date) }),
    { a: "x" },
    { a: "x" },
  ],
  [
    "a field with a default",
    types.object({ a: string }),
    types.object({ a: string, b: types.withDefault(types.list(int32), [1]) }),
    { a: "x" },
    { a: "x", b: [1] },
  ],
  ["a removed field", types.object({ a: string, b: int32 }), types.object({ b: int32 }), { a: "x", b: 1 }, { b: 1 }],
  [
    "a removed optional field",
    types.object({ a: types.optional(string), b: int32 }),
    types.object({ b: int32 }),
    { b: 1 },
    { b: 1 },
  ],
  [
    "a field beside the type",
    types.object({ a: string }),
    types.object({ a: string, b: types.withDefault(int32, 1) }),
    { a: "x", c: 7 },
    { c: 7, a: "x", b: 1 },
  ],
  ["in a list", types.list(int32), types.list(bigint), [1, 2], [1n, 2n]],
  ["in a set", types.set(int32), types.set(bigint), new Set([1]), new Set([1n])],
  ["in a record", types.record(int32), types.record(bigint), { a: 1 }, { a: 1n }],
  ["in a map", types.map(string, int32), types.map(string, bigint), new Map([["a", 1]]), new Map([["a", 1n]])],
  ["in a tuple", types.tuple(string, int32), types.tuple(string, bigint), ["a", 1], ["a", 1n]],
  ["in what may be null", types.nullable(int32), types.nullable(bigint), null, null],
  ["in what is not null", types.nullable(int32), types.nullable(bigint), 1, 1n],
  [
    "deep within",
    types.object({ a: types.list(types.object({ b: int32 })) }),
    types.object({ a: types.list(types.object({ b: bigint, c: types.withDefault(string, "") })) }),
    { a: [{ b: 1 }] },
    { a: [{ b: 1n, c: "" }] },
  ],
];

test.each(converted)("is converted: %s", (_, from, to, was, is) => {
  const evolution = evolve(from.description, to.description);
  if (evolution.kind !== "converted") throw new Error(JSON.stringify(evolution));
  expect(evolution.convert(was)).toEqual(is);
  expect(evolution.changes.length).toBeGreaterThan(0);
});

const refused: readonly (readonly [...Case, change: string])[] = [
  ["text to a number", string, number, "its values: string became number"],
  ["narrowed", number, integer, "its values: number became integer"],
  ["a fraction to bigint", number, bigint, "its values: number became bigint"],
  ["bigint to number", bigint, number, "its values: bigint became number"],
  [
    "a required field",
    types.object({}),
    types.object({ a: string }),
    "its values.a is added as a required string without a default",
  ],
  [
    "optional becomes required",
    types.object({ a: types.optional(string) }),
    types.object({ a: string }),
    "its values.a was optional and is required",
  ],
  [
    "required becomes optional",
    types.object({ a: string }),
    types.object({ a: types.optional(string) }),
    "its values.a was required and is optional",
  ],
  ["another literal", types.literal("a"), types.literal("a", "b"), 'its values: "a" became "a"|"b"'],
  [
    "another union",
    types.union(string, int32),
    types.union(string, date),
    "its values: (int32|string) became (date|string)",
  ],
  ["may be null now", string, types.nullable(string), "its values: string became nullable<string>"],
  ["a list to a set", types.list(string), types.set(string), "its values: list<string> became set<string>"],
  [
    "keys of a map",
    types.map(int32, string),
    types.map(integer, string),
    "the keys of its values: int32 became integer",
  ],
  ["more parts of a tuple", types.tuple(string), types.tuple(string, string), "its values had 1 parts and has 2"],
  [
    "deep within",
    types.object({ a: types.list(bytes) }),
    types.object({ a: types.list(boolean) }),
    "its values.a[]: bytes became boolean",
  ],
];

test.each(refused)("is refused: %s", (_, from, to, change) => {
  expect(evolve(from.description, to.description)).toEqual({ kind: "refused", changes: [change] });
});

test("every fault is said, and a refused field is not hidden by converted ones", () => {
  const from = types.object({ a: string, b: int32, c: date });
  const to = types.object({ a: number, b: bigint, c: string });
  expect(evolve(from.description, to.description)).toEqual({
    kind: "refused",
    changes: ["its values.a: string became number", "its values.c: date became string"],
  });
});

const misfits: readonly (readonly [...Case, value: unknown])[] = [
  ["a fraction that was said to be whole", int32, bigint, 1.5],
  ["text that was said to be a number", int32, number, "1"],
  ["a list that was said to be an object", types.object({ a: string }), types.object({}), ["x"]],
  ["a missing field", types.object({ a: string, b: int32 }), types.object({ a: string }), { b: 1 }],
  ["null that was said to be a list", types.list(int32), types.list(bigint), null],
  ["an object that was said to be a map", types.map(string, int32), types.map(string, bigint), {}],
];

test.each(misfits)("a value is not of its own type: %s", (_, from, to, value) => {
  const evolution = evolve(from.description, to.description);
  if (evolution.kind !== "converted") throw new Error(JSON.stringify(evolution));
  expect(() => evolution.convert(value)).toThrow(TypeError);
});

test("a default is not shared between values", () => {
  const evolution = evolve(
    types.object({}).description,
    types.object({ a: types.withDefault(types.list(int32), []) }).description,
  );
  if (evolution.kind !== "converted") throw new Error(JSON.stringify(evolution));
  const [one, two] = [evolution.convert({}), evolution.convert({})] as { a: number[] }[];
  expect(one?.a).not.toBe(two?.a);
});

/** Generated: a type, and values of it. */
interface Sample {
  readonly type: Type<unknown>;
  readonly value: fc.Arbitrary<unknown>;
}

const scalar: fc.Arbitrary<Sample> = fc.constantFrom<Sample>(
  { type: int32, value: fc.integer() },
  { type: string, value: fc.string() },
  { type: boolean, value: fc.boolean() },
  { type: bigint, value: fc.bigInt() },
  { type: number, value: fc.double({ noNaN: true }) },
);

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    tie("sample").map(({ type, value }) => ({ type: types.list(type), value: fc.array(value, { maxLength: 4 }) })),
    tie("sample").map(({ type, value }) => ({ type: types.nullable(type), value: fc.option(value) })),
    fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), tie("sample"), { maxKeys: 3 }).map((fields) => ({
      type: types.object(Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, type]))),
      value: fc.record(Object.fromEntries(Object.entries(fields).map(([name, { value }]) => [name, value]))),
    })),
  ),
}));

test("a type evolves into itself, and only into itself, without a change", () => {
  fc.assert(
    fc.property(sample, sample, (one, other) => {
      expect(evolve(one.type.description, one.type.description).kind).toBe("same");
      const there = evolve(one.type.description, other.type.description).kind;
      const back = evolve(other.type.description, one.type.description).kind;
      expect(there === "same").toBe(back === "same");
    }),
  );
});

const wider: Readonly<Record<string, Type<unknown>>> = { int32: number, list: types.any };

/** The same with a field added to every object, and every int32 widened. */
function evolved(description: Type<unknown>["description"]): Type<unknown>["description"] {
  switch (description.kind) {
    case "int32":
      return (wider["int32"] as Type<unknown>).description;
    case "list":
    case "nullable":
      return { ...description, of: evolved(description.of) };
    case "object": {
      const fields = Object.entries(description.fields).map(([name, field]) => [
        name,
        { ...field, type: evolved(field.type) },
      ]);
      return {
        kind: "object",
        fields: { ...Object.fromEntries(fields), added: { type: { kind: "string" }, default: "new" } },
      };
    }
    default:
      return description;
  }
}

test("conversion keeps all that both types have, and adds the defaults, whatever the values", () => {
  const expected = (value: unknown, type: Type<unknown>["description"]): unknown => {
    if (value === null || typeof value !== "object") return value;
    if (type.kind === "nullable") return expected(value, type.of);
    if (Array.isArray(value)) return value.map((part) => expected(part, (type as { of: typeof type }).of));
    const fields = (type as Extract<typeof type, { kind: "object" }>).fields;
    const parts = Object.entries(value).map(([name, part]) => [
      name,
      expected(part, (fields[name] as { type: typeof type }).type),
    ]);
    return { ...Object.fromEntries(parts), added: "new" };
  };
  fc.assert(
    fc.property(
      sample.chain(({ type, value }) => fc.tuple(fc.constant(type), value)),
      ([type, value]) => {
        const evolution = evolve(type.description, evolved(type.description));
        const is = evolution.kind === "converted" ? evolution.convert(value) : value;
        expect(evolution.kind).not.toBe("refused");
        expect(is).toEqual(expected(value, type.description));
      },
    ),
  );
});
