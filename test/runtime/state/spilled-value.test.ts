import { isDeepStrictEqual } from "node:util";
import { deserialize, serialize } from "node:v8";
import fc from "fast-check";
import { expect, test } from "vitest";
import { spilledBytes, spilledValue } from "../../../runtime/state/spilled-value.ts";

/** Whatever V8's own format keeps, in every shape. */
const simple = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("a", "é", "\ud800", "😀", "\0") }),
  fc.constantFrom(true, false, null, undefined, -0, Number.NaN, "", "x".repeat(5000)),
);
const value = fc.oneof(
  simple,
  fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "a", "b", "1", "constructor")), simple),
  fc.record({ id: fc.integer(), name: fc.string(), on: fc.boolean() }),
  fc.record({ id: fc.integer(), inner: fc.record({ x: fc.double() }) }),
  fc.array(simple),
  fc.constantFrom(new Date(5), new Map([[1, "a"]]), 5n, Uint8Array.of(1, 2), new Float64Array([1.5])),
);

test("a value comes back as V8's own format would give it back, in the same order of fields", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20 }), (all) => {
      // What is written is of use until the next is written: a log copies it.
      const written = all.map((each) => Uint8Array.from(spilledBytes(each)));
      const back = written.map(spilledValue);
      const expected = all.map((each) => deserialize(serialize(each)));
      // Which tells -0 from 0, and sees prototypes and fields that are undefined.
      expect(isDeepStrictEqual(back, expected)).toBe(true);
      const names = (each: unknown) => (typeof each === "object" && each !== null ? Object.keys(each) : []);
      expect(back.map(names)).toEqual(expected.map(names));
    }),
    { numRuns: 300 },
  );
});

test("what comes back shares no memory with the bytes", () => {
  for (const each of [{ name: "abc", id: 7 }, { bytes: Uint8Array.of(1, 2, 3) }]) {
    const bytes = Uint8Array.from(spilledBytes(each));
    const back = spilledValue(bytes);
    bytes.fill(255);
    expect(back).toEqual(each);
  }
});

test("what cannot be saved is refused, also in a field", () => {
  expect(() => spilledBytes(() => {})).toThrow(/could not be cloned/);
  expect(() => spilledBytes({ id: 1, run: () => {} })).toThrow(/could not be cloned/);
});
