import { describe, expect, test } from "vitest";
import { readHeader } from "../../../../runtime/exchange/codec/frame.ts";
import { BatchDecoder, BatchEncoder } from "../../../../runtime/exchange/codec/index.ts";
import { type Arrived, decode, encode, finish, newEncoder, roundTrip, values } from "./codec-harness.ts";

function shapesOf(frame: Uint8Array): number {
  return readHeader(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)).shapes;
}

const mixed: readonly unknown[] = [
  { kind: "bid", price: 1 },
  { kind: "person", name: "é", city: "x" },
  5,
  { kind: "bid", price: 2 },
  { kind: "bid", price: 2, note: "optional" },
  null,
  { kind: "bid", price: "three" },
  [1, 2],
  { kind: "bid", price: null },
  { price: 9, kind: "other order" },
  { kind: "bid", price: 2n ** 80n },
  undefined,
];

describe("shapes may change inside of a batch", () => {
  test("the order of the records is kept", () => {
    expect(roundTrip([...mixed, ...mixed])).toStrictEqual([...mixed, ...mixed]);
  });

  test("records with nulls share the shape of those without", () => {
    const frame = encode([
      { a: 1, b: "x" },
      { a: null, b: "y" },
      { a: 2, b: undefined },
    ]);
    expect(shapesOf(frame)).toBe(1);
  });

  test("a field first seen as null gets its type later, and from the next batch on there is one shape again", () => {
    const encoder = newEncoder();
    const records = [{ a: null }, { a: 1 }, { a: null }];
    expect(values(decode(encode(records, encoder)))).toStrictEqual(records);
    expect(shapesOf(encode(records, encoder))).toBe(1);
  });

  test("two types in each of many fields do not make ever more shapes", () => {
    const encoder = newEncoder();
    const record = (bits: number): unknown =>
      Object.fromEntries(
        Array.from({ length: 8 }, (_, field) => [`f${field}`, (bits >> field) & 1 ? field : `${field}`]),
      );
    const records = Array.from({ length: 256 }, (_, bits) => record(bits));
    expect(values(decode(encode(records, encoder)))).toStrictEqual(records);
    expect(values(decode(encode(records, encoder)))).toStrictEqual(records);
    expect(shapesOf(encode(records, encoder))).toBeLessThanOrEqual(4);
  });

  test("many optional fields become optional columns of few shapes, missing ones stay missing", () => {
    const encoder = newEncoder();
    const names = ["a", "b", "c", "d", "e", "f"];
    const records = Array.from({ length: 64 }, (_, bits) => {
      const present = names.filter((_name, index) => (bits >> index) & 1);
      return Object.fromEntries([
        ["id", bits],
        ["label", "x"],
        ...present.map((name) => [name, bits % 7 === 0 ? undefined : name]),
      ]);
    });
    for (let batch = 0; batch < 8; batch++) {
      expect(values(decode(encode(records, encoder)))).toStrictEqual(records);
    }
    expect(shapesOf(encode(records, encoder))).toBeLessThanOrEqual(9);
  });

  test("a stream of ever new keys takes the fallback and loses nothing", () => {
    const encoder = newEncoder();
    for (let batch = 0; batch < 5; batch++) {
      const records = Array.from({ length: 400 }, (_, index) => ({
        [`k${batch}-${index}`]: index,
        [`l${index}`]: "x",
      }));
      expect(values(decode(encode(records, encoder)))).toStrictEqual(records);
    }
  });

  test("a decoder that has seen no earlier frame reads any frame alone", () => {
    const encoder = newEncoder();
    encode(mixed, encoder);
    expect(values(decode(encode(mixed, encoder)))).toStrictEqual(mixed);
  });

  test("all records of a shape have the same keys in the same order", () => {
    const arrived = roundTrip([
      { b: 1, a: 2 },
      { a: 1, b: 2 },
    ]) as object[];
    expect(arrived.map((record) => Object.keys(record))).toStrictEqual([
      ["b", "a"],
      ["a", "b"],
    ]);
  });
});

describe("delivery stops and goes on", () => {
  test("at every row of a batch of many shapes", () => {
    const frame = encode(mixed);
    for (let stop = 1; stop <= mixed.length; stop++) {
      const arrived: Arrived[] = [];
      const gate = { blocked: false };
      const decoder = new BatchDecoder({ operator: "test" });
      decoder.bind(frame);
      const push = (value: unknown, timestamp: number): void => {
        arrived.push({ value, timestamp });
        if (arrived.length % stop === 0) gate.blocked = true;
      };
      let calls = 0;
      while (!decoder.deliver(push, gate)) {
        expect(arrived.length).toBe(++calls * stop);
        gate.blocked = false;
      }
      expect(values(arrived)).toStrictEqual(mixed);
      expect(arrived.map((record) => record.timestamp)).toStrictEqual(mixed.map((_, index) => index));
    }
  });

  test("a gate that is blocked from the start lets nothing through", () => {
    const decoder = new BatchDecoder({ operator: "test" });
    decoder.bind(encode([1]));
    expect(decoder.deliver(() => expect.unreachable(), { blocked: true })).toBe(false);
  });

  test("an exhausted batch stays exhausted, and an empty one is from the start", () => {
    const decoder = new BatchDecoder({ operator: "test" });
    decoder.bind(encode([]));
    expect(decoder.rows).toBe(0);
    expect(decoder.deliver(() => expect.unreachable(), { blocked: false })).toBe(true);
    decoder.bind(encode([1]));
    expect(decoder.deliver(() => {}, { blocked: false })).toBe(true);
    expect(decoder.deliver(() => expect.unreachable(), { blocked: false })).toBe(true);
  });
});

