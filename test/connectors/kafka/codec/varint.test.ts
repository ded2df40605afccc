import fc from "fast-check";
import { expect, test } from "vitest";
import {
  readUnsigned,
  readVarint,
  readVarlong,
  sizeOfVarint,
  varintEnd,
  writeUnsigned,
  writeVarint,
  writeVarlong,
} from "../../../../connectors/kafka/codec/varint.ts";

const bytes = Buffer.alloc(32, 0xff);
const edges = [0, -1, 1, 63, -64, 64, -65, 8191, -8192, 8192, 2 ** 20, -(2 ** 20) - 1, 2 ** 27, -(2 ** 27) - 1];

const anyInt32 = fc.oneof(fc.constantFrom(...edges, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const anyInt53 = fc.oneof(anyInt32, fc.maxSafeInteger());

test.each([
  [0, "00"],
  [-1, "01"],
  [1, "02"],
  [63, "7e"],
  [-64, "7f"],
  [64, "8001"],
  [300, "d804"],
])("%i is written as %s", (value, hex) => {
  expect(bytes.subarray(0, writeVarint(bytes, 0, value)).toString("hex")).toBe(hex);
});

test("32 bits come back, and end where they were written to, which is where their size says", () => {
  fc.assert(
    fc.property(anyInt32, fc.nat(9), (value, at) => {
      const end = writeVarint(bytes, at, value);
      expect([readVarint(bytes, at), varintEnd, at + sizeOfVarint(value)]).toEqual([value, end, end]);
    }),
  );
});

test("64 bits come back", () => {
  fc.assert(
    fc.property(anyInt53, fc.nat(9), (value, at) => {
      const end = writeVarlong(bytes, at, value);
      expect([readVarlong(bytes, at), varintEnd]).toEqual([value, end]);
    }),
  );
});

test("integers without sign come back", () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (value) => {
      const end = writeUnsigned(bytes, 3, value);
      expect([readUnsigned(bytes, 3), varintEnd]).toEqual([value, end]);
    }),
  );
});

test("one that never ends is read no further than ten bytes", () => {
  const endless = Buffer.alloc(32, 0xff);
  readVarint(endless, 0);
  expect(varintEnd).toBe(10);
  readVarlong(endless, 0);
  expect(varintEnd).toBe(10);
});

test("behind the end of the bytes there are zeros", () => {
  expect([readVarint(Buffer.from([0x80]), 0), varintEnd]).toEqual([0, 2]);
  expect([readVarlong(Buffer.alloc(0), 0), varintEnd]).toEqual([0, 1]);
});

test("of an integer that is too long for 32 bits the lower ones are read", () => {
  const long = Buffer.alloc(12);
  const end = writeVarlong(long, 0, 2 ** 40 + 21);
  expect([readVarint(long, 0), varintEnd]).toEqual([21, end]);
});
