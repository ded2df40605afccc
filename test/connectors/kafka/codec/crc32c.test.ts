import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../../../connectors/kafka/codec/crc32c.ts";

/** Bit by bit, as the definition has it. */
function reference(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test.each([
  ["", 0],
  ["123456789", 0xe3069283],
  ["The quick brown fox jumps over the lazy dog", 0x22620404],
])("of %j", (text, sum) => {
  expect(crc32c(Buffer.from(text))).toBe(sum);
});

test("is that of the definition, for every part of every length", () => {
  const sample = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.nat(40), fc.nat(40));
  fc.assert(
    fc.property(sample, ([bytes, before, after]) => {
      const whole = new Uint8Array(before + bytes.length + after).fill(0xa5);
      whole.set(bytes, before);
      expect(crc32c(whole, before, before + bytes.length)).toBe(reference(bytes));
    }),
  );
});

test.each([48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 200_001])("of %i bytes, which are taken in portions", (size) => {
  const bytes = Uint8Array.from({ length: size }, (_, at) => Math.imul(at, 0x9e3779b1) >>> 24);
  expect(crc32c(bytes)).toBe(reference(bytes));
});
