/**
 * A channel within one thread: batches of references, nothing encoded. Records are immutable once emitted, so handing
 * over references is safe. Both ends are in the same mailbox loop, which looks at both again before it sleeps.
 */

import { assert } from "../../core/assert.ts";
import { BATCH_ROWS_MAX, CHANNEL_CREDIT } from "../../core/limits.ts";
import type { Gate, Push } from "../../core/operator.ts";
import type { Batch, ElementKind, InputChannel, OutputChannel } from "./channel.ts";

type LocalElement =
  /** `watermark`: the one behind the batch, NaN if none. */
  | { readonly kind: "batch"; readonly values: unknown[]; readonly timestamps: number[]; readonly watermark: number }
  | { readonly kind: "watermark"; readonly timestamp: number }
  | { readonly kind: "idle" | "active" | "end" };

export class LocalChannel implements OutputChannel, InputChannel {
  readonly #ring: LocalElement[] = [];
  #overflow: LocalElement[] = [];
  #values: unknown[] = [];
  #timestamps: number[] = [];
  /** The watermark that waits to be sent, NaN if none. */
  #watermark = Number.NaN;
  records = 0;
  readonly bytes = 0;
  // The consumer's side.
  readonly batch = new LocalBatch();
  watermarkRead = Number.NEGATIVE_INFINITY;
  #batchTaken = false;
  /** A batch's own watermark is delivered as the element after it. */
  #watermarkBehind = Number.NaN;

  write(value: unknown, timestamp: number): void {
    const values = this.#values;
    this.#timestamps.push(timestamp);
    if (values.push(value) === BATCH_ROWS_MAX) this.#sendBatch();
  }

  watermark(timestamp: number): void {
    this.#watermark = timestamp;
  }

  idle(idle: boolean): void {
    this.#flushAll();
    this.#send({ kind: idle ? "idle" : "active" });
  }

  end(): void {
    this.#flushAll();
    this.#send({ kind: "end" });
  }

  flush(): void {
    // Behind an overflow the batch may still grow, and a later watermark replaces the one that waits.
    if (!this.blocked) this.#flushAll();
  }

  #flushAll(): void {
    if (this.#values.length > 0) this.#sendBatch();
    this.#sendWatermark();
  }

  #sendWatermark(): void {
    if (Number.isNaN(this.#watermark)) return;
    this.#send({ kind: "watermark", timestamp: this.#takeWatermark() });
  }

  #takeWatermark(): number {
    const watermark = this.#watermark;
    this.#watermark = Number.NaN;
    return watermark;
  }

  get blocked(): boolean {
    return this.#overflow.length > 0;
  }

  drain(): boolean {
    const overflow = this.#overflow;
    if (overflow.length === 0) return true;
    let sent = 0;
    while (sent < overflow.length && this.#ring.length < CHANNEL_CREDIT)
      this.#ring.push(overflow[sent++] as LocalElement);
    if (sent > 0) this.#overflow = overflow.slice(sent);
    return this.#overflow.length === 0;
  }

  #sendBatch(): void {
    this.records += this.#values.length;
    const watermark = this.#takeWatermark();
    this.#send({ kind: "batch", values: this.#values, timestamps: this.#timestamps, watermark });
    this.#values = [];
    this.#timestamps = [];
  }

  #send(element: LocalElement): void {
    if (this.blocked || this.#ring.length >= CHANNEL_CREDIT) this.#overflow.push(element);
    else this.#ring.push(element);
  }

  poll(): ElementKind | undefined {
    assert(!this.#batchTaken, "the previous batch of a channel must be released before the next poll");
    if (!Number.isNaN(this.#watermarkBehind)) {
      this.watermarkRead = this.#watermarkBehind;
      this.#watermarkBehind = Number.NaN;
      return "watermark";
    }
    const element = this.#ring[0];
    if (element === undefined) return undefined;
    if (element.kind === "batch") {
      this.batch.bind(element.values, element.timestamps);
      this.#watermarkBehind = element.watermark;
      this.#batchTaken = true;
      return "batch";
    }
    this.#ring.shift();
    if (element.kind === "watermark") this.watermarkRead = element.timestamp;
    return element.kind;
  }

  release(): void {
    assert(this.#batchTaken, "a channel has no batch to release");
    this.#batchTaken = false;
    this.#ring.shift();
    this.batch.bind([], []);
  }
}

class LocalBatch implements Batch {
  readonly frame = undefined;
  #values: readonly unknown[] = [];
  #timestamps: readonly number[] = [];
  #next = 0;

  get rows(): number {
    return this.#values.length;
  }

  bind(values: readonly unknown[], timestamps: readonly number[]): void {
    this.#values = values;
    this.#timestamps = timestamps;
    this.#next = 0;
  }

  deliver(push: Push<unknown>, gate: Gate): boolean {
    const values = this.#values;
    const timestamps = this.#timestamps;
    let next = this.#next;
    while (next < values.length) {
      push(values[next], timestamps[next] as number);
      next++;
      if (gate.blocked) break;
    }
    this.#next = next;
    return next === values.length;
  }
}
