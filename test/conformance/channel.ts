/**
 * What every channel must do (`runtime/exchange/channel.ts`). An implementation's test calls `channelSuite` with a factory
 * and thereby claims the whole contract; what only one implementation promises is tested beside it.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_ROWS_MAX, CHANNEL_CREDIT } from "../../core/limits.ts";
import type { ElementKind, InputChannel, OutputChannel } from "../../runtime/exchange/channel.ts";
import { ChannelModel } from "./channel-model.ts";

export interface ChannelEnds {
  readonly output: OutputChannel;
  readonly input: InputChannel;
  /** Lets arrive what travels beside the channel: without it, some batches cannot be polled yet. */
  arrive(): void;
  /** How many records make a full batch, if not as many as a frame takes. */
  readonly batchRows?: number;
}

export type ChannelFactory = () => ChannelEnds;

export interface ChannelSuiteOptions {
  /** Whether somebody between the ends takes batches over from the producer before the consumer has released them. */
  readonly relayed?: boolean;
}

const open = { blocked: false };

function rowsOf({ batchRows = BATCH_ROWS_MAX }: ChannelEnds): number {
  return batchRows;
}

function writeBatches(ends: ChannelEnds, batches: number): void {
  for (let batch = 0; batch < batches; batch++)
    for (let index = 0; index < rowsOf(ends); index++) ends.output.write({ batch, index }, index);
}

/** The records that `writeBatches` has written. */
function written(ends: ChannelEnds, batches: readonly number[]): unknown[] {
  return batches.flatMap((batch) => Array.from({ length: rowsOf(ends) }, (_, index) => ({ batch, index })));
}

/** Polls, delivers and releases until nothing comes. */
function takeAll({ input, arrive }: ChannelEnds, records: unknown[] = []): ElementKind[] {
  const kinds: ElementKind[] = [];
  arrive();
  for (let kind = input.poll(); kind !== undefined; kind = input.poll()) {
    kinds.push(kind);
    if (kind !== "batch") continue;
    input.batch.deliver((value) => records.push(value), open);
    input.release();
  }
  return kinds;
}

export function channelSuite(name: string, factory: ChannelFactory, options: ChannelSuiteOptions = {}): void {
  describe(`${name}: elements`, () => elementSuite(factory));
  describe(`${name}: credit`, () => creditSuite(factory));
  describe(`${name}: credit of what is not released`, () => (options.relayed ? relayedSuite : heldSuite)(factory));
  describe(`${name}: random use`, () => randomUseSuite(factory));
}

function elementSuite(factory: ChannelFactory): void {
  test("nothing can be polled before a flush, and a batch comes with all its records after it", () => {
    const ends = factory();
    ends.output.write("a", 1);
    ends.output.write("b", 2);
    expect(ends.input.poll()).toBe(undefined);
    ends.output.flush();
    const taken: unknown[] = [];
    expect(ends.input.poll()).toBe("batch");
    expect(ends.input.batch.rows).toBe(2);
    expect(ends.input.batch.deliver((value, timestamp) => taken.push([value, timestamp]), open)).toBe(true);
    expect(taken).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    ends.input.release();
    expect(ends.input.poll()).toBe(undefined);
  });

  test("a full batch is sent without a flush", () => {
    const ends = factory();
    writeBatches(ends, 1);
    expect(takeAll(ends)).toEqual(["batch"]);
  });

  test("a watermark comes behind the records that were written before it, and only the latest counts", () => {
    const ends = factory();
    ends.output.write("a", 1);
    ends.output.watermark(5);
    ends.output.watermark(7);
    ends.output.flush();
    expect(takeAll(ends)).toEqual(["batch", "watermark"]);
    expect(ends.input.watermarkRead).toBe(7);
    ends.output.flush();
    expect(takeAll(ends)).toEqual([]);
  });

  test("the watermark of the end of time arrives as it is", () => {
    const ends = factory();
    ends.output.watermark(Number.POSITIVE_INFINITY);
    ends.output.end();
    expect(takeAll(ends)).toEqual(["watermark", "end"]);
    expect(ends.input.watermarkRead).toBe(Number.POSITIVE_INFINITY);
  });

  test("idleness, activity and the end send what was written before them first", () => {
    const ends = factory();
    ends.output.write("a", 1);
    ends.output.watermark(1);
    ends.output.idle(true);
    ends.output.idle(false);
    ends.output.write("b", 2);
    ends.output.end();
    expect(takeAll(ends)).toEqual(["batch", "watermark", "idle", "active", "batch", "end"]);
  });

  test("a barrier comes behind all that was written before it and before all that was written after, without a flush", () => {
    const ends = factory();
    ends.output.write("a", 1);
    ends.output.watermark(1);
    ends.output.barrier(7);
    ends.output.write("b", 2);
    ends.output.barrier(8);
    expect(takeAll(ends)).toEqual(["batch", "watermark", "barrier", "batch", "barrier"]);
    expect(ends.input.barrierRead).toBe(8);
  });

  test("barriers are not merged, and carry numbers beyond 32 bits", () => {
    const ends = factory();
    const checkpoints = [1, 2, 2 ** 53 - 1];
    for (const checkpoint of checkpoints) ends.output.barrier(checkpoint);
    ends.arrive();
    const came = checkpoints.map(() => [ends.input.poll(), ends.input.barrierRead]);
    expect(came).toEqual(checkpoints.map((checkpoint) => ["barrier", checkpoint]));
  });

  test("delivery stops after the record at which the gate became blocked, and goes on with the next", () => {
    const ends = factory();
    for (const value of ["a", "b", "c"]) ends.output.write(value, 0);
    ends.output.flush();
    expect(ends.input.poll()).toBe("batch");
    const taken: unknown[] = [];
    const gate = { blocked: false };
    const push = (value: unknown): void => {
      taken.push(value);
      gate.blocked = value === "b";
    };
    expect(ends.input.batch.deliver(push, gate)).toBe(false);
    expect(taken).toEqual(["a", "b"]);
    gate.blocked = false;
    expect(ends.input.batch.deliver(push, gate)).toBe(true);
    expect(taken).toEqual(["a", "b", "c"]);
  });

  test("a batch whose last record blocked the gate is delivered", () => {
    const ends = factory();
    ends.output.write("a", 0);
    ends.output.flush();
    ends.input.poll();
    const gate = { blocked: false };
    const push = (): void => {
      gate.blocked = true;
    };
    expect(ends.input.batch.deliver(push, gate)).toBe(true);
  });

  test("polling before the release of the batch before, and releasing without a batch, are programmers' errors", () => {
    const ends = factory();
    ends.output.write("a", 0);
    ends.output.flush();
    expect(() => ends.input.release()).toThrow("no batch to release");
    ends.input.poll();
    expect(() => ends.input.poll()).toThrow("must be released before");
  });

  test("records are counted as they are sent", () => {
    const ends = factory();
    writeBatches(ends, 1);
    ends.output.write("last", 0);
    ends.output.end();
    expect(ends.output.records).toBe(rowsOf(ends) + 1);
  });
}

