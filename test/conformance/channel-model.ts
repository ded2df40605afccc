/** A channel beside a queue that says what must come out of it: the model of the channels' random use. */

import { expect } from "vitest";
import type { ChannelEnds } from "./channel.ts";

type Expected =
  | { readonly kind: "record"; readonly value: unknown; readonly timestamp: number }
  | { readonly kind: "idle" | "active" | "end" }
  | { readonly kind: "barrier"; readonly checkpoint: number }
  | { readonly kind: "watermark"; readonly timestamp: number };

export class ChannelModel {
  readonly #ends: ChannelEnds;
  /** What was put in and has not come out. A watermark may be passed over for a later one, and by records. */
  #queue: Expected[] = [];
  #time = 0;
  #idle = false;
  #checkpoint = 0;
  /** Whether a batch is polled, and whether all of it was delivered. */
  #batch: "none" | "open" | "delivered" = "none";
  /** Records as they came, beside what they must still be at the end. */
  readonly #kept: { readonly came: unknown; readonly expected: unknown }[] = [];

  constructor(ends: ChannelEnds) {
    this.#ends = ends;
  }

  /** While the output is blocked no input is taken, but what an input record has begun to make goes on. */
  write(values: readonly unknown[], inputGoesOn: boolean): void {
    if (this.#ends.output.blocked && !inputGoesOn) return;
    for (const value of values) {
      this.#queue.push({ kind: "record", value, timestamp: this.#time });
      this.#ends.output.write(value, this.#time);
    }
  }

  watermark(step: number): void {
    this.#time += step;
    this.#queue.push({ kind: "watermark", timestamp: this.#time });
    this.#ends.output.watermark(this.#time);
  }

  idle(): void {
    this.#idle = !this.#idle;
    this.#queue.push({ kind: this.#idle ? "idle" : "active" });
    this.#ends.output.idle(this.#idle);
  }

  barrier(): void {
    const checkpoint = ++this.#checkpoint;
    this.#queue.push({ kind: "barrier", checkpoint });
    this.#ends.output.barrier(checkpoint);
  }

  flush(): void {
    this.#ends.output.flush();
  }

  drain(): void {
    expect(this.#ends.output.drain()).toBe(!this.#ends.output.blocked);
  }

  arrive(): void {
    this.#ends.arrive();
  }

  poll(): void {
    if (this.#batch !== "none") return;
    const { input } = this.#ends;
    const kind = input.poll();
    if (kind === undefined) return;
    if (kind === "batch") {
      expect(input.batch.rows).toBeGreaterThan(0);
      this.#batch = "open";
    } else if (kind === "watermark") this.#watermarkCame(input.watermarkRead);
    else if (kind === "barrier") this.#barrierCame(input.barrierRead);
    else this.#controlCame(kind);
  }

  deliver(blockAfter: number): void {
    if (this.#batch !== "open") return;
    const gate = { blocked: false };
    let count = 0;
    const push = (value: unknown, timestamp: number): void => {
      this.#recordCame(value, timestamp);
      gate.blocked = ++count === blockAfter;
    };
    if (this.#ends.input.batch.deliver(push, gate)) this.#batch = "delivered";
    else expect(count).toBe(blockAfter);
  }

  release(): void {
    if (this.#batch !== "delivered") return;
    this.#batch = "none";
    this.#ends.input.release();
  }

  /** Ends the channel, takes all that is left, and looks at every record once more. */
  finish(): void {
    this.#queue.push({ kind: "end" });
    this.#ends.output.end();
    for (let round = 0; this.#queue.length > 0; round++) {
      expect(round, "rounds until the end").toBeLessThan(10_000);
      this.arrive();
      this.poll();
      this.deliver(Number.POSITIVE_INFINITY);
      this.release();
      this.drain();
    }
    expect(this.#ends.input.poll()).toBe(undefined);
    expect(this.#ends.output.blocked).toBe(false);
    for (const { came, expected } of this.#kept) expect(came).toEqual(expected);
  }

  #recordCame(value: unknown, timestamp: number): void {
    const index = this.#queue.findIndex((expected) => expected.kind !== "watermark");
    expect({ kind: "record", value, timestamp }).toEqual(this.#queue[index]);
    this.#kept.push({ came: value, expected: (this.#queue[index] as { readonly value: unknown }).value });
    this.#queue.splice(index, 1);
  }

  /** It was put in, no record that was put in before it is still to come, and it replaces those before it. */
  #watermarkCame(timestamp: number): void {
    const index = this.#queue.findIndex(
      (expected) => expected.kind === "watermark" && expected.timestamp === timestamp,
    );
    expect(index, `watermark ${timestamp} was given and comes once`).toBeGreaterThanOrEqual(0);
    expect(this.#queue.slice(0, index).every((expected) => expected.kind === "watermark")).toBe(true);
    this.#queue.splice(0, index + 1);
  }

  /** As control elements; none replaces another one. */
  #barrierCame(checkpoint: number): void {
    expect({ kind: "barrier", checkpoint }).toEqual(this.#queue.shift());
  }

  /** Control elements keep their place: behind all records, and behind the last watermark, that were put in before. */
  #controlCame(kind: "idle" | "active" | "end"): void {
    expect(kind).toEqual(this.#queue[0]?.kind);
    this.#queue.shift();
  }
}
