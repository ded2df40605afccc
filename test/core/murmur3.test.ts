import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { murmurBytes, murmurString, murmurTwoWords, murmurWord } from "../../core/murmur3.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("murmur3 x86 32", () => {
  // Vectors of the reference implementation, as collected by its ports.
  test.each([
    ["", 0, 0x00000000],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["aa", 0x9747b28c, 0x5d211726],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["ab", 0x9747b28c, 0x74875592],
    ["abc", 0x9747b28c, 0xc84a62dd],
    ["abcd", 0x9747b28c, 0xf0478627],
    ["abc", 0, 0xb3dd93fa],
    ["test", 0, 0xba6bd213],
    ["test", 0x9747b28c, 0x704b81dc],
    ["Hello, world!", 0, 0xc0363e43],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
  ])("hashes %j with seed %i as the reference does", (text, seed, hash) => {
    expect(murmurString(text, seed)).toBe(hash);
    expect(murmurBytes(utf8(text), seed)).toBe(hash);
  });

  test.each([
    [[0xff, 0xff, 0xff, 0xff], 0, 0x76293b50],
    [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
    [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
    [[0x21, 0x43, 0x65], 0, 0x7e4a8634],
    [[0x21, 0x43], 0, 0xa0f7b07a],
    [[0x21], 0, 0x72661cf4],
    [[0, 0, 0, 0], 0, 0x2362f9de],
    [[0, 0, 0], 0, 0x85f0b427],
    [[0, 0], 0, 0x30f4c306],
    [[0], 0, 0x514e28b7],
  ])("hashes the bytes %j with seed %i as the reference does", (bytes, seed, hash) => {
    expect(murmurBytes(Uint8Array.from(bytes), seed)).toBe(hash);
  });

  test("words hash as their little-endian bytes", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(word, word, word, (low, high, seed) => {
        const bytes = new Uint8Array(Uint32Array.of(low, high).buffer);
        expect(murmurTwoWords(low, high, seed)).toBe(murmurBytes(bytes, seed));
        expect(murmurWord(low, seed)).toBe(murmurBytes(bytes.subarray(0, 4), seed));
      }),
    );
  });

  test("strings hash as their UTF-8 bytes", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (text) => void expect(murmurString(text, 7)).toBe(murmurBytes(utf8(text), 7)),
      ),
    );
  });

  test("lone surrogates are told apart", () => {
    const hashes = ["\ud800", "\ud801", "\udc00", "\ufffd"].map((text) => murmurString(text, 0));
    expect(new Set(hashes).size).toBe(4);
  });
});
