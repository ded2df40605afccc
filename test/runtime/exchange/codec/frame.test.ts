import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AssertionFailure } from "../../../../core/assert.ts";
import { BatchDecoder } from "../../../../runtime/exchange/codec/index.ts";
import { decode, encode, newEncoder, values } from "./codec-harness.ts";

const mixed: readonly unknown[] = [
  {
    a: 1,
    b: true,
    s: "text",
    inner: { x: 1n, when: new Date(5) },
    list: [1, 2],
    names: ["x", "é"],
    bytes: Uint8Array.of(1),
  },
  { a: null, b: null, s: "漢\ud800", inner: null, list: null, names: undefined, bytes: undefined },
  { a: 2, odd: [1, "a", { deep: [null] }] },
  "record",
  12,
];

describe("a frame", () => {
  test("of two numbers and a text is laid out as docs/exchange-frame.md shows", () => {
    const encoder = newEncoder();
    encoder.add({ n: 1, s: "ab" }, 9);
    encoder.add({ n: 2, s: "c" }, 9);
    const target = new Uint8Array(encoder.byteLengthBound());
    const frame = Buffer.from(target.buffer, 0, encoder.finish(target));
    expect(frame.toString("hex").match(/.{16}/g)).toStrictEqual([
      "4d52460101000000", // magic "MRF", version 1; flags: one timestamp
      "0200000070000000", // 2 rows; 112 bytes
      "2000000001000000", // shape table at 32; 1 shape
      "0000000000002240", // the timestamp, 9
      "020000000e000000", // shape 0: 2 rows; a descriptor of 14 bytes
      "4000000030000000", // its columns: at 64, 48 bytes
      "0900020002006e02", // struct, no bitmaps, 2 fields: "n", float64 …
      "0002007305000000", // … and "s", utf8; padding
      "000000000000f03f", // n: 1
      "0000000000000040", // n: 2
      "0000000003000000", // s: encoding ascii, 3 bytes
      "0000000002000000", // offsets 0, 2 …
      "0300000000000000", // … 3; padding
      "6162630000000000", // "abc"; padding
    ]);
  });

  test("starts at a multiple of 8 bytes, for the writer as for the reader", () => {
    const encoder = newEncoder();
    encoder.add(1, 0);
    const memory = new ArrayBuffer(4096);
    expect(() => encoder.finish(new Uint8Array(memory, 4))).toThrow(AssertionFailure);
    const frame = encode([1]);
    const moved = new Uint8Array(memory, 4, frame.length);
    moved.set(frame);
    expect(() => decode(moved)).toThrow("multiple of 8");
  });

  test("may lie anywhere in a larger memory and be followed by other bytes", () => {
    const frame = encode(mixed);
    const memory = new Uint8Array(new SharedArrayBuffer(frame.length + 128)).fill(0xff);
    memory.set(frame, 64);
    expect(values(decode(memory.subarray(64)))).toStrictEqual(mixed);
  });

  test.each([
    ["another magic", 0, 0x4e, "not an exchange frame"],
    ["another version", 3, 2, "not an exchange frame of version 1"],
    ["row kinds, which are reserved", 4, 4 | 2, "row kinds"],
    ["unknown flags", 7, 1, "flags that this reader does not know"],
    ["too many rows", 10, 255, "at most"],
  ])("with %s is refused", (_name, position, byte, message) => {
    const frame = encode(mixed);
    frame[position] = byte;
    expect(() => decode(frame)).toThrow(message);
  });

  test("that is cut short is refused, wherever", () => {
    const frame = encode(mixed);
    for (let length = 0; length < frame.length; length++) {
      expect(() => decode(frame.slice(0, length))).toThrow(AssertionFailure);
    }
  });

  test("with any damage is read as something or refused, and never hangs or reads beyond itself", () => {
    const intact = encode(Array.from({ length: 20 }, () => mixed).flat());
    const header = Math.min(intact.length, 600);
    const position = fc.oneof(fc.nat({ max: header - 1 }), fc.nat({ max: intact.length - 1 }));
    const flips = fc.array(fc.record({ position, byte: fc.nat({ max: 255 }) }), { minLength: 1, maxLength: 4 });
    const decoder = new BatchDecoder({ operator: "test" });
    fc.assert(
      fc.property(flips, (damage) => {
        const frame = Uint8Array.from(intact);
        for (const { position, byte } of damage) frame[position] = byte;
        let rows = 0;
        try {
          decoder.bind(frame);
          decoder.deliver(() => rows++, { blocked: false });
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(rows).toBeLessThanOrEqual(100);
      }),
      { numRuns: 3000 },
    );
  });

  test("that was refused leaves the decoder ready for the next one", () => {
    const decoder = new BatchDecoder({ operator: "test" });
    const frame = encode(mixed);
    expect(() => decoder.bind(frame.slice(0, frame.length - 8))).toThrow(AssertionFailure);
    expect(values(decode(frame, decoder))).toStrictEqual(mixed);
  });
});
