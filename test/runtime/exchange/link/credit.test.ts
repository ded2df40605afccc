/**
 * The credit of one link's channels against a scripted world: reads that end anywhere, turns between them, consumers
 * that take when they like. Both sides look for work only when something has woken them, as they do in a process, so a
 * wake-up that is lost shows as a channel that stands still.
 */

import { Writable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  CHANNEL_CREDIT,
  CHANNEL_FLOOR_SEGMENTS,
  POOL_SHARED_SEGMENTS,
  SEGMENT_BYTES,
} from "../../../../core/limits.ts";
import { createDoorbells, Doorbell } from "../../../../runtime/exchange/doorbell.ts";
import { type FrameHandler, FrameReader } from "../../../../runtime/exchange/link/frame-reader.ts";
import { FrameWriter } from "../../../../runtime/exchange/link/frame-writer.ts";
import { IncomingChannel } from "../../../../runtime/exchange/link/incoming-channel.ts";
import { type FrameHeader, kinds, LinkViolation } from "../../../../runtime/exchange/link/link-frame.ts";
import { OutgoingChannel } from "../../../../runtime/exchange/link/outgoing-channel.ts";
import { RingConsumer } from "../../../../runtime/exchange/ring-consumer.ts";
import { RingProducer } from "../../../../runtime/exchange/ring-producer.ts";
import { createPoolBuffer, SegmentPool } from "../../../../runtime/exchange/segment-pool.ts";
import { CONTROL_BLOCK_BYTES } from "../../../../runtime/exchange/shared-ring.ts";

const epoch = 1;

/** A socket that takes everything at once and keeps it until it is read. */
class Pipe {
  #bytes: Uint8Array[] = [];
  readonly writable = new Writable({
    write: (chunk: Uint8Array, _, done) => {
      // A copy, as the kernel makes: the segment is the producer's again from now on.
      this.#bytes.push(Uint8Array.from(chunk));
      done();
    },
  });

  /** Hands over up to so many bytes; how many it were. */
  read(reader: FrameReader, limit: number): number {
    let read = 0;
    while (read < limit && this.#bytes.length > 0) {
      const first = this.#bytes[0] as Uint8Array;
      const { space } = reader;
      const count = Math.min(space.length, first.length, limit - read);
      space.set(first.subarray(0, count));
      reader.received(count);
      read += count;
      if (count === first.length) this.#bytes.shift();
      else this.#bytes[0] = first.subarray(count);
    }
    return read;
  }
}

interface Channel {
  readonly producer: RingProducer;
  readonly outgoing: OutgoingChannel;
  readonly incoming: IncomingChannel;
  readonly consumer: RingConsumer;
  /** What was published and has not been consumed: the first byte of a frame, or the time of a watermark. */
  readonly expected: number[];
  readonly arriving: (() => void)[];
}

/** Two workers and a link between them; the slots' ends of its channels are used by the test. */
class Side {
  /** Of slot and network. */
  readonly bells = createDoorbells(2);
  #seen = 0;

  /** Whether the network was rung since the last look. */
  rung(): boolean {
    const rings = new Int32Array(this.bells)[16] as number;
    const rung = rings !== this.#seen;
    this.#seen = rings;
    return rung;
  }
}

class World {
  readonly #a = new Side();
  readonly #b = new Side();
  readonly #there = new Pipe();
  readonly #back = new Pipe();
  readonly #fromA = new FrameWriter(this.#there.writable, epoch, () => {});
  readonly #fromB = new FrameWriter(this.#back.writable, epoch, () => {});
  readonly #toB: FrameReader;
  readonly #toA: FrameReader;
  readonly channels: Channel[];
  #next = 1;

