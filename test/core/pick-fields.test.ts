import fc from "fast-check";
import { expect, test } from "vitest";
import { pickFields, readField, readFields } from "../../core/pick-fields.ts";

test("it copies the named fields in their order, and those that are not there as undefined", () => {
  const picked = pickFields(["b", "a", "missing"])({ a: 1, b: "two", c: 3 });
  expect(Object.entries(picked as object)).toEqual([
    ["b", "two"],
    ["a", 1],
    ["missing", undefined],
  ]);
});

test("whatever fields are called, they are copied as fields of its own, and read", () => {
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
      const values = fields.map((_, i) => i);
      expect(fields.map((field) => Object.getOwnPropertyDescriptor(picked, field)?.value)).toEqual(values);
      expect(readFields(fields)(record)).toEqual(values);
      expect(fields.map((field) => readField(field)(record))).toEqual(values);
    }),
  );
});
