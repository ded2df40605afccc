/**
 * A channel within one thread: batches of references, nothing encoded. Records are immutable once emitted, so handing
 * over references is safe. Both ends are in the same mailbox loop, which looks at both again before it sleeps.
 */

import { assert } from "../../core/assert.ts";
import { CHANNEL_CREDIT, LOCAL_BATCH_ROWS } from "../../core/limits.ts";
import type { Gate, Push } from "../../core/operator.ts";
import { BatchedOutput } from "./batched-output.ts";
import type { Batch, ElementKind, InputChannel } from "./channel.ts";
import type { RingSignal } from "./ring-producer.ts";

/** Records and their timestamps, the first `rows` of each. */
export interface LocalRows {
  readonly values: unknown[];
  readonly timestamps: Float64Array;
  rows: number;
}

type LocalElement =
  /** `watermark`: the one behind the batch, NaN if none. */
  | { readonly kind: "batch"; readonly batch: LocalRows; readonly watermark: number }
  /** `value`: the time of a watermark, the checkpoint of a barrier, NaN for the others. */
  | { readonly kind: RingSignal; readonly value: number };

/** Timestamps of released batches that are kept for the next ones. */
const SPARE_TIMESTAMPS_MAX = 2;

export class LocalChannel extends BatchedOutput<LocalElement> implements InputChannel {
  readonly #ring: LocalElement[] = [];
  readonly #spareTimestamps: Float64Array[] = [];
  #filling = this.#newBatch();
  readonly bytes = 0;
  // The consumer's side.
  readonly batch = new LocalBatch();
  watermarkRead = Number.NEGATIVE_INFINITY;
  barrierRead = 0;
  #batchTaken = false;
  /** A batch's own watermark is delivered as the element after it. */
  #watermarkBehind = Number.NaN;

  write(value: unknown, timestamp: number): void {
    if (this.blocked) this.makeRoom();
    const batch = this.#filling;
    const row = batch.rows;
    batch.values[row] = value;
    batch.timestamps[row] = timestamp;
    batch.rows = row + 1;
    if (row + 1 === LOCAL_BATCH_ROWS) this.complete();
  }

  protected get rows(): number {
    return this.#filling.rows;
  }

  protected trySendBatch(watermark: number): "sent" | "no credit" {
    if (this.#ring.length >= CHANNEL_CREDIT) return "no credit";
    this.#ring.push(this.takeBatch(watermark));
    return "sent";
  }

  protected takeBatch(watermark: number): LocalElement {
    const batch = this.#filling;
    this.#filling = this.#newBatch();
    return { kind: "batch", batch, watermark };
  }

  protected signal(signal: RingSignal, value: number): LocalElement {
    return { kind: signal, value };
  }

  protected trySend(element: LocalElement): boolean {
    if (this.#ring.length >= CHANNEL_CREDIT) return false;
    this.#ring.push(element);
    return true;
  }

  /**
   * The array of values is a new one, as a young array takes young records without telling the garbage collector; it has
   * its room and its kind of elements from the start, as growing costs more than the batch itself.
   */
  #newBatch(): LocalRows {
    const values = new Array<unknown>(LOCAL_BATCH_ROWS).fill(undefined);
    return { values, timestamps: this.#spareTimestamps.pop() ?? new Float64Array(LOCAL_BATCH_ROWS), rows: 0 };
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
      this.batch.bind(element.batch);
      this.#watermarkBehind = element.watermark;
      this.#batchTaken = true;
      return "batch";
    }
    this.#ring.shift();
    if (element.kind === "watermark") this.watermarkRead = element.value;
    else if (element.kind === "barrier") this.barrierRead = element.value;
    return element.kind;
  }

  release(): void {
    assert(this.#batchTaken, "a channel has no batch to release");
    this.#batchTaken = false;
    this.#ring.shift();
    const { timestamps } = this.batch.unbind();
    if (this.#spareTimestamps.length < SPARE_TIMESTAMPS_MAX) this.#spareTimestamps.push(timestamps);
  }
}

const noRows: LocalRows = { values: [], timestamps: new Float64Array(0), rows: 0 };

export class LocalBatch implements Batch {
  readonly frame = undefined;
  #bound = noRows;
  #next = 0;

  get rows(): number {
    return this.#bound.rows;
  }

  bind(batch: LocalRows): void {
    this.#bound = batch;
    this.#next = 0;
  }

  unbind(): LocalRows {
    const batch = this.#bound;
    this.#bound = noRows;
    return batch;
  }

  deliver(push: Push<unknown>, gate: Gate): boolean {
    const { values, timestamps, rows } = this.#bound;
    let next = this.#next;
    while (next < rows) {
      push(values[next], timestamps[next] as number);
      next++;
      if (gate.blocked) break;
    }
    this.#next = next;
    return next === rows;
  }
}
