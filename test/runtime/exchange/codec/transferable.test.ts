import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { assertTransferable } from "../../../../runtime/exchange/codec/index.ts";
import { decode, finish, newEncoder, values } from "./codec-harness.ts";

class Point {
  x = 1;
}
class Day extends Date {}
class Row extends Array<number> {}

const cyclic: Record<string, unknown> = { a: 1 };
cyclic["self"] = { cyclic };
let deep: unknown = 1;
for (let depth = 0; depth < 150; depth++) deep = [deep];
// biome-ignore lint/suspicious/noSparseArray: a hole is what is refused
const sparse = [1, , 3];

const refused: readonly (readonly [string, unknown, RegExp])[] = [
  ["a class instance", new Point(), /a Point; send a plain object/],
  ["a Map", new Map(), /a Map; send \[\.\.\.map\]/],
  ["a Set", new Set(), /a Set; send \[\.\.\.set\]/],
  ["a function", function named() {}, /the function named; send data/],
  ["a symbol", Symbol("s"), /the symbol Symbol\(s\)/],
  ["a symbol key", { [Symbol("k")]: 1 }, /the symbol key Symbol\(k\)/],
  ["a Float64Array", new Float64Array(1), /a Float64Array; send an array or a Uint8Array/],
  ["an ArrayBuffer", new ArrayBuffer(1), /a ArrayBuffer; send a Uint8Array/],
  ["a Promise", Promise.resolve(), /a Promise; await it first/],
  ["an Error", new Error("x"), /a Error; send its message/],
  ["a URL", new URL("http://x"), /a URL; send it as a string/],
  ["a subclass of Date", new Day(), /a Day;/],
  ["a subclass of Array", Row.of(1), /a Row;/],
  ["a boxed number", Object(1), /a Number;/],
  ["an object with a prototype of its own", Object.create({ a: 1 }), /an? object with a prototype of its own/],
  ["a hole in an array", sparse, /\[1\].*a hole in an array; fill it/],
  ["a cycle", cyclic, /\.self\.cyclic.*an object that contains itself/],
  ["a too deep nesting", deep, /nesting deeper than 100 levels; flatten it/],
];

describe("what cannot travel is refused by name", () => {
  test.each(refused)("%s", (_name, value, message) => {
    const error = thrownBy(() => assertTransferable({ user: { list: [0, value] } }, "record"));
    expect(error.code).toBe("BAD_RECORD");
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^record\.user\.list\[1\]/);
  });

  test.each(refused)("%s, by the encoder, which keeps its batch", (_name, value, message) => {
    const encoder = newEncoder();
    encoder.add({ v: 1, w: "x" }, 0);
    encoder.add({ v: [1, "a"], w: "x" }, 0);
    for (const record of [value, { v: value, w: "x" }, { v: 1, w: [value] }, { v: 1, w: { x: value } }]) {
      const error = thrownBy(() => encoder.add(record, 0));
      expect(error.code).toBe("BAD_RECORD");
      expect(error.operator).toBe("test");
      expect(error.message).toMatch(message);
      expect(error.message).toContain('emitted by "test"');
    }
    encoder.add({ v: 2, w: "y" }, 0);
    expect(values(decode(finish(encoder)))).toStrictEqual([
      { v: 1, w: "x" },
      { v: [1, "a"], w: "x" },
      { v: 2, w: "y" },
    ]);
  });

  test("a class instance with the fields of a learnt shape", () => {
    const encoder = newEncoder();
    encoder.add({ x: 1 }, 0);
    expect(thrownBy(() => encoder.add(new Point(), 0)).code).toBe("BAD_RECORD");
  });

  test("awkward keys are quoted in the path", () => {
    expect(thrownBy(() => assertTransferable({ "a b": new Map() }, "record")).message).toMatch(/^record\["a b"\]/);
  });

  test("plain data passes, the same object twice included", () => {
    const shared = { a: 1 };
    assertTransferable(
      [null, undefined, 1, 1n, "s", true, new Date(), Buffer.of(1), shared, shared, Object.create(null)],
      "x",
    );
  });
});

function thrownBy(action: () => void): MillraceError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    return error as MillraceError;
  }
  return expect.unreachable("nothing was thrown");
}
