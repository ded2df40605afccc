// biome-ignore-all lint/style/noNonNullAssertion: indexes stay within bounds that this file keeps

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeKey, encodeKey, hashKey, type Key } from "../../core/key.ts";

const scalars = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }), // lone surrogates too
  fc.bigInt(),
  fc.boolean(),
  fc.date({ noInvalidDate: true }),
);
const keys: fc.Arbitrary<Key> = fc.oneof(scalars, fc.array(scalars, { minLength: 1, maxLength: 4 }));

/** What makes two keys the same key, told independently of the encoding. */
function sameKey(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((part, i) => sameKey(part, b[i]));
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return a === b;
}

describe("the canonical encoding", () => {
  test("decodes to the same key", () => {
    fc.assert(fc.property(keys, (key) => void expect(sameKey(decodeKey(encodeKey(key, "op")), key)).toBe(true)));
  });

  test("is equal exactly for equal keys", () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => void expect(encodeKey(a, "op") === encodeKey(b, "op")).toBe(sameKey(a, b))),
      { numRuns: 1000 },
    );
  });

  test.each<[string, Key]>([
    ["s1", "1"],
    ["n1", 1],
    ["i1", 1n],
    ["n0", -0],
    ["bt", true],
    ["bf", false],
    ["d1000", new Date(1000)],
    ["n1e+300", 1e300],
    ["n-Infinity", Number.NEGATIVE_INFINITY],
    ["t2:n12:s1", [1, "1"]],
  ])("is %j for %o, and stays so: it is persisted", (text, key) => {
    expect(encodeKey(key, "op")).toBe(text);
  });

  test("tuples with shifted borders differ", () => {
    expect(encodeKey(["a", "b1:"], "op")).not.toBe(encodeKey(["ab", "1:"], "op"));
    expect(encodeKey([1, 2], "op")).not.toBe(encodeKey([12], "op"));
  });
});

describe("the hash", () => {
  test.each<[Key, number]>([
    [0, 3935659133],
    [1, 1096108556],
    [-1.5, 519753478],
    ["1", 875522973],
    ["naïve", 2822551095],
    [1n, 4168731699],
    [true, 3622905033],
    [new Date(1000), 2670160915],
    [[1, "1"], 3937001377],
  ])("of %o is %i, and stays so: it places persisted state", (key, hash) => {
    expect(hashKey(key, "op")).toBe(hash);
  });

  test("is equal for equal keys", () => {
    fc.assert(
      fc.property(keys, (key) => void expect(hashKey(decodeKey(encodeKey(key, "op")), "op")).toBe(hashKey(key, "op"))),
    );
  });

  test('tells 1, "1", 1n, true and the date 1 apart', () => {
    const hashes = [1, "1", 1n, true, new Date(1), [1]].map((key) => hashKey(key, "op"));
    expect(new Set(hashes).size).toBe(6);
  });

  test("of -0 is that of 0", () => {
    expect(hashKey(-0, "op")).toBe(hashKey(0, "op"));
  });

  test("spreads sequential numbers evenly over 128 key groups", () => {
    const counts = new Array<number>(128).fill(0);
    for (let key = 0; key < 128_000; key++) counts[hashKey(key, "op") % 128]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});

describe("what cannot be a key is refused by name", () => {
  test.each<[string, unknown]>([
    ["NaN", Number.NaN],
    ["null", null],
    ["undefined", undefined],
    ["an object", { id: 1 }],
    ["a function", () => 1],
    ["a symbol", Symbol("key")],
    ["an invalid Date", new Date(Number.NaN)],
    ["an empty array", []],
    ["a nested array", [1, [2]]],
    ["a tuple with NaN", [1, Number.NaN]],
    // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested
    ["a sparse tuple", [1, , 2]],
  ])("%s", (_, key) => {
    expect(() => hashKey(key, "op")).toThrow(expect.objectContaining({ code: "BAD_KEY", operator: "op" }));
    expect(() => encodeKey(key, "op")).toThrow(expect.objectContaining({ code: "BAD_KEY", operator: "op" }));
  });

  test("an invalid Date is not reported as a number", () => {
    expect(() => hashKey(new Date(Number.NaN), "op")).toThrow(/an invalid Date/);
  });
});
