import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Gate } from "../../../core/operator.ts";
import type { InputChannel, OutputChannel } from "../../../runtime/exchange/channel.ts";
import { BatchDecoder } from "../../../runtime/exchange/codec/batch-decoder.ts";
import { createDoorbells, Doorbell } from "../../../runtime/exchange/doorbell.ts";
import { LocalChannel } from "../../../runtime/exchange/local-channel.ts";
import { OvertakenChannel } from "../../../runtime/exchange/overtaken-channel.ts";
import { createPoolBuffer, SegmentPool } from "../../../runtime/exchange/segment-pool.ts";
import { SharedInputChannel, SharedOutputChannel } from "../../../runtime/exchange/shared-channel.ts";
import { CONTROL_BLOCK_BYTES } from "../../../runtime/exchange/shared-ring.ts";

interface Ends {
  readonly output: OutputChannel;
  readonly input: InputChannel;
}

function local(): Ends {
  const channel = new LocalChannel();
  return { output: channel, input: channel };
}

function shared(): Ends {
  const doorbells = createDoorbells(2);
  const segments = createPoolBuffer(1);
  const control = new SharedArrayBuffer(CONTROL_BLOCK_BYTES);
  const doorbell = new Doorbell(doorbells, 0);
  const input = new SharedInputChannel({ operator: "consumer", control, segments, doorbell });
  const output = new SharedOutputChannel({
    ...{ operator: "producer", control, pool: new SegmentPool(segments, 1), doorbell, fields: undefined },
    sendOversize: (serial, frame) => input.receiveOversize(serial, frame),
  });
  return { output, input };
}

/** What a consumer does with a channel that it may be cut in front of, and what a recorder is told. */
class Consumer {
  readonly taken: string[] = [];
  readonly recorded: string[] = [];
  readonly done: number[] = [];
  channel: InputChannel;
  #midBatch = false;

  constructor(channel: InputChannel) {
    this.channel = channel;
  }

  /** Takes one element; of a batch at most so many records, as if there were no more credit. */
  take(most: number): boolean {
    if (this.channel instanceof OvertakenChannel && this.channel.isOver) this.channel = this.channel.inner;
    if (!this.#midBatch) {
      const kind = this.channel.poll();
      if (kind === undefined) return false;
      if (kind !== "batch") {
        const { watermarkRead, barrierRead } = this.channel;
        this.taken.push(kind === "watermark" ? `w${watermarkRead}` : kind === "barrier" ? `b${barrierRead}` : kind);
        return true;
      }
    }
    let left = most;
    const gate: Gate = {
      get blocked() {
        return left === 0;
      },
    };
    const push = (value: unknown): void => {
      this.taken.push(String(value));
      left--;
    };
    this.#midBatch = !this.channel.batch.deliver(push, gate);
    if (!this.#midBatch) this.channel.release();
    return true;
  }

  cut(checkpoint: number): void {
    const midBatch = this.#midBatch;
    const channel =
      this.channel instanceof OvertakenChannel
        ? this.channel
        : new OvertakenChannel({ inner: this.channel, operator: "consumer", fields: undefined, midBatch });
    this.channel = channel;
    channel.record(checkpoint, {
      add: (kind, time, frame) => {
        if (frame === undefined) this.recorded.push(kind === "watermark" ? `w${time}` : kind);
        else this.recorded.push(...recordsOf(frame));
      },
      fail: (cause) => {
        throw cause;
      },
      done: () => this.done.push(checkpoint),
    });
  }
}

function recordsOf(frame: Uint8Array): string[] {
  const decoder = new BatchDecoder({ operator: "reader" });
  decoder.bind(frame);
  const records: string[] = [];
  decoder.deliver((value) => records.push(String(value)), { blocked: false });
  return records;
}

type Step = "write" | "flush" | "watermark" | "idle" | "take" | "take some" | "ahead";

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.constantFrom<Step>("write", "write", "write", "flush", "watermark", "idle", "take", "take some", "ahead"),
  { maxLength: 60 },
);

/** Both ends, with all that was sent in order. */
class Both {
  readonly sent: string[] = [];
  readonly consumer: Consumer;
  readonly #output: OutputChannel;
  #next = 0;
  #idle = false;

  constructor({ output, input }: Ends) {
    this.#output = output;
    this.consumer = new Consumer(input);
  }

  run(steps: readonly Step[]): void {
    for (const step of steps) this.#do(step);
  }

