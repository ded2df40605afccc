import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchDecoder } from "../../../../runtime/exchange/codec/index.ts";
import { decode, encode, finish, newEncoder, roundTrip, values } from "./codec-harness.ts";

const special: readonly (readonly [string, unknown])[] = [
  ["zero", 0],
  ["minus zero", -0],
  ["NaN", Number.NaN],
  ["infinity", Number.POSITIVE_INFINITY],
  ["minus infinity", Number.NEGATIVE_INFINITY],
  ["the least double", 5e-324],
  ["a large integer", 2 ** 53 + 2],
  ["true", true],
  ["false", false],
  ["null", null],
  ["undefined", undefined],
  ["an empty string", ""],
  ["an ASCII string", "plain"],
  ["a Latin-1 string", "naïve"],
  ["a string of three-byte characters", "漢字"],
  ["an emoji", "a😀b"],
  ["a lone high surrogate", "a\ud800b"],
  ["a lone low surrogate", "\udc00"],
  ["a byte order mark", "\ufeffx"],
  ["a NUL character", "a\0b"],
  ["a very long string", "x".repeat(3_000_000)],
  ["a very long non-ASCII string", "é".repeat(300_000)],
  ["a small bigint", 7n],
  ["the least int64", -(2n ** 63n)],
  ["the largest int64", 2n ** 63n - 1n],
  ["a bigint beyond 64 bits", 2n ** 63n],
  ["a huge negative bigint", -(10n ** 60n)],
  ["a Date", new Date(1_700_000_000_123)],
  ["a Date before 1970", new Date(-1)],
  ["the first Date", new Date(-8.64e15)],
  ["the last Date", new Date(8.64e15)],
  ["an invalid Date", new Date(Number.NaN)],
  ["bytes", Uint8Array.of(0, 127, 255)],
  ["no bytes", new Uint8Array(0)],
  ["an empty array", []],
  ["numbers", [1, -0, Number.NaN]],
  ["strings", ["a", "", "é", "\ud800"]],
  ["a mixed array", [1, "a", null, undefined, [true, { x: 1n }]]],
  ["nested arrays", [[1], [2, 3], []]],
  ["an empty object", {}],
  ["a nested object", { a: { b: { c: { d: 1 } } } }],
  ["an object nested beyond the columns", nested(40)],
  ["explicit undefined", { a: undefined, b: 1 }],
  ["integer-like keys", { 1: "one", 0: "zero", a: 1 }],
  ["awkward keys", { "": 1, 'a"b': 2, "\u2028": 3, "${x}": 4, 漢: 5, "\ud800": 6, constructor: 7, toString: 8 }],
  [
    "an object with 500 fields",
    Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, index])),
  ],
  ["a long field name", { ["n".repeat(100_000)]: 1 }],
];

function nested(depth: number): unknown {
  return depth === 0 ? "deep" : { inner: nested(depth - 1) };
}

describe("a value comes back as it was", () => {
  test.each(special)("%s as a record", (_name, value) => {
    expect(roundTrip([value])).toStrictEqual([value]);
  });

  test.each(special)("%s in a field, among absent ones", (_name, value) => {
    const records = [{ v: null, n: 1 }, { v: value, n: 2 }, { v: undefined, n: 3 }, { n: 4 }, { v: value, n: 5 }];
    expect(roundTrip(records)).toStrictEqual(records);
  });

  test.each(special)("%s in an array and in a nested field", (_name, value) => {
    const records = [
      { list: [value, value], inner: { v: value } },
      { list: [value], inner: null },
    ];
    expect(roundTrip(records)).toStrictEqual(records);
  });

  test("a surrogate pair that two strings part between them survives", () => {
    const records = [{ s: "a\ud83d" }, { s: "\ude00b" }];
    expect(roundTrip(records)).toStrictEqual(records);
  });

  test("an own key __proto__ stays a key and sets no prototype", () => {
    const records = [JSON.parse('{"a":1,"__proto__":{"polluted":true}}'), JSON.parse('{"__proto__":1}')];
    for (const record of roundTrip([...records, [records[0]]]).flat()) {
      expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
      expect(Object.hasOwn(record as object, "__proto__")).toBe(true);
      expect((record as { polluted?: boolean }).polluted).toBeUndefined();
    }
  });

  test("an object without a prototype comes back as a plain one", () => {
    const bare = Object.assign(Object.create(null), { a: 1 });
    const [first, second] = roundTrip([bare, { b: [bare] }]) as [object, { b: object[] }];
    expect(first).toStrictEqual({ a: 1 });
    expect(second).toStrictEqual({ b: [{ a: 1 }] });
  });

  test("a Buffer comes back as a Uint8Array that is independent of the frame", () => {
    const frame = encode([{ bytes: Buffer.from("abc") }, { bytes: [Buffer.from("d")] }]);
    const [first, second] = values(decode(frame)) as [{ bytes: Uint8Array }, { bytes: Uint8Array[] }];
    frame.fill(0);
    expect(first.bytes).toStrictEqual(Uint8Array.of(97, 98, 99));
    expect(second.bytes).toStrictEqual([Uint8Array.of(100)]);
  });

  test("strings stay what they are when the frame is reused", () => {
    const frame = encode([{ s: "kept forever, as the text was decoded" }]);
    const arrived = values(decode(frame));
    frame.fill(0);
    expect(arrived).toStrictEqual([{ s: "kept forever, as the text was decoded" }]);
  });
});

