import fc from "fast-check";
import { expect, test } from "vitest";
import { pickFields } from "../../core/pick-fields.ts";

test("it copies the named fields in their order, and those that are not there as undefined", () => {
  const picked = pickFields(["b", "a", "missing"])({ a: 1, b: "two", c: 3 });
  expect(Object.entries(picked as object)).toEqual([
    ["b", "two"],
    ["a", 1],
    ["missing", undefined],
  ]);
});

test("whatever fields are called, they are copied as fields of its own", () => {
  const names = fc.uniqueArray(
    fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", '"]; throw 1; [("', "\\")),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(names, (fields) => {
      const record = Object.fromEntries(fields.map((field, i) => [field, i]));
      const picked = pickFields(fields)(record) as object;
      expect(Object.getPrototypeOf(picked)).toBe(Object.prototype);
      expect(fields.map((field) => Object.getOwnPropertyDescriptor(picked, field)?.value)).toEqual(
        fields.map((_, i) => i),
      );
    }),
  );
});
