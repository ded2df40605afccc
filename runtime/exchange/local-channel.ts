/**
 * A channel within one thread: batches of references, nothing encoded. Records are immutable once emitted, so handing
 * over references is safe. Both ends are in the same mailbox loop, which looks at both again before it sleeps.
 */

import { assert } from "../../core/assert.ts";
import { BATCH_ROWS_MAX, CHANNEL_CREDIT } from "../../core/limits.ts";
import type { Gate, Push } from "../../core/operator.ts";
import { BatchedOutput } from "./batched-output.ts";
import type { Batch, ElementKind, InputChannel } from "./channel.ts";
import type { RingSignal } from "./ring-producer.ts";

type LocalElement =
  /** `watermark`: the one behind the batch, NaN if none. */
  | { readonly kind: "batch"; readonly values: unknown[]; readonly timestamps: number[]; readonly watermark: number }
  /** `watermark`: its own time, NaN for the others. */
  | { readonly kind: RingSignal; readonly watermark: number };

export class LocalChannel extends BatchedOutput<LocalElement> implements InputChannel {
  readonly #ring: LocalElement[] = [];
  #values: unknown[] = [];
  #timestamps: number[] = [];
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
    if (values.push(value) === BATCH_ROWS_MAX) this.sendBatch();
  }

  protected get rows(): number {
    return this.#values.length;
  }

  protected takeBatch(watermark: number): LocalElement {
    const element = { kind: "batch", values: this.#values, timestamps: this.#timestamps, watermark } as const;
    this.#values = [];
    this.#timestamps = [];
    return element;
  }

  protected signal(signal: RingSignal, watermark: number): LocalElement {
    return { kind: signal, watermark };
  }

  protected trySend(element: LocalElement): boolean {
    if (this.#ring.length >= CHANNEL_CREDIT) return false;
    this.#ring.push(element);
    return true;
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
    if (element.kind === "watermark") this.watermarkRead = element.watermark;
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