const leaf = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
  fc.boolean(),
  fc.bigInt(),
  fc.bigInt({ min: -5n, max: 5n }),
  fc.date(),
  fc.uint8Array({ maxLength: 5 }),
  fc.constantFrom(null, undefined),
);

const anything = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, leaf, tie("array"), tie("object")),
  array: fc.array(tie("value"), { maxLength: 4 }),
  object: fc.dictionary(fc.oneof(fc.constantFrom("a", "b", "c", "__proto__", "toString"), fc.string()), tie("value"), {
    maxKeys: 5,
    noNullPrototype: true,
  }),
})).value;

/** Records that look alike, as a stream's do: the same few keys, mostly of one type. */
const alike = fc.record(
  {
    id: fc.integer(),
    name: fc.option(fc.string({ unit: "grapheme" }), { nil: null }),
    when: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
    tags: fc.array(fc.string(), { maxLength: 3 }),
    inner: fc.option(
      fc.record(
        { x: fc.double(), y: fc.option(fc.bigInt(), { nil: null }) },
        { requiredKeys: ["x"], noNullPrototype: true },
      ),
    ),
    odd: anything,
  },
  { requiredKeys: ["id", "tags"], noNullPrototype: true },
);

describe("any batch comes back in order", () => {
  test("of arbitrary values", () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 30 }), (records) => {
        expect(roundTrip(records)).toStrictEqual(records);
      }),
      { numRuns: 300 },
    );
  });

  test("of records that look alike, in several batches through one encoder and decoder", () => {
    fc.assert(
      fc.property(fc.array(fc.array(alike, { maxLength: 40 }), { maxLength: 6 }), (batches) => {
        const encoder = newEncoder();
        const decoder = new BatchDecoder({ operator: "test" });
        for (const records of batches) {
          const frame = encode(records, encoder);
          expect(values(decode(frame, decoder))).toStrictEqual(records);
          expect(values(decode(frame))).toStrictEqual(records);
          expect(keyOrders(values(decode(frame)))).toStrictEqual(keyOrders(records));
        }
      }),
      { numRuns: 150 },
    );
  });

  test("in ordinary memory as in shared memory", () => {
    const records = [{ a: 1, s: "text" }, { a: 2, s: "é漢" }, "other", { a: 3, s: null }];
    for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
      const encoder = newEncoder();
      for (const record of records) encoder.add(record, 5);
      const frame = finish(encoder, Memory);
      expect(frame.buffer).toBeInstanceOf(Memory);
      expect(values(decode(frame))).toStrictEqual(records);
    }
  });
});

function keyOrders(records: readonly unknown[]): unknown[] {
  return records.map((record) => (typeof record === "object" && record !== null ? Object.keys(record) : undefined));
}

describe("timestamps travel beside the records", () => {
  test("each record has its own", () => {
    fc.assert(
      fc.property(fc.array(fc.double()), (timestamps) => {
        const encoder = newEncoder();
        for (const timestamp of timestamps) encoder.add({ a: 1 }, timestamp);
        expect(decode(finish(encoder)).map((record) => record.timestamp)).toStrictEqual(timestamps);
      }),
    );
  });

  test("one for all takes no column", () => {
    const sizeWith = (timestampOf: (index: number) => number): number => {
      const encoder = newEncoder();
      for (let index = 0; index < 1000; index++) encoder.add(1, timestampOf(index));
      return finish(encoder).length;
    };
    expect(sizeWith((index) => index) - sizeWith(() => 7)).toBe(8 * 1000);
  });
});
