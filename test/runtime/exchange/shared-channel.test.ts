import { describe, expect, test } from "vitest";
import {
  CHANNEL_CREDIT,
  CHANNEL_FLOOR_SEGMENTS,
  OVERSIZE_BYTES_UNDER_WAY,
  POOL_SHARED_SEGMENTS,
  SEGMENT_BYTES,
} from "../../../core/limits.ts";
import type { InputChannel } from "../../../runtime/exchange/channel.ts";
import { createDoorbells, Doorbell } from "../../../runtime/exchange/doorbell.ts";
import { createPoolBuffer, SegmentPool } from "../../../runtime/exchange/segment-pool.ts";
import { SharedInputChannel, SharedOutputChannel } from "../../../runtime/exchange/shared-channel.ts";
import { CONTROL_BLOCK_BYTES } from "../../../runtime/exchange/shared-ring.ts";
import { type ChannelEnds, channelSuite } from "../../conformance/channel.ts";

const open = { blocked: false };
const poison = 0xdb;

interface OpenOptions {
  readonly channels?: number;
  /** Where the counters of the control block begin. */
  readonly firstCount?: number;
  /** Whether frames larger than a segment arrive before their descriptors, or when they are let arrive. */
  readonly beside?: "before" | "later";
}

/** Channels of one producing slot to one consuming slot, both in this thread. Released segments are poisoned. */
function openChannels({ channels = 1, firstCount = 0, beside = "later" }: OpenOptions = {}): ChannelEnds[] {
  const doorbells = createDoorbells(2);
  const segments = createPoolBuffer(channels);
  const pool = new SegmentPool(segments, channels);
  return Array.from({ length: channels }, () => {
    const control = new SharedArrayBuffer(CONTROL_BLOCK_BYTES);
    new Int32Array(control).fill(firstCount, 0, 1).fill(firstCount, 16, 17);
    const arriving: [number, SharedArrayBuffer][] = [];
    const arrive = (): void => {
      for (const [serial, frame] of arriving.splice(0)) input.receiveOversize(serial, frame);
    };
    const input = new SharedInputChannel({
      operator: "consumer",
      control,
      segments,
      doorbell: new Doorbell(doorbells, 0),
    });
    const output = new SharedOutputChannel({
      operator: "producer",
      control,
      pool,
      doorbell: new Doorbell(doorbells, 1),
      sendOversize: (serial, frame) => {
        arriving.push([serial, frame]);
        if (beside === "before") arrive();
      },
      fields: undefined,
    });
    return { output, input: poisoning(input), arrive };
  });
}

/** In one thread, the producer takes a segment again only later than this. */
function poisoning(input: SharedInputChannel): InputChannel {
  return {
    poll: () => input.poll(),
    get batch() {
      return input.batch;
    },
    get watermarkRead() {
      return input.watermarkRead;
    },
    get barrierRead() {
      return input.barrierRead;
    },
    release() {
      const { frame } = input.batch;
      input.release();
      frame?.fill(poison);
    },
  };
}

function openChannel(options?: OpenOptions): ChannelEnds {
  return openChannels(options)[0] as ChannelEnds;
}

/** A batch that fills most of a segment. */
function sendBatch({ output }: ChannelEnds): void {
  output.write({ filler: "x".repeat(SEGMENT_BYTES - 4096) }, 0);
}

function takeBatch({ input }: ChannelEnds): unknown[] {
  const records: unknown[] = [];
  expect(input.poll()).toBe("batch");
  input.batch.deliver((value) => records.push(value), open);
  input.release();
  return records;
}

channelSuite("shared", openChannel);
channelSuite("shared, beside other channels of the pool", () => openChannels({ channels: 3 })[1] as ChannelEnds);
channelSuite("shared, while the counters wrap around", () => openChannel({ firstCount: 2 ** 31 - 3 }));
channelSuite("shared, large frames arriving before their descriptors", () => openChannel({ beside: "before" }));

describe("records larger than a segment", () => {
  const large = { text: "y".repeat(3 * SEGMENT_BYTES) };

  test("a large record's batch waits for its frame, and keeps its place", () => {
    const ends = openChannel();
    ends.output.write(large, 1);
    ends.output.watermark(1);
    ends.output.flush();
    ends.output.write("after", 2);
    ends.output.flush();
    expect(ends.input.poll()).toBe(undefined);
    ends.arrive();
    expect(takeBatch(ends)).toEqual([large]);
    expect(ends.input.poll()).toBe("watermark");
    expect(takeBatch(ends)).toEqual(["after"]);
  });

  test("a frame that arrives before its descriptor is kept", () => {
    const ends = openChannel();
    for (let i = 0; i < CHANNEL_CREDIT; i++) sendBatch(ends);
    ends.output.write(large, 1);
    ends.output.end();
    ends.arrive();
    for (let i = 0; i < CHANNEL_CREDIT; i++) takeBatch(ends);
    ends.output.drain();
    ends.arrive();
    expect(takeBatch(ends)).toEqual([large]);
    expect(ends.input.poll()).toBe("end");
  });

  test("together they are bounded, and one that alone exceeds the bound still travels", () => {
    const ends = openChannel();
    const half = { text: "z".repeat(OVERSIZE_BYTES_UNDER_WAY / 2 - 4096) };
    for (const value of [half, half, half]) ends.output.write(value, 0);
    ends.output.flush();
    expect(ends.output.blocked).toBe(true);
    ends.arrive();
    expect(takeBatch(ends)).toEqual([half]);
    expect(ends.output.drain()).toBe(true);
    ends.arrive();
    for (let i = 0; i < 2; i++) takeBatch(ends);
    ends.output.write({ text: "w".repeat(2 * OVERSIZE_BYTES_UNDER_WAY) }, 0);
    expect(ends.output.blocked).toBe(false);
  });
});

