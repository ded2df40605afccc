import fc from "fast-check";
import { expect, test } from "vitest";
import { flatten } from "../../../runtime/state/flatten.ts";

test("a flattened string is the same string, lone surrogates included", () => {
  const unit = fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0xffff })).map((code) => String.fromCharCode(code));
  fc.assert(fc.property(fc.string({ unit, maxLength: 40, size: "max" }), (text) => flatten(text) === text));
  for (const text of ["é".repeat(8192), "é".repeat(8193), "\ud800".repeat(9000)]) expect(flatten(text) === text).toBe(true);
});