  #do(step: Step): void {
    const { consumer } = this;
    if (step === "write") {
      this.sent.push(String(this.#next));
      this.#output.write(this.#next++, 0);
    } else if (step === "flush") this.#output.flush();
    else if (step === "watermark") this.watermark(this.#next);
    else if (step === "idle") {
      this.#idle = !this.#idle;
      this.#output.idle(this.#idle);
      this.sent.push(this.#idle ? "idle" : "active");
    } else if (step === "take") consumer.take(Number.POSITIVE_INFINITY);
    else if (step === "take some") consumer.take(1);
    else if (consumer.channel instanceof OvertakenChannel) consumer.channel.readAhead();
    this.#output.drain();
  }

  /** Of several that wait only the last one is sent, so each is sent at once. */
  watermark(time: number): void {
    this.#output.watermark(time);
    this.#output.flush();
  }

  barrier(checkpoint: number): void {
    this.#output.barrier(checkpoint);
  }

  end(): void {
    this.#output.end();
  }

  /** Takes all that there is. */
  takeAll(): void {
    do this.#output.drain();
    while (this.consumer.take(Number.POSITIVE_INFINITY));
  }

  readAllAhead(): void {
    const { channel } = this.consumer;
    do this.#output.drain();
    while (channel instanceof OvertakenChannel && channel.readAhead());
  }
}

const isRecord = (element: string): boolean => /^\d+$/.test(element);
const records = (elements: readonly string[]): readonly string[] => elements.filter(isRecord);

describe.each([
  ["within a slot", local],
  ["between slots", shared],
])("a channel %s", (_, open) => {
  test("what comes between the cut and the barrier is recorded once, and all of it delivered once, in order", () => {
    fc.assert(
      fc.property(steps, steps, steps, (before, between, behind) => {
        const both = new Both(open());
        const { consumer } = both;
        both.run(before);
        const takenAtCut = records(consumer.taken).length;
        consumer.cut(1);
        both.run(between);
        both.barrier(1);
        const sentBefore = records(both.sent).length;
        both.run(behind);
        both.readAllAhead();
        both.takeAll();
        both.end();
        both.takeAll();
        expect(consumer.done).toEqual([1]);
        expect(records(consumer.recorded)).toEqual(records(both.sent).slice(takenAtCut, sentBefore));
        expect(records(consumer.taken)).toEqual(records(both.sent));
        expect(consumer.taken.at(-1)).toBe("end");
        expect(consumer.channel).not.toBeInstanceOf(OvertakenChannel);
      }),
    );
  });

  test("a second cut records again what was read ahead for the first and not taken", () => {
    fc.assert(
      fc.property(steps, steps, fc.boolean(), (before, between, givenUp) => {
        const both = new Both(open());
        const { consumer } = both;
        consumer.cut(1);
        both.run(before);
        if (givenUp) (consumer.channel as OvertakenChannel).abandon(1);
        both.barrier(1);
        both.readAllAhead();
        const takenAtCut = records(consumer.taken).length;
        consumer.recorded.length = 0;
        consumer.cut(2);
        both.run(between);
        both.barrier(2);
        both.readAllAhead();
        both.takeAll();
        expect(consumer.done.at(-1)).toBe(2);
        expect(records(consumer.recorded)).toEqual(records(both.sent).slice(takenAtCut));
        expect(records(consumer.taken)).toEqual(records(both.sent));
      }),
    );
  });

  test("reading ahead gives credit back, so that the barrier comes though nothing is taken", () => {
    const { output, input } = open();
    const consumer = new Consumer(input);
    for (let record = 0; record < 20_000; record++) output.write(record, 0);
    output.barrier(1);
    expect(output.drain()).toBe(false);
    consumer.cut(1);
    while ((consumer.channel as OvertakenChannel).readAhead()) output.drain();
    expect(output.blocked).toBe(false);
    expect([consumer.done, consumer.recorded.length, consumer.taken]).toEqual([[1], 20_000, []]);
    expect((consumer.channel as OvertakenChannel).bytesAhead).toBeGreaterThan(20_000);
    while (consumer.take(7));
    expect(consumer.taken.map(Number)).toEqual(Array.from({ length: 20_000 }, (__, record) => record));
  });

  test("watermarks and idleness are recorded where they stand", () => {
    const both = new Both(open());
    const { consumer } = both;
    both.watermark(3);
    consumer.cut(1);
    both.run(["write", "watermark", "idle", "write"]);
    both.barrier(1);
    both.readAllAhead();
    expect(consumer.recorded).toEqual(["w3", "0", "w1", "idle", "1"]);
  });

  test("the barrier of a newer checkpoint ends the recording and is delivered; an older one is passed over", () => {
    const both = new Both(open());
    const { consumer } = both;
    consumer.cut(2);
    both.barrier(1);
    both.run(["write"]);
    both.barrier(3);
    both.readAllAhead();
    expect(consumer.done).toEqual([2]);
    both.takeAll();
    expect(consumer.taken).toEqual(["0", "b3"]);
  });

  test("the end ends the recording", () => {
    const both = new Both(open());
    both.consumer.cut(1);
    both.run(["write"]);
    both.end();
    both.readAllAhead();
    expect([both.consumer.done, both.consumer.recorded]).toEqual([[1], ["0", "end"]]);
  });
});

test("a record that cannot be written down is said to be the reason, and is delivered all the same", () => {
  const { output, input } = local();
  const channel = new OvertakenChannel({ inner: input, operator: "consumer", fields: undefined, midBatch: false });
  const failures: unknown[] = [];
  channel.record(1, { add: () => {}, done: () => {}, fail: (cause) => failures.push(cause) });
  const noPlainData = new Map();
  output.write(noPlainData, 0);
  output.flush();
  expect(channel.readAhead()).toBe(true);
  expect(failures).toMatchObject([{ code: "BAD_RECORD", operator: "consumer" }]);
  const values: unknown[] = [];
  expect(channel.poll()).toBe("batch");
  channel.batch.deliver((value) => values.push(value), { blocked: false });
  expect(values).toEqual([noPlainData]);
});