function creditSuite(factory: ChannelFactory): void {
  test("so many batches are under way as there is credit; the next one waits and blocks the output", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT);
    expect(ends.output.blocked).toBe(false);
    writeBatches(ends, 1);
    expect(ends.output.blocked).toBe(true);
    expect(takeAll(ends)).toEqual(new Array(CHANNEL_CREDIT).fill("batch"));
    expect(ends.output.drain()).toBe(true);
    expect(ends.output.blocked).toBe(false);
    expect(takeAll(ends)).toEqual(["batch"]);
  });

  test("behind an overflow, flushes and watermarks add nothing", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT + 1);
    ends.output.write("last", 0);
    for (let time = 0; time < 100; time++) {
      ends.output.watermark(time);
      ends.output.flush();
    }
    const records: unknown[] = [];
    expect(takeAll(ends, records)).toEqual(new Array(CHANNEL_CREDIT).fill("batch"));
    expect(ends.output.drain()).toBe(true);
    ends.output.flush();
    expect(takeAll(ends, records)).toEqual(["batch", "batch", "watermark"]);
    expect(ends.input.watermarkRead).toBe(99);
    expect(records.at(-1)).toBe("last");
  });

  test("a batch never overtakes those that wait for credit", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT + 1);
    const records: unknown[] = [];
    takeAll(ends, records);
    writeBatches(ends, 1);
    ends.output.write("last", 0);
    ends.output.drain();
    ends.output.end();
    takeAll(ends, records);
    const batches = [...Array(CHANNEL_CREDIT + 1).keys(), 0];
    expect(records).toEqual([...written(ends, batches), "last"]);
  });

  test("a watermark waits for credit behind its batch", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT);
    ends.output.watermark(3);
    writeBatches(ends, 1);
    expect(takeAll(ends)).toEqual(new Array(CHANNEL_CREDIT).fill("batch"));
    ends.output.drain();
    ends.output.flush();
    expect(takeAll(ends)).toEqual(["batch", "watermark"]);
    expect(ends.input.watermarkRead).toBe(3);
  });

  test("what is said while a full batch waits for credit keeps its place behind that batch", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT + 1);
    ends.output.watermark(1);
    ends.output.idle(true);
    ends.output.idle(false);
    ends.output.watermark(2);
    ends.output.write("last", 0);
    ends.output.end();
    const records: unknown[] = [];
    const kinds = takeAll(ends, records);
    expect(kinds).toEqual(new Array(CHANNEL_CREDIT).fill("batch"));
    while (!ends.output.drain()) kinds.push(...takeAll(ends, records));
    kinds.push(...takeAll(ends, records));
    expect(kinds.slice(CHANNEL_CREDIT)).toEqual(["batch", "watermark", "idle", "active", "batch", "watermark", "end"]);
    expect(records.length).toBe((CHANNEL_CREDIT + 1) * rowsOf(ends) + 1);
    expect([records.at(-2), records.at(-1)]).toEqual([{ batch: CHANNEL_CREDIT, index: rowsOf(ends) - 1 }, "last"]);
  });

  test("a barrier waits for credit behind a full batch, and is not lost behind an overflow", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT + 1);
    ends.output.watermark(1);
    ends.output.barrier(1);
    ends.output.write("between", 0);
    ends.output.barrier(2);
    ends.output.write("last", 0);
    expect(ends.output.blocked).toBe(true);
    const records: unknown[] = [];
    const kinds = takeAll(ends, records);
    while (!ends.output.drain()) kinds.push(...takeAll(ends, records));
    ends.output.flush();
    kinds.push(...takeAll(ends, records));
    expect(kinds.slice(CHANNEL_CREDIT)).toEqual(["batch", "watermark", "barrier", "batch", "barrier", "batch"]);
    expect(records.slice(-2)).toEqual(["between", "last"]);
  });

  test("a batch that waited for credit is sent with the watermark that came meanwhile", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT + 1);
    for (let time = 0; time < 10; time++) ends.output.watermark(time);
    takeAll(ends);
    expect(ends.output.drain()).toBe(true);
    ends.output.flush();
    expect(takeAll(ends)).toEqual(["batch", "watermark"]);
    expect(ends.input.watermarkRead).toBe(9);
  });

  test("what one input record makes may exceed the credit many times, and drains in order", () => {
    const ends = factory();
    const batches = 3 * CHANNEL_CREDIT + 2;
    writeBatches(ends, batches);
    ends.output.end();
    const records: unknown[] = [];
    const kinds: ElementKind[] = [];
    for (let round = 0; round < batches && kinds.at(-1) !== "end"; round++) {
      const taken = takeAll(ends, records);
      expect(taken.length).toBeLessThanOrEqual(CHANNEL_CREDIT);
      kinds.push(...taken);
      ends.output.drain();
    }
    expect(kinds.at(-1)).toBe("end");
    expect(records).toEqual(written(ends, [...Array(batches).keys()]));
  });
}

