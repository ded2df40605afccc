import fc from "fast-check";
import { expect, test } from "vitest";
import { SEGMENT_BYTES } from "../../../../core/limits.ts";
import { type FrameHandler, FrameReader, pushBytes } from "../../../../runtime/exchange/link/frame-reader.ts";
import {
  type FrameHeader,
  type FrameKind,
  HEADER_BYTES,
  kinds,
  LinkViolation,
  writeHeader,
} from "../../../../runtime/exchange/link/link-frame.ts";

const epoch = 7;

interface Frame {
  readonly kind: FrameKind;
  readonly channel: number;
  readonly amount: number;
  readonly backlog: number;
  readonly value: number;
  readonly payload: Uint8Array;
}

function bytesOf(frames: readonly Frame[]): Uint8Array {
  const parts = frames.flatMap(({ kind, payload, ...fields }) => {
    const header = new Uint8Array(HEADER_BYTES);
    writeHeader(new DataView(header.buffer), 0, kind, epoch, { ...fields, length: payload.length });
    return [header, payload];
  });
  return Buffer.concat(parts);
}

/** Gathers frames; those on odd channels are skipped. */
class Gathering implements FrameHandler {
  readonly frames: Frame[] = [];
  #payload = new Uint8Array(0);

  place(header: FrameHeader): Uint8Array | undefined {
    this.#payload = new Uint8Array(header.length);
    return header.channel % 2 === 1 ? undefined : this.#payload;
  }

  frame({ kind, channel, amount, backlog, value, length }: FrameHeader): void {
    const payload = length === 0 ? new Uint8Array(0) : this.#payload;
    this.frames.push({ kind, channel, amount, backlog, value, payload });
  }
}

/** As a socket that reads into the space it is given, so much at a time as it happens to have. */
function readInto(reader: FrameReader, bytes: Uint8Array, sizes: readonly number[]): void {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const { space } = reader;
    expect(space.length).toBeGreaterThan(0);
    const count = Math.min(space.length, bytes.length - at, sizes[i % sizes.length] as number);
    space.set(bytes.subarray(at, at + count));
    reader.received(count);
    at += count;
  }
}

const u32 = fc.nat({ max: 0xffff_ffff });
const payload = fc.oneof(
  { arbitrary: fc.uint8Array({ maxLength: 64 }), weight: 4 },
  {
    arbitrary: fc.integer({ min: 1, max: SEGMENT_BYTES }).map((length) => new Uint8Array(length).fill(length)),
    weight: 1,
  },
);
const empty = fc.constant(new Uint8Array(0));
const frame: fc.Arbitrary<Frame> = fc.constantFrom<FrameKind>(...Object.values(kinds)).chain((kind) =>
  fc.record({
    kind: fc.constant(kind),
    channel: u32,
    amount: u32,
    backlog: u32,
    value: fc.oneof(fc.constant(Number.NaN), fc.double()),
    payload: kind === kinds.data || kind === kinds.part ? payload : empty,
  }),
);
const frames = fc.array(frame, { maxLength: 30 });
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 200_000 })), {
  minLength: 1,
  maxLength: 20,
});

test("wherever reads end, every frame comes as it was written, and skipped payloads leave no trace", () => {
  fc.assert(
    fc.property(frames, sizes, (sent, sizes) => {
      const expected = sent.map((each) =>
        each.channel % 2 === 1 ? { ...each, payload: new Uint8Array(each.payload.length) } : each,
      );
      const read = new Gathering();
      readInto(new FrameReader(read, epoch), bytesOf(sent), sizes);
      expect(read.frames).toEqual(expected);
      const pushed = new Gathering();
      pushBytes(new FrameReader(pushed, epoch), bytesOf(sent));
      expect(pushed.frames).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("whatever is changed on the way, frames come or a named violation does", () => {
  const change = fc.record({ at: u32, xor: fc.integer({ min: 1, max: 255 }) });
  fc.assert(
    fc.property(frames, fc.array(change, { minLength: 1, maxLength: 8 }), sizes, (sent, changes, sizes) => {
      const bytes = bytesOf(sent);
      if (bytes.length === 0) return;
      for (const { at, xor } of changes) bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ xor;
      try {
        readInto(new FrameReader(new Gathering(), epoch), bytes, sizes);
      } catch (error) {
        expect(error).toBeInstanceOf(LinkViolation);
      }
    }),
    { numRuns: 500 },
  );
});

test("bytes that are no frames at all end in a violation or wait for more", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 5000 }), (bytes) => {
      expect(() => pushBytes(new FrameReader(new Gathering(), epoch), bytes)).toThrow(LinkViolation);
    }),
    { numRuns: 200 },
  );
});

test.each<[string, Partial<Frame> & { readonly length?: number }, number, string]>([
  ["of an unknown kind", { kind: 16 as FrameKind }, epoch, "unknown kind 16"],
  ["of kind 0", { kind: 0 as FrameKind }, epoch, "unknown kind 0"],
  ["of another epoch", {}, epoch + 1, "a frame of epoch 7 came, expected 8"],
  ["larger than a segment", { length: SEGMENT_BYTES + 1 }, epoch, `more than ${SEGMENT_BYTES}`],
  ["of credit with a payload", { kind: kinds.credit, length: 1 }, epoch, "more than 0"],
  ["that opens a channel for a long name", { kind: kinds.open, length: 513 }, epoch, "more than 512"],
])("a frame %s is refused by name", (_, { kind = kinds.data, length = 8 }, expected, message) => {
  const header = new Uint8Array(HEADER_BYTES);
  writeHeader(new DataView(header.buffer), 0, kind, epoch, { length });
  expect(() => pushBytes(new FrameReader(new Gathering(), expected), header)).toThrow(message);
});