  constructor(channels: number) {
    const poolA = createPoolBuffer(channels);
    const poolB = createPoolBuffer(channels);
    const dealtA = new SegmentPool(poolA, channels);
    const dealtB = new SegmentPool(poolB, channels);
    this.channels = Array.from({ length: channels }, (_, number) => this.#open(number, poolA, poolB, dealtA, dealtB));
    this.#toB = new FrameReader(this.#handler("incoming"), epoch);
    this.#toA = new FrameReader(this.#handler("outgoing"), epoch);
  }

  publish(channel: Channel, size: number): void {
    const value = this.#next++ & 0xff;
    const sent =
      size === 0
        ? channel.producer.trySignal("watermark", value)
        : channel.producer.trySend(new Uint8Array(size).fill(value), Number.NaN);
    if (sent) channel.expected.push(value);
  }

  consume(channel: Channel): boolean {
    for (const arrive of channel.arriving.splice(0)) arrive();
    const { consumer, expected } = channel;
    const element = consumer.take();
    if (element === undefined) return false;
    const came = element === "frame" ? [consumer.frame[0], consumer.frame.at(-1)] : [consumer.value];
    const value = expected.shift();
    expect(came).toEqual(came.map(() => value));
    consumer.frame.fill(0xff);
    consumer.release();
    return true;
  }

  turnOfA(): boolean {
    let worked = false;
    for (const { outgoing } of this.channels) while (outgoing.send(this.#fromA)) worked = true;
    this.#fromA.flush();
    return worked;
  }

  turnOfB(): boolean {
    let worked = false;
    for (const { incoming } of this.channels) if (incoming.grant(this.#fromB)) worked = true;
    this.#fromB.flush();
    return worked;
  }

  readAtA(limit: number): boolean {
    return this.#back.read(this.#toA, limit) > 0;
  }

  readAtB(limit: number): boolean {
    return this.#there.read(this.#toB, limit) > 0;
  }

  /** Lets everything happen that something has woken; the consumers take all that comes. */
  async settle(): Promise<void> {
    let wakeA = true;
    let wakeB = true;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [readA, readB] = [this.readAtA(1e9), this.readAtB(1e9)];
      const rung = [this.#a.rung(), this.#b.rung()];
      const workedA: boolean = (wakeA || readA || rung[0] === true) && this.turnOfA();
      const workedB: boolean = (wakeB || readB || rung[1] === true) && this.turnOfB();
      [wakeA, wakeB] = [workedA, workedB];
      // One at a time, with a look by the network in between if it is rung.
      const consumed = this.channels.map((channel) => this.consume(channel)).some(Boolean);
      if (!readA && !readB && !workedA && !workedB && !consumed && !rung.some(Boolean)) return;
    }
  }

  #open(
    number: number,
    poolA: SharedArrayBuffer,
    poolB: SharedArrayBuffer,
    dealtA: SegmentPool,
    dealtB: SegmentPool,
  ): Channel {
    const [controlA, controlB] = [0, 1].map(() => new SharedArrayBuffer(CONTROL_BLOCK_BYTES)) as [
      SharedArrayBuffer,
      SharedArrayBuffer,
    ];
    const arriving: (() => void)[] = [];
    const fromSlot = new RingConsumer({ control: controlA, segments: poolA, doorbell: new Doorbell(this.#a.bells, 0) });
    const producer = new RingProducer({
      control: controlA,
      pool: dealtA,
      doorbell: new Doorbell(this.#a.bells, 1),
      sendOversize: (serial, frame) => fromSlot.receiveOversize(serial, frame),
    });
    const consumer = new RingConsumer({ control: controlB, segments: poolB, doorbell: new Doorbell(this.#b.bells, 1) });
    const toSlot = new RingProducer({
      control: controlB,
      pool: dealtB,
      doorbell: new Doorbell(this.#b.bells, 0),
      sendOversize: (serial, frame) => arriving.push(() => consumer.receiveOversize(serial, frame)),
    });
    return {
      producer,
      outgoing: new OutgoingChannel(number, { index: number, ring: fromSlot, control: controlA }),
      incoming: new IncomingChannel(number, { index: number, ring: toSlot, control: controlB }),
      consumer,
      expected: [],
      arriving,
    };
  }

  #handler(end: "incoming" | "outgoing"): FrameHandler {
    const channelOf = ({ channel }: FrameHeader): Channel => this.channels[channel] as Channel;
    return {
      place: (header) => channelOf(header).incoming.place(header),
      frame: (header) => {
        const { incoming, outgoing } = channelOf(header);
        if (end === "incoming") incoming.frame(header);
        else if (header.kind === kinds.credit) outgoing.addCredit(header.amount);
        else outgoing.addRoom();
      },
    };
  }
}

type Action =
  | { readonly kind: "publish"; readonly channel: number; readonly size: number; readonly times: number }
  | { readonly kind: "consume"; readonly channel: number; readonly times: number }
  | { readonly kind: "readAtA" | "readAtB"; readonly limit: number }
  | { readonly kind: "turnOfA" | "turnOfB" | "settle" };

const channelCount = 8;
const channel = fc.nat({ max: channelCount - 1 });
const size = fc.oneof(
  { arbitrary: fc.constant(0), weight: 2 },
  { arbitrary: fc.integer({ min: 1, max: 6000 }), weight: 5 },
  { arbitrary: fc.integer({ min: 1, max: SEGMENT_BYTES }), weight: 2 },
  { arbitrary: fc.integer({ min: SEGMENT_BYTES + 1, max: 4 * SEGMENT_BYTES }), weight: 1 },
);
const times = fc.integer({ min: 1, max: CHANNEL_CREDIT });
const limit = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 500_000 }));
const action: fc.Arbitrary<Action> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant("publish" as const), channel, size, times }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant("consume" as const), channel, times }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constantFrom("readAtA", "readAtB"), limit }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constantFrom("turnOfA", "turnOfB") }), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant("settle" as const) }), weight: 1 },
);

