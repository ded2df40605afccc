/** What captures pick of keys goes into a block as `encodeKey` has it, whatever their parts are and in whatever order they are gathered. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeKey, encodeKey, type Key } from "../../../core/key.ts";
import { ByteSink, ByteSource } from "../../../runtime/state/byte-sink.ts";
import { OwnColumn, readColumn, writeColumn } from "../../../runtime/state/column-codec.ts";
import { EncodedTuples } from "../../../runtime/state/encoded-tuples.ts";
import { PickedKeys } from "../../../runtime/state/picked-keys.ts";

const integers = fc.oneof(fc.integer(), fc.constantFrom(0, -0, 9, 10, -1, 99, 100, 2 ** 31 - 1, -(2 ** 31)));
const numbers = fc.oneof(integers, fc.double({ noNaN: true }), fc.constantFrom(2 ** 31, 2 ** 53, -1e300, 0.5));
/** Short ones of latin1, of which only characters are kept, long ones, and ones that need more than a byte each. */
const texts = fc.oneof(
  { weight: 30, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 5, arbitrary: fc.constantFrom("", "café", "n1", "x".repeat(64)) },
  { weight: 1, arbitrary: fc.string({ minLength: 60, maxLength: 70 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 9 }) },
);
const scalars = fc.oneof(numbers, texts, fc.bigInt(), fc.boolean(), fc.date({ noInvalidDate: true }));
const usual = fc.constantFrom<fc.Arbitrary<Key>>(
  fc.tuple(integers, integers),
  fc.tuple(numbers, numbers, numbers),
  fc.tuple(texts, integers),
  fc.tuple(fc.constantFrom("a", "b"), texts),
  fc.tuple(integers),
  fc.tuple(scalars, scalars),
  fc.array(integers, { minLength: 5, maxLength: 5 }),
  integers,
  texts,
  fc.bigInt(),
);
const others = fc.oneof(scalars, fc.array(scalars, { minLength: 1, maxLength: 5 }));

/** Mostly of one kind, as the keys of an operator are. */
const keyLists = fc.tuple(usual, fc.constantFrom(0, 0, 1)).chain(([arbitrary, weight]) =>
  fc.array(fc.oneof({ weight: 20, arbitrary }, { weight, arbitrary: others as fc.Arbitrary<Key> }), {
    minLength: 1,
    maxLength: 80,
  }),
);

function picked(keys: readonly Key[], together: number): PickedKeys {
  const all = new PickedKeys(keys.length);
  for (let from = 0; from < keys.length; from += together) {
    const next = keys.slice(from, from + together);
    all.take(next, next.length, from);
  }
  return all;
}

/** What a block would hold, as `encodeKey` has it. */
function encodings(column: ReturnType<PickedKeys["gathered"]>): readonly string[] {
  const keys = column instanceof OwnColumn ? readBack(column) : Array.from(column as ArrayLike<unknown>);
  return keys.map((key) => (column instanceof EncodedTuples ? (key as string) : encodeKey(key, "op")));
}

function readBack(column: OwnColumn): readonly unknown[] {
  const out = new ByteSink();
  writeColumn(out, column);
  return Array.from(readColumn(new ByteSource(out.finish()), column.length));
}

test("they come back in any order, however many were taken together", () => {
  fc.assert(
    fc.property(keyLists, fc.integer({ min: 1, max: 90 }), fc.array(fc.nat(79)), (keys, together, order) => {
      const places = Int32Array.from([...order.filter((place) => place < keys.length), keys.length - 1]);
      const found = encodings(picked(keys, together).gathered(places));
      expect(found).toEqual(Array.from(places, (place) => encodeKey(keys[place], "op")));
    }),
    { numRuns: 600 },
  );
});

test("keys of numbers and short texts are put as letters, and those of other parts are made anew", () => {
  const places = Int32Array.of(1, 0);
  const written = (keys: readonly Key[]) => picked(keys, 10).gathered(places);
  expect(
    written([
      ["a", 1],
      ["b", -2],
    ]),
  ).toBeInstanceOf(EncodedTuples); // prettier-ignore
  expect(
    written([
      ["ж", 1],
      ["b", -2],
    ]),
  ).toEqual([
    ["b", -2],
    ["ж", 1],
  ]); // prettier-ignore
  expect(
    written([
      [1n, 1],
      [true, -2],
    ]),
  ).toEqual([
    [true, -2],
    [1n, 1],
  ]); // prettier-ignore
  expect(
    written([
      [1, 2],
      [1, 2, 3],
    ]),
  ).toEqual([
    [1, 2, 3],
    [1, 2],
  ]); // prettier-ignore
});

test("more letters than there was room for before come back, too", () => {
  const keys = Array.from({ length: 5000 }, (_, i): Key => [`${i} ${"y".repeat(50)}`, i * 1e9 + 0.25, 7 - i]);
  const column = picked(keys, 512).gathered(Int32Array.from(keys, (_, place) => keys.length - 1 - place));
  const found = readBack(column as OwnColumn).map((text) => decodeKey(text as string));
  expect(found).toEqual(keys.toReversed());
});
