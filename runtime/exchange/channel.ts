/**
 * The contract of channels: one producer subtask, one consumer subtask, batches in order, bounded by credit.
 *
 * Both ends are synchronous and never block a thread. What has no credit waits in the output's overflow, and the producer
 * takes no further input until the overflow is empty; so the overflow holds at most what one input record makes.
 * `test/conformance/channel.ts` holds every implementation to this.
 */

import type { Gate, Push } from "../../core/operator.ts";

/** The producer's end. */
export interface OutputChannel {
  /** Appends a record to the current batch, and sends the batch when it is full. */
  write(value: unknown, timestamp: number): void;
  /** Says that no record at or before this time will follow. Travels behind the current batch; only the latest counts. */
  watermark(timestamp: number): void;
  /** Says whether this producer holds back watermarks at the moment. */
  idle(idle: boolean): void;
  /** The barrier of a checkpoint: what was written before it belongs to the checkpoint. Behind it, in its place, each. */
  barrier(checkpoint: number): void;
  /** Says that nothing will follow. REQUIRES: called last. */
  end(): void;
  /** Sends what is waiting, though the batch is not full. */
  flush(): void;
  /** True while something waits for credit. */
  readonly blocked: boolean;
  /** Sends what waits as far as there is credit; true when nothing waits any more. */
  drain(): boolean;
  /** Records and bytes written so far. Local channels move references, so their bytes are 0. */
  readonly records: number;
  readonly bytes: number;
}

export type ElementKind = "batch" | "watermark" | "idle" | "active" | "barrier" | "end";

/** The consumer's end. */
export interface InputChannel {
  /**
   * Takes the next element, if there is one: a batch is then in `batch` until `release`, a watermark in `watermarkRead`.
   * REQUIRES: the previous batch was released.
   */
  poll(): ElementKind | undefined;
  readonly batch: Batch;
  /** The watermark that was polled last. */
  readonly watermarkRead: number;
  /** The checkpoint of the barrier that was polled last. */
  readonly barrierRead: number;
  /** Gives the batch's memory and credit back. */
  release(): void;
}

export interface Batch {
  /** How many it has, whatever of them was pushed. */
  readonly rows: number;
  /** Pushes records from where it stopped; stops after the record at which the gate became blocked. True at the end. */
  deliver(push: Push<unknown>, gate: Gate): boolean;
  /** The batch's bytes as an exchange frame, if it travels as one. */
  readonly frame: Uint8Array | undefined;
}