async function act(world: World, action: Action): Promise<void> {
  switch (action.kind) {
    case "publish":
      for (let i = 0; i < action.times; i++) world.publish(world.channels[action.channel] as Channel, action.size);
      break;
    case "consume":
      for (let i = 0; i < action.times; i++) world.consume(world.channels[action.channel] as Channel);
      break;
    case "readAtA":
    case "readAtB":
      world[action.kind](action.limit);
      break;
    case "settle":
      await world.settle();
      break;
    default:
      world[action.kind]();
  }
}

test("whatever the order of reads and turns, all elements come once in their places, and no channel stands still", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 120 }), async (actions) => {
      const world = new World(channelCount);
      for (const each of actions) await act(world, each);
      await world.settle();
      expect(world.channels.map(({ expected }) => expected)).toEqual(world.channels.map(() => []));
    }),
    { numRuns: 200 },
  );
});

test("what is granted is bounded by the ring and the pool while no consumer takes anything", async () => {
  const hogs = Math.ceil(POOL_SHARED_SEGMENTS / (CHANNEL_CREDIT - CHANNEL_FLOOR_SEGMENTS)) + 2;
  const world = new World(hogs);
  for (let round = 0; round < 40; round++) {
    for (const channel of world.channels) for (let i = 0; i < CHANNEL_CREDIT; i++) world.publish(channel, 100);
    world.turnOfB();
    world.readAtA(1e9);
    world.turnOfA();
    world.readAtB(1e9);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const published = world.channels.map(({ expected }) => expected.length);
  const inA = hogs * CHANNEL_FLOOR_SEGMENTS + POOL_SHARED_SEGMENTS;
  expect(published.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2 * inA);
  for (const count of published) expect(count).toBeGreaterThanOrEqual(2 * CHANNEL_FLOOR_SEGMENTS);
  await world.settle();
  expect(world.channels.flatMap(({ expected }) => expected)).toEqual([]);
});

test.each([1, 31, 40, 97])("turns between reads of %i bytes grant nothing twice", async (limit) => {
  const world = new World(1);
  const [channel] = world.channels as [Channel];
  for (let read = 0; read < 40_000; read += limit) {
    world.publish(channel, 200);
    world.turnOfB();
    world.readAtA(1e9);
    world.turnOfA();
    world.readAtB(limit);
    if (read % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(channel.expected.length).toBeLessThanOrEqual(2 * CHANNEL_CREDIT);
  await world.settle();
  expect(channel.expected).toEqual([]);
});

test("one channel whose consumer takes nothing leaves the others alone", async () => {
  const world = new World(3);
  const [slow, ...others] = world.channels as [Channel, ...Channel[]];
  for (let i = 0; i < 5 * CHANNEL_CREDIT; i++) {
    world.publish(slow, SEGMENT_BYTES);
    for (const channel of others) world.publish(channel, 1000);
    world.turnOfB();
    world.readAtA(1e9);
    world.turnOfA();
    world.readAtB(1e9);
    for (const channel of others) world.consume(channel);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const channel of others)
    while (world.consume(channel)) expect(channel.expected.length).toBeGreaterThanOrEqual(0);
  expect(slow.expected.length).toBeGreaterThanOrEqual(CHANNEL_CREDIT + CHANNEL_FLOOR_SEGMENTS);
  expect(slow.expected.length).toBeLessThanOrEqual(2 * CHANNEL_CREDIT);
  for (const channel of others) expect(channel.expected.length).toBeLessThan(2);
});

function header(fields: Partial<FrameHeader>): FrameHeader {
  return {
    length: 0,
    kind: kinds.data,
    channel: 0,
    amount: 0,
    backlog: 0,
    value: Number.NaN,
    ...fields,
  } as FrameHeader;
}

test.each<[string, Partial<FrameHeader>, string]>([
  ["without credit", { length: 8 }, "sent more than it was granted"],
  ["of a large frame that has no room", { kind: kinds.part, length: 8 }, "that got no room"],
])("a frame %s is a violation", (_, fields, message) => {
  const { incoming } = new World(1).channels[0] as Channel;
  expect(() => incoming.place(header(fields))).toThrow(message);
});

test.each<[string, Partial<FrameHeader>, string]>([
  ["a signal without credit", { kind: kinds.end }, "sent more than it was granted"],
  ["a large frame that is none", { kind: kinds.oversize, amount: SEGMENT_BYTES }, "announced a large frame of"],
  ["a large frame beyond all bounds", { kind: kinds.oversize, amount: 0xffff_ffff }, "announced a large frame of"],
  ["a frame without bytes", { kind: kinds.data }, "without bytes"],
])("%s is a violation", (_, fields, message) => {
  const { incoming } = new World(1).channels[0] as Channel;
  expect(() => incoming.frame(header(fields))).toThrow(message);
});

test("a peer that grants more than a channel has, or room that nobody asked for, breaks the protocol", () => {
  const { outgoing } = new World(1).channels[0] as Channel;
  expect(() => outgoing.addRoom()).toThrow(LinkViolation);
  outgoing.addCredit(CHANNEL_CREDIT);
  expect(() => outgoing.addCredit(1)).toThrow(LinkViolation);
});