describe("a projection", () => {
  test("sends only its fields, in its order; missing ones stay missing", () => {
    const encoder = newEncoder(["b", "a", "toString"]);
    const records: readonly unknown[] = [
      { a: 1, x: "big", b: "x" },
      { a: 2 },
      { b: "y", a: null },
      { z: 1 },
      { a: undefined, toString: 1 },
    ];
    const expected: readonly unknown[] = [
      { b: "x", a: 1 },
      { a: 2 },
      { b: "y", a: null },
      {},
      { a: undefined, toString: 1 },
    ];
    const arrived = values(decode(encode(records, encoder)));
    expect(arrived).toStrictEqual(expected);
    expect(Object.keys(arrived[0] as object)).toStrictEqual(["b", "a"]);
  });

  test("reads and checks no other field", () => {
    const encoder = newEncoder(["a"]);
    const record = {
      a: 1,
      get b(): never {
        throw new Error("was read");
      },
      c: () => 1,
    };
    expect(values(decode(encode([record, record], encoder)))).toStrictEqual([{ a: 1 }, { a: 1 }]);
  });

  test("an inherited field is not the record's own", () => {
    const encoder = newEncoder(["constructor", "a"]);
    expect(values(decode(encode([{ a: 1 }, { a: 2 }], encoder)))).toStrictEqual([{ a: 1 }, { a: 2 }]);
  });

  test("what is no object travels as it is", () => {
    const records = [1, "x", null, [1, 2], { a: 1 }];
    expect(values(decode(encode(records, newEncoder(["a"]))))).toStrictEqual(records);
  });
});

describe("the encoder's bounds", () => {
  test("the batch is full at maxRows, and one more row is a programmer's error", () => {
    const encoder = new BatchEncoder({ operator: "test", maxRows: 3, maxBytes: 1 << 20 });
    for (const value of [1, 2, 3]) {
      expect(encoder.full).toBe(false);
      encoder.add(value, 0);
    }
    expect(encoder.full).toBe(true);
    expect(() => encoder.add(4, 0)).toThrow("must be finished");
    expect(values(decode(finish(encoder)))).toStrictEqual([1, 2, 3]);
  });

  test("the batch is full when its bytes are", () => {
    const encoder = new BatchEncoder({ operator: "test", maxRows: 1000, maxBytes: 10_000 });
    while (!encoder.full) encoder.add({ text: "x".repeat(1000) }, 0);
    expect(encoder.rows).toBe(10);
  });

  test("a target that is too small keeps the rows, and the answer says what suffices", () => {
    const records = [...mixed, { text: "é".repeat(100) }, { text: "ascii" }];
    const encoder = newEncoder();
    for (const record of records) encoder.add(record, 1);
    const needed = -encoder.finish(new Uint8Array(64));
    expect(needed).toBeGreaterThan(64);
    expect(encoder.rows).toBe(records.length);
    encoder.add({ text: "later" }, 1);
    const target = new Uint8Array(-encoder.finish(new Uint8Array(64)));
    const length = encoder.finish(target);
    expect(values(decode(target.subarray(0, length)))).toStrictEqual([...records, { text: "later" }]);
    expect(encoder.rows).toBe(0);
  });

  test("batches of every size from none to beyond the first arrays' room", () => {
    const encoder = newEncoder();
    for (const size of [0, 1, 2, 7, 8, 9, 255, 256, 257, 1023, 1024, 1025, 2000, 3]) {
      const records = Array.from({ length: size }, (_, index) => ({
        i: index,
        s: `s${index}`,
        b: index % 3 === 0,
        n: index % 5 === 0 ? null : [index],
      }));
      expect(values(decode(encode(records, encoder)))).toStrictEqual(records);
    }
  });

  test("nothing of an earlier batch shows in a frame", () => {
    const fresh = encode([{ s: "b", n: null, f: 1 }]);
    const encoder = newEncoder();
    encode(
      Array.from({ length: 100 }, () => ({ s: "secret", n: 5, f: null })),
      encoder,
    );
    expect(Buffer.from(encode([{ s: "b", n: null, f: 1 }], encoder)).includes("secret")).toBe(false);
    expect(values(decode(fresh))).toStrictEqual([{ s: "b", n: null, f: 1 }]);
  });
});
