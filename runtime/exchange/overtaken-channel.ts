/**
 * A channel whose consumer was cut for an unaligned checkpoint before the barrier came on it. It reads ahead of the consumer
 * until the barrier is there, and says what comes before it: that was in flight at the cut.
 *
 * The law: what is read ahead is delivered later, in its order, each element once; and each is recorded once, between the
 * cut and the barrier. Reading ahead gives the producer's credit back, so that barriers do not wait for slow consumers.
 *
 *            cut                       barrier, end              all that was read ahead is delivered
 *   inner ────────► reading ahead ──────────────────► delivering ──────────────────────────────────────► inner
 *                        ▲                                │
 *                        └───────── the next cut ─────────┘
 */

import { assert } from "../../core/assert.ts";
import type { Batch, ElementKind, InputChannel } from "./channel.ts";
import { LocalBatch, type LocalRows } from "./local-channel.ts";
import { RowsEncoder, restOf } from "./rows-encoder.ts";
import { SharedBatch } from "./shared-channel.ts";

/** Who is told of what was in flight. */
export interface ChannelRecorder {
  /** `time`: of a watermark, else NaN; `frame`: of a batch. */
  add(kind: "batch" | "watermark" | "idle" | "active" | "end", time: number, frame: Uint8Array | undefined): void;
  /** A batch cannot be recorded. */
  fail(cause: unknown): void;
  /** Nothing more was in flight. */
  done(): void;
}

type Ahead =
  | { readonly kind: "batch"; readonly batch: Uint8Array | LocalRows; readonly bytes: number }
  | { readonly kind: Exclude<ElementKind, "batch">; readonly value: number };

export interface OvertakenChannelOptions {
  readonly inner: InputChannel;
  /** Named in errors. */
  readonly operator: string;
  /** The only fields that travel, or undefined for all. */
  readonly fields: readonly string[] | undefined;
  /** Whether the consumer is in the midst of the inner channel's batch. */
  readonly midBatch: boolean;
}

export class OvertakenChannel implements InputChannel {
  readonly inner: InputChannel;
  readonly #encoder: RowsEncoder;
  readonly #frames: SharedBatch;
  readonly #rows = new LocalBatch();
  #queue: Ahead[] = [];
  /** The batch that the consumer is in the midst of. */
  #taken: Batch | undefined;
  #recorder: ChannelRecorder | undefined;
  #checkpoint = 0;
  /** Of what was read ahead and not delivered, as frames. */
  bytesAhead = 0;
  watermarkRead = Number.NEGATIVE_INFINITY;
  barrierRead = 0;

  constructor({ inner, operator, fields, midBatch }: OvertakenChannelOptions) {
    this.inner = inner;
    this.#taken = midBatch ? inner.batch : undefined;
    this.#frames = new SharedBatch(operator);
    this.#encoder = new RowsEncoder(operator, fields);
  }

  /** Whether the barrier has not come yet. */
  get recording(): boolean {
    return this.#recorder !== undefined;
  }

  /** Whether the consumer can read the inner channel again. */
  get isOver(): boolean {
    return this.#recorder === undefined && this.#queue.length === 0 && this.#taken === undefined;
  }

  get batch(): Batch {
    assert(this.#taken !== undefined, "a channel has no batch");
    return this.#taken;
  }

  /** The consumer is cut now: what it has not taken from this channel, up to the barrier, is in flight. */
  record(checkpoint: number, recorder: ChannelRecorder): void {
    this.#checkpoint = checkpoint;
    this.#recorder = recorder;
    if (this.#taken !== undefined) this.#recordRest(this.#taken);
    const read = this.#queue;
    this.#queue = [];
    this.bytesAhead = 0;
    for (const element of read) this.#keep(element);
  }

  /** The checkpoint is over: nothing is recorded any more. */
  abandon(checkpoint: number): void {
    if (this.#checkpoint <= checkpoint) this.#recorder = undefined;
  }

  /** Takes one element ahead of the consumer, if there is one. */
  readAhead(): boolean {
    if (this.#recorder === undefined) return false;
    const { inner } = this;
    const kind = inner.poll();
    if (kind === undefined) return false;
    if (kind === "batch") {
      const batch = inner.batch.frame === undefined ? restOf(inner.batch) : new Uint8Array(inner.batch.frame);
      inner.release();
      this.#keep({ kind, batch, bytes: 0 });
    } else this.#keep({ kind, value: kind === "barrier" ? inner.barrierRead : inner.watermarkRead });
    return true;
  }

  poll(): ElementKind | undefined {
    assert(this.#taken === undefined, "the previous batch of a channel must be released before the next poll");
    if (this.#queue.length === 0) this.readAhead();
    const element = this.#queue.shift();
    if (element === undefined) return undefined;
    if (element.kind === "batch") this.#take(element);
    else if (element.kind === "watermark") this.watermarkRead = element.value;
    else if (element.kind === "barrier") this.barrierRead = element.value;
    return element.kind;
  }

  release(): void {
    assert(this.#taken !== undefined, "a channel has no batch to release");
    if (this.#taken === this.inner.batch) this.inner.release();
    this.#taken = undefined;
  }

  #take({ batch, bytes }: Extract<Ahead, { kind: "batch" }>): void {
    this.bytesAhead -= bytes;
    const taken = batch instanceof Uint8Array ? this.#frames : this.#rows;
    if (batch instanceof Uint8Array) this.#frames.bind(batch);
    else this.#rows.bind(batch);
    this.#taken = taken;
  }

  /** Records the element if it came before the barrier, and keeps it for the consumer. */
  #keep(element: Ahead): void {
    if (element.kind === "barrier") {
      // One of an older checkpoint came to nothing. Behind a newer one nobody wants this checkpoint any more.
      if (element.value > this.#checkpoint) this.#queue.push(element);
      if (element.value >= this.#checkpoint) this.#done();
      return;
    }
    const bytes = this.#record(element);
    this.#queue.push(element.kind === "batch" ? { ...element, bytes } : element);
    if (element.kind === "batch") this.bytesAhead += bytes;
    if (element.kind === "end") this.#done();
  }

  /** @returns the bytes that were recorded of a batch. */
  #record(element: Exclude<Ahead, { kind: "barrier" }>): number {
    if (element.kind !== "batch") {
      const time = element.kind === "watermark" ? element.value : Number.NaN;
      this.#recorder?.add(element.kind as "watermark" | "idle" | "active" | "end", time, undefined);
      return 0;
    }
    const frame = element.batch instanceof Uint8Array ? element.batch : this.#frameOf(element.batch);
    if (frame !== undefined) this.#recorder?.add("batch", Number.NaN, frame);
    return frame?.length ?? 0;
  }

  /** The rest of a batch that was begun before the cut; its credit goes back, and the consumer goes on in a copy. */
  #recordRest(taken: Batch): void {
    const rest = restOf(taken);
    if (taken === this.inner.batch) this.inner.release();
    const frame = rest.rows === 0 ? undefined : this.#frameOf(rest);
    if (frame !== undefined) this.#recorder?.add("batch", Number.NaN, frame);
    this.#rows.bind(rest);
    this.#taken = this.#rows;
  }

  #done(): void {
    const recorder = this.#recorder;
    this.#recorder = undefined;
    recorder?.done();
  }

  /** Undefined, and the recorder knows why, when the records cannot be written down. */
  #frameOf(rows: LocalRows): Uint8Array | undefined {
    try {
      return this.#encoder.frameOf(rows);
    } catch (cause) {
      this.#recorder?.fail(cause);
      return undefined;
    }
  }
}
