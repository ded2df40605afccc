/**
 * A channel between two threads of a process: the codec on top of a ring of frames in shared memory. `shared-ring.ts`
 * has the protocol between the threads.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import { BATCH_BYTES_TARGET, BATCH_ROWS_MAX, RECORD_BYTES_MAX } from "../../core/limits.ts";
import type { Gate, Push } from "../../core/operator.ts";
import { BatchedOutput } from "./batched-output.ts";
import type { Batch, ElementKind, InputChannel } from "./channel.ts";
import { BatchDecoder } from "./codec/batch-decoder.ts";
import { BatchEncoder } from "./codec/batch-encoder.ts";
import { RingConsumer, type RingConsumerOptions } from "./ring-consumer.ts";
import { RingProducer, type RingProducerOptions, type RingSignal } from "./ring-producer.ts";

/** What waits for credit: a frame, copied out of the encoder, or a signal. */
interface Waiting {
  readonly signal: RingSignal | undefined;
  readonly frame: Uint8Array;
  /** The watermark behind the frame, or what the signal says. */
  readonly value: number;
}

const noBytes = new Uint8Array(0);

export interface SharedOutputOptions extends RingProducerOptions {
  readonly operator: string;
  readonly fields: readonly string[] | undefined;
}

export class SharedOutputChannel extends BatchedOutput<Waiting> {
  readonly #ring: RingProducer;
  readonly #operator: string;
  readonly #encoder: BatchEncoder;

  constructor(options: SharedOutputOptions) {
    super();
    this.#ring = new RingProducer(options);
    this.#operator = options.operator;
    this.#encoder = new BatchEncoder({
      operator: options.operator,
      maxRows: BATCH_ROWS_MAX,
      maxBytes: BATCH_BYTES_TARGET,
      ...(options.fields === undefined ? {} : { fields: options.fields }),
    });
  }

  write(value: unknown, timestamp: number): void {
    if (this.blocked) this.makeRoom();
    const encoder = this.#encoder;
    encoder.add(value, timestamp);
    if (encoder.full) this.complete();
  }

  get bytes(): number {
    return this.#ring.bytes;
  }

  protected get rows(): number {
    return this.#encoder.rows;
  }

  /** Encodes into a segment, so that the frame is not copied. */
  protected trySendBatch(watermark: number): "sent" | "no credit" | "too large" {
    const ring = this.#ring;
    const segment = ring.takeSegment();
    if (segment < 0) return "no credit";
    const length = this.#encoder.finish(ring.view(segment));
    if (length < 0) {
      ring.giveBack(segment);
      return "too large";
    }
    ring.publish(segment, length, watermark);
    return "sent";
  }

  protected takeBatch(watermark: number): Waiting {
    return { signal: undefined, frame: this.#copyOut(), value: watermark };
  }

  protected signal(signal: RingSignal, value: number): Waiting {
    return { signal, frame: noBytes, value };
  }

  protected trySend({ signal, frame, value }: Waiting): boolean {
    return signal === undefined ? this.#ring.trySend(frame, value) : this.#ring.trySignal(signal, value);
  }

  /** The encoder's frame in memory of its own. */
  #copyOut(): Uint8Array {
    const needed = -this.#encoder.finish(noBytes);
    if (needed > RECORD_BYTES_MAX) {
      throw new MillraceError(
        "RECORD_TOO_LARGE",
        `"${this.#operator}" emitted ${this.#encoder.rows} record(s) of together ${needed} bytes; an exchange carries at most ${RECORD_BYTES_MAX} in one frame: split the record, or send a reference to where it is stored`,
        { operator: this.#operator },
      );
    }
    const frame = new Uint8Array(needed);
    const written = this.#encoder.finish(frame);
    assert(written >= 0, "an encoder must fit into what it asked for");
    return frame.subarray(0, written);
  }
}

export interface SharedInputOptions extends RingConsumerOptions {
  readonly operator: string;
}

export class SharedInputChannel implements InputChannel {
  readonly #ring: RingConsumer;
  #batchTaken = false;
  /** A batch's own watermark is delivered as the element after it. */
  #watermarkBehind = Number.NaN;
  readonly batch: SharedBatch;
  watermarkRead = Number.NEGATIVE_INFINITY;
  barrierRead = 0;

  constructor(options: SharedInputOptions) {
    this.#ring = new RingConsumer(options);
    this.batch = new SharedBatch(options.operator);
  }

  /** A frame that was too large for a segment has arrived. */
  receiveOversize(serial: number, frame: SharedArrayBuffer): void {
    this.#ring.receiveOversize(serial, frame);
  }

  poll(): ElementKind | undefined {
    assert(!this.#batchTaken, "the previous batch of a channel must be released before the next poll");
    if (!Number.isNaN(this.#watermarkBehind)) {
      this.watermarkRead = this.#watermarkBehind;
      this.#watermarkBehind = Number.NaN;
      return "watermark";
    }
    const ring = this.#ring;
    const element = ring.take();
    if (element === undefined) return undefined;
    if (element === "frame") {
      this.batch.bind(ring.frame);
      this.#batchTaken = true;
      this.#watermarkBehind = ring.value;
      return "batch";
    }
    ring.release();
    if (element === "watermark") this.watermarkRead = ring.value;
    else if (element === "barrier") this.barrierRead = ring.value;
    return element;
  }

  release(): void {
    assert(this.#batchTaken, "a channel has no batch to release");
    this.#batchTaken = false;
    this.batch.unbind();
    this.#ring.release();
  }
}

export class SharedBatch implements Batch {
  readonly #decoder: BatchDecoder;
  frame: Uint8Array | undefined;

  constructor(operator: string) {
    this.#decoder = new BatchDecoder({ operator });
  }

  get rows(): number {
    return this.#decoder.rows;
  }

  bind(frame: Uint8Array): void {
    this.frame = frame;
    this.#decoder.bind(frame);
  }

  unbind(): void {
    this.frame = undefined;
  }

  deliver(push: Push<unknown>, gate: Gate): boolean {
    assert(this.frame !== undefined, "a batch's memory is valid until its release");
    return this.#decoder.deliver(push, gate);
  }
}
