import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBody, encodeFrame, FrameReader } from "../../../runtime/wire/message-frames.ts";

const message = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
  fc.record({ epoch: fc.nat(), message: fc.string({ maxLength: 5000 }) }),
  fc.uint8Array({ maxLength: 20_000 }),
);

test("messages survive any cutting of the stream", () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 3000 })),
      (sent, cuts) => {
        const bytes = Buffer.concat(sent.flatMap((each) => encodeFrame(each)));
        const reader = new FrameReader();
        const received: unknown[] = [];
        for (let from = 0; from < bytes.length; ) {
          const to = from + (cuts.next().value as number);
          reader.push(bytes.subarray(from, to));
          for (let body = reader.next(); body !== undefined; body = reader.next()) received.push(decodeBody(body));
          from = to;
        }
        expect(received).toEqual(sent);
        expect(reader.pendingBytes).toBe(0);
      },
    ),
  );
});

test("a message that comes byte by byte is kept in few pieces", () => {
  const [header, body] = encodeFrame("x".repeat(20_000));
  const reader = new FrameReader();
  for (const byte of Buffer.concat([header, body]).subarray(0, -1)) reader.push(Buffer.from([byte]));
  expect(reader.next()).toBeUndefined();
  expect(reader.announced).toBe(body.length);
  reader.push(body.subarray(-1));
  expect(reader.next()).toEqual(body);
});

test("an announced length is known from the header alone, in whatever pieces that comes", () => {
  const reader = new FrameReader();
  for (const byte of [0xff, 0xff, 0xff]) {
    reader.push(Buffer.from([byte]));
    expect(reader.announced).toBeUndefined();
  }
  reader.push(Buffer.from([0xff]));
  expect(reader.announced).toBe(2 ** 32 - 1);
  expect(reader.pendingBytes).toBe(4);
});

test("arbitrary bytes are a value or an error, and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, withHeader) => {
      const body = Buffer.from(withHeader ? [0xff, 0x0f, ...bytes] : bytes);
      try {
        decodeBody(body);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 2000 },
  );
});
