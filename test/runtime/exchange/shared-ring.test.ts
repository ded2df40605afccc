/** A ring by itself: frames of any bytes, moved without a codec. */

import { expect, test } from "vitest";
import { CHANNEL_CREDIT, CHANNEL_FLOOR_SEGMENTS, SEGMENT_BYTES } from "../../../core/limits.ts";
import { createDoorbells, Doorbell } from "../../../runtime/exchange/doorbell.ts";
import { RingConsumer } from "../../../runtime/exchange/ring-consumer.ts";
import { RingProducer } from "../../../runtime/exchange/ring-producer.ts";
import { createPoolBuffer, SegmentPool } from "../../../runtime/exchange/segment-pool.ts";
import { CONTROL_BLOCK_BYTES } from "../../../runtime/exchange/shared-ring.ts";

interface Ring {
  readonly producer: RingProducer;
  readonly consumer: RingConsumer;
  /** How often the producer's slot was rung. */
  rings(): number;
  arrive(): void;
}

function openRing(firstCount = 0): Ring {
  const doorbells = createDoorbells(2);
  const segments = createPoolBuffer(1);
  const control = new SharedArrayBuffer(CONTROL_BLOCK_BYTES);
  new Int32Array(control).fill(firstCount, 0, 1).fill(firstCount, 16, 17);
  const arriving: [number, SharedArrayBuffer][] = [];
  const consumer = new RingConsumer({ control, segments, doorbell: new Doorbell(doorbells, 0) });
  const producer = new RingProducer({
    control,
    pool: new SegmentPool(segments, 1),
    doorbell: new Doorbell(doorbells, 1),
    sendOversize: (serial, frame) => arriving.push([serial, frame]),
  });
  return {
    producer,
    consumer,
    rings: () => new Int32Array(doorbells)[0] as number,
    arrive: () => {
      for (const [serial, frame] of arriving.splice(0)) consumer.receiveOversize(serial, frame);
    },
  };
}

function bytes(value: number, length = 24): Uint8Array {
  return new Uint8Array(length).fill(value);
}

test("what is sent comes in its order, byte for byte, each with its watermark", () => {
  const { producer, consumer } = openRing();
  producer.trySend(bytes(1), 10);
  producer.trySignal("idle", Number.NaN);
  producer.trySignal("active", Number.NaN);
  producer.trySend(bytes(2), Number.NaN);
  producer.trySignal("watermark", 20);
  producer.trySignal("barrier", 2 ** 40);
  producer.trySignal("end", Number.NaN);
  const came: unknown[] = [];
  for (let element = consumer.take(); element !== undefined; element = consumer.take()) {
    came.push([element, element === "frame" ? consumer.frame[0] : undefined, consumer.value]);
    consumer.release();
  }
  expect(came).toEqual([
    ["frame", 1, 10],
    ["idle", undefined, Number.NaN],
    ["active", undefined, Number.NaN],
    ["frame", 2, Number.NaN],
    ["watermark", undefined, 20],
    ["barrier", undefined, 2 ** 40],
    ["end", undefined, Number.NaN],
  ]);
  expect(producer.bytes).toBe(48);
});

test("without credit a frame and a signal are refused, and a release brings room for one", () => {
  const { producer, consumer } = openRing();
  for (let i = 0; i < CHANNEL_CREDIT; i++) expect(producer.trySend(bytes(i), Number.NaN)).toBe(true);
  expect(producer.trySend(bytes(99), Number.NaN)).toBe(false);
  expect(producer.trySignal("end", Number.NaN)).toBe(false);
  expect(producer.takeSegment()).toBe(-1);
  consumer.take();
  expect(producer.trySend(bytes(99), Number.NaN)).toBe(false);
  consumer.release();
  expect(producer.trySend(bytes(99), Number.NaN)).toBe(true);
});

test("several frames may be taken before the first is released, while the counters wrap around", () => {
  const { producer, consumer } = openRing(2 ** 31 - 3);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < CHANNEL_CREDIT; i++) expect(producer.trySend(bytes(round * 10 + i), Number.NaN)).toBe(true);
    const frames = Array.from({ length: CHANNEL_CREDIT }, () =>
      consumer.take() === "frame" ? consumer.frame : undefined,
    );
    expect(consumer.take()).toBe(undefined);
    expect(frames.map((frame) => frame?.[0])).toEqual(frames.map((_, i) => round * 10 + i));
    for (const _ of frames) consumer.release();
    expect(() => consumer.release()).toThrow("no element to release");
  }
});

test("a frame larger than a segment keeps its place, and waits until its memory has arrived", () => {
  const { producer, consumer, arrive } = openRing();
  producer.trySend(bytes(7, SEGMENT_BYTES + 1), 5);
  producer.trySend(bytes(8), Number.NaN);
  expect(consumer.take()).toBe(undefined);
  arrive();
  expect(consumer.take()).toBe("frame");
  expect([consumer.frame.length, consumer.frame[0], consumer.value]).toEqual([SEGMENT_BYTES + 1, 7, 5]);
  expect(consumer.take()).toBe("frame");
  expect(consumer.frame[0]).toBe(8);
});

test("a segment that is given back leaves no trace", () => {
  const { producer, consumer } = openRing();
  for (let i = 0; i < 100; i++) producer.giveBack(producer.takeSegment());
  const segment = producer.takeSegment();
  producer.view(segment).fill(3, 0, 16);
  producer.publish(segment, 16, Number.NaN);
  expect(consumer.take()).toBe("frame");
  expect([...consumer.frame]).toEqual(new Array(16).fill(3));
});

test("a release rings the producer only when it may have waited", () => {
  const { producer, consumer, rings } = openRing();
  for (let i = 0; i < CHANNEL_CREDIT; i++) producer.trySend(bytes(i), Number.NaN);
  const rung: number[] = [];
  for (let used = CHANNEL_CREDIT; used > 0; used--) {
    const before = rings();
    consumer.take();
    consumer.release();
    if (rings() > before) rung.push(used);
  }
  expect(rung).toEqual([CHANNEL_CREDIT, CHANNEL_FLOOR_SEGMENTS]);
});

test("segments that were taken ahead are published one after the other, and none is dealt out while its frame waits", () => {
  const { producer, consumer } = openRing();
  const ahead = Array.from({ length: CHANNEL_CREDIT + 1 }, () => producer.takeSegment());
  for (const [at, segment] of ahead.entries()) {
    producer.publish(segment, 24, Number.NaN);
    expect(consumer.take()).toBe("frame");
    if (at < CHANNEL_CREDIT) consumer.release();
  }
  const free = Array.from({ length: CHANNEL_CREDIT }, () => producer.takeSegment());
  expect(free).not.toContain(ahead.at(-1));
});
