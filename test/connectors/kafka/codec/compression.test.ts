import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compress, compressions, decompress } from "../../../../connectors/kafka/codec/compression.ts";
import { xxhash32 } from "../../../../connectors/kafka/codec/xxhash32.ts";
import { MillraceError } from "../../../../core/errors.ts";

const MB = 1024 * 1024;

/** Texts that repeat themselves near and far, runs, and noise. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 3000 }),
  fc.array(fc.constantFrom("", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", '{"user":"u-17","item":', "0123456789"), {
    maxLength: 400,
  }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(5000)),
);

function bytesOf(sample: Uint8Array | string[] | [Uint8Array, number]): Buffer {
  if (sample instanceof Uint8Array) return Buffer.from(sample);
  const [first, count] = sample;
  if (first instanceof Uint8Array) return Buffer.alloc(Number(count), first);
  return Buffer.from((sample as string[]).join(""));
}

describe.each(compressions)("%s", (kind) => {
  test("what was compressed comes back", () => {
    fc.assert(
      fc.property(anyBytes, (sample) => {
        const bytes = bytesOf(sample);
        expect(decompress(kind, compress(kind, bytes), MB).equals(bytes)).toBe(true);
      }),
    );
  });

  test.each([0, 1, 12, 13, 65_535, 65_536, 65_537, 300_000])("%i bytes", (size) => {
    const text = Buffer.from(Array.from({ length: size }, (_, at) => (at * at) >>> (at % 13)));
    const noise = Buffer.from(Array.from({ length: size }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 24));
    for (const bytes of [text, noise, Buffer.alloc(size)]) {
      expect(decompress(kind, compress(kind, bytes), MB).equals(bytes)).toBe(true);
    }
  });
});

const packing = compressions.filter((kind) => kind !== "none");

describe.each(packing)("damaged %s", (kind) => {
  const original = Buffer.from('{"user":"u-17","item":"i-4711","at":1700000000}'.repeat(20));
  const packed = compress(kind, original);

  test("whatever byte is changed or missing, it is refused by name or makes no more than it may", () => {
    for (let at = 0; at < packed.length; at++) {
      for (const damage of [1, 0x80, 0xff]) {
        const bad = Buffer.from(packed);
        bad[at] = (bad[at] ?? 0) ^ damage;
        expect(outcome(kind, bad)).toBeOneOf(["KAFKA_FORMAT", "made"]);
      }
    }
    for (let end = 1; end < packed.length; end++) {
      expect(outcome(kind, packed.subarray(0, end))).toBeOneOf(["KAFKA_FORMAT", "made"]);
    }
  });

  test("a small batch that makes a large one is refused", () => {
    const bomb = compress(kind, Buffer.alloc(4 * MB));
    expect(() => decompress(kind, bomb, MB)).toThrow(MillraceError);
  });
});

function outcome(kind: (typeof compressions)[number], bytes: Buffer): string {
  try {
    return decompress(kind, bytes, MB).length <= MB ? "made" : "too much";
  } catch (error) {
    return error instanceof MillraceError ? error.code : String(error);
  }
}

test("a snappy block without a frame is read", () => {
  const framed = compress("snappy", Buffer.from("one block, and one block again"));
  expect(decompress("snappy", framed.subarray(20), MB).toString()).toBe("one block, and one block again");
});

test("a block that copies from four bytes' distance back is read", () => {
  // Size 8; literal "ab"; a copy of 6 from 2 before, its offset in four bytes.
  const block = Buffer.from([8, 1 << 2, 0x61, 0x62, (5 << 2) | 3, 2, 0, 0, 0]);
  expect(decompress("snappy", block, MB).toString()).toBe("abababab");
});

test.each([
  ["from where it is to be written", [3, 0, 0x61, (1 << 2) | 2, 0, 0]],
  ["from before the block", [3, 0, 0x61, (1 << 2) | 2, 2, 0]],
])("a snappy copy %s is refused", (_name, block) => {
  expect(() => decompress("snappy", Buffer.from(block), MB)).toThrow("from outside of its block");
});

test("an LZ4 block ends with five literal bytes, as the format asks", () => {
  const packed = compress("lz4", Buffer.alloc(1000, "a"));
  const block = packed.subarray(11, 11 + packed.readUInt32LE(7));
  expect(block.subarray(-6).toString("latin1")).toBe("\x50aaaaa");
});

test("LZ4 blocks that reach into earlier ones, stored blocks, a content size and checksums are read", () => {
  const descriptor = Buffer.concat([Buffer.from([0b0101_1100, 4 << 4]), Buffer.from([12, 0, 0, 0, 0, 0, 0, 0])]);
  const stored = Buffer.from("abcdef");
  const linked = Buffer.from([0x02, 6, 0, 0x00]); // no literal, a match of 6 from 6 before; then the end: no literal
  const sum = (bytes: Buffer): Buffer => {
    const four = Buffer.alloc(4);
    four.writeUInt32LE(xxhash32(bytes));
    return four;
  };
  const frame = Buffer.concat([
    Buffer.from([4, 0x22, 0x4d, 0x18]),
    descriptor,
    Buffer.from([(xxhash32(descriptor) >>> 8) & 255]),
    Buffer.from([6, 0, 0, 0x80]),
    stored,
    sum(stored),
    Buffer.from([4, 0, 0, 0]),
    linked,
    sum(linked),
    Buffer.alloc(4),
    sum(Buffer.from("abcdefabcdef")),
  ]);
  expect(decompress("lz4", frame, MB).toString()).toBe("abcdefabcdef");
  const wrong = Buffer.from(frame);
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
  expect(() => decompress("lz4", wrong, MB)).toThrow("checksum");
});

test.each([
  ["", 0x02cc5d05],
  ["a", 0x550d7456],
  ["abc", 0x32d153ff],
  ["Nobody inspects the spammish repetition", 0xe2293b2f],
])("xxHash32 of %j", (text, hash) => {
  expect(xxhash32(Buffer.from(text))).toBe(hash);
});