function heldSuite(factory: ChannelFactory): void {
  test("a batch keeps its credit until it is released", () => {
    const ends = factory();
    writeBatches(ends, CHANNEL_CREDIT + 1);
    ends.input.poll();
    ends.input.batch.deliver(() => {}, open);
    expect(ends.output.drain()).toBe(false);
    ends.input.release();
    expect(ends.output.drain()).toBe(true);
  });
}

function relayedSuite(factory: ChannelFactory): void {
  test("what is under way is bounded while no batch is released, and a release of all lets it go on", () => {
    const ends = factory();
    let sent = 0;
    for (let round = 0; round < 10 * CHANNEL_CREDIT; round++) {
      ends.arrive();
      if (ends.output.drain()) writeBatches(ends, 1);
      else continue;
      sent++;
    }
    expect(ends.output.blocked).toBe(true);
    expect(sent).toBeLessThanOrEqual(2 * CHANNEL_CREDIT + 1);
    for (let taken = 0; taken < sent; ends.output.drain()) taken += takeAll(ends).length;
    expect(ends.output.blocked).toBe(false);
  });
}

type Action =
  | { readonly kind: "write"; readonly values: readonly unknown[]; readonly inputGoesOn: boolean }
  | { readonly kind: "watermark"; readonly step: number }
  | { readonly kind: "deliver"; readonly blockAfter: number }
  | { readonly kind: "idle" | "barrier" | "flush" | "drain" | "poll" | "release" | "arrive" };

/** Records of the kinds that channels treat alike, and some that are larger than a segment. */
const record = fc.oneof(
  { arbitrary: fc.record({ id: fc.nat(), name: fc.string({ maxLength: 20 }) }), weight: 6 },
  { arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ bytes })), weight: 2 },
  { arbitrary: fc.oneof(fc.integer(), fc.string(), fc.constant(null)), weight: 2 },
  { arbitrary: fc.integer({ min: 1, max: 200_000 }).map((size) => ({ large: "x".repeat(size) })), weight: 1 },
);

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      values: fc.array(record, { maxLength: 12 }),
      inputGoesOn: fc.boolean(),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({ kind: fc.constant("watermark" as const), step: fc.integer({ min: 1, max: 9 }) }),
    weight: 2,
  },
  {
    arbitrary: fc.record({ kind: fc.constant("deliver" as const), blockAfter: fc.integer({ min: 1, max: 9 }) }),
    weight: 4,
  },
  ...(["flush", "drain", "poll", "release", "arrive"] as const).map((kind) => ({
    arbitrary: fc.constant({ kind }),
    weight: 3,
  })),
  { arbitrary: fc.constant({ kind: "idle" as const }), weight: 1 },
  { arbitrary: fc.constant({ kind: "barrier" as const }), weight: 2 },
);

function randomUseSuite(factory: ChannelFactory): void {
  test("whatever the order of use, every element comes once, in its place", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const model = new ChannelModel(factory());
        for (const each of actions) act(model, each);
        model.finish();
      }),
      { numRuns: 150 },
    );
  });
}

function act(model: ChannelModel, action: Action): void {
  if (action.kind === "write") model.write(action.values, action.inputGoesOn);
  else if (action.kind === "watermark") model.watermark(action.step);
  else if (action.kind === "deliver") model.deliver(action.blockAfter);
  else model[action.kind]();
}