describe("the pool of segments", () => {
  const hogs = Math.ceil(POOL_SHARED_SEGMENTS / (CHANNEL_CREDIT - CHANNEL_FLOOR_SEGMENTS)) + 1;

  test("a channel gets its floor when others have taken all that is shared, and no more", () => {
    const channels = openChannels({ channels: hogs + 1 });
    const [last, ...others] = channels as [ChannelEnds, ...ChannelEnds[]];
    for (const hog of others) while (!hog.output.blocked) sendBatch(hog);
    for (let i = 0; i < CHANNEL_FLOOR_SEGMENTS; i++) sendBatch(last);
    expect(last.output.blocked).toBe(false);
    sendBatch(last);
    expect(last.output.blocked).toBe(true);
    takeBatch(last);
    expect(last.output.drain()).toBe(true);
  });

  test("segments that a silent channel's consumer has released are there for the others", () => {
    const channels = openChannels({ channels: hogs + 1 });
    const [last, ...others] = channels as [ChannelEnds, ...ChannelEnds[]];
    for (const hog of others) while (!hog.output.blocked) sendBatch(hog);
    // The consumers take everything; of the producers, only the last one sends again.
    for (const hog of others)
      for (let i = 0; i < CHANNEL_CREDIT && hog.input.poll() === "batch"; i++) hog.input.release();
    for (let i = 0; i < CHANNEL_CREDIT; i++) sendBatch(last);
    expect(last.output.blocked).toBe(false);
  });

  test("after any use the pool deals out as much as at the start", () => {
    const channels = openChannels({ channels: hogs });
    const fill = (): number[] =>
      channels.map((hog) => {
        let sent = 0;
        for (; !hog.output.blocked; sent++) sendBatch(hog);
        return sent;
      });
    const empty = ({ input, output }: ChannelEnds): void => {
      for (;;) {
        if (input.poll() === "batch") input.release();
        else if (output.blocked) output.drain();
        else return;
      }
    };
    const atFirst = fill();
    for (let round = 0; round < 20; round++) {
      for (const hog of channels) empty(hog);
      expect(fill()).toEqual(atFirst);
    }
  });

  test("control elements need no segment", () => {
    const channels = openChannels({ channels: hogs + 1 });
    const [last, ...others] = channels as [ChannelEnds, ...ChannelEnds[]];
    for (const hog of others) while (!hog.output.blocked) sendBatch(hog);
    for (let i = 0; i < CHANNEL_FLOOR_SEGMENTS; i++) sendBatch(last);
    last.output.end();
    expect(last.output.blocked).toBe(false);
  });
});

test("a batch is not read after its release", () => {
  const ends = openChannel();
  sendBatch(ends);
  const { batch } = ends.input;
  takeBatch(ends);
  expect(batch.frame).toBe(undefined);
  expect(() => batch.deliver(() => {}, open)).toThrow("valid until its release");
});

test("channels of one pool never share a segment", () => {
  const channels = openChannels({ channels: 3 });
  const sent = channels.map((): number[] => []);
  const taken = channels.map((): number[] => []);
  const take = ({ input }: ChannelEnds, index: number): boolean => {
    const element = input.poll();
    if (element !== "batch") return element !== "end";
    input.batch.deliver((value) => taken[index]?.push((value as { id: number }).id), open);
    input.release();
    return true;
  };
  let id = 0;
  for (let round = 0; round < 400; round++) {
    for (const [index, ends] of channels.entries()) {
      if ((round + index) % 3 !== 0) take(ends, index);
      if (!ends.output.drain()) continue;
      for (let i = 0; i <= (round * 7 + index) % 5; i++) {
        sent[index]?.push(id);
        ends.output.write({ id: id++, filler: "x".repeat((round * 31) % 500) }, 0);
      }
      ends.output.flush();
    }
  }
  for (const [index, ends] of channels.entries()) {
    ends.output.end();
    while (take(ends, index)) ends.output.drain();
  }
  expect(taken).toEqual(sent);
});
