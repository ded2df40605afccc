/**
 * What a subtask runs: operators, driven by a host through this contract alone. The own runtime, the simulation, the test
 * harness and the Flink bridge are hosts; an operator knows nothing of threads, channels or clocks beyond its context.
 *
 * Rules for implementors:
 *  1. Everything is synchronous except `open` and `close`. What must wait registers itself with `context.suspend`.
 *  2. An operator keeps nothing in its fields that a restart would need: that belongs into state and timers.
 *  3. Records are immutable once pushed. Push in order; never push after `finish` has returned without suspending.
 *  4. `watermark` is forwarded only after everything due at it has been pushed.
 */

import type { MillraceError } from "./errors.ts";
import type { Key } from "./key.ts";
import type { ArrowBatch, Schema } from "./schema.ts";
import type { OutputTag } from "./side-output.ts";
import type { PreparedPart, RetainedPart } from "./sink.ts";
import type { KeyedStateBackend } from "./state-backend.ts";
import type { Logger, MetricGroup } from "./telemetry.ts";
import type { Clock } from "./time.ts";

/** Hands one record on, with its event time in epoch milliseconds or NO_TIMESTAMP beside it. */
export type Push<T> = (value: T, timestamp: number) => void;

/** Where an operator's results go. */
export interface Output<T = unknown> {
  readonly push: Push<T>;
  watermark(timestamp: number): void;
}

export interface Operator<I = unknown> {
  open?(): void | Promise<void>;
  process(value: I, timestamp: number): void;
  /** A record of the second input, of operators that have two. The watermark is the lower one of both. */
  process2?(value: never, timestamp: number): void;
  /** ENSURES: forwards the watermark to its output when all that is due has been pushed. Absent: the host forwards it. */
  watermark?(timestamp: number): void;
  /** A timer registered with `context.timers` is due. The key is current. */
  onTimer?(timer: Timer): void;
  /** An input batch or a source's stretch has ended: a chance to act once for many records. */
  batchEnd?(): void;
  /** There is no input at the moment, or the input has ended: time to show outside what has been done. */
  pause?(): void;
  /** A snapshot is about to be taken: what is kept in fields for speed goes into state now. */
  beforeSnapshot?(): void;
  /**
   * The barrier of a checkpoint, right behind `beforeSnapshot`: what was done so far has to be safe outside, or prepared.
   * The checkpoint waits for what it waits for.
   */
  barrier?(checkpoint: number): void;
  /** What is prepared outside and not committed, once the waits of `barrier` are over. */
  prepared?(): readonly PreparedPart[];
  /** What the checkpoint keeps of these parts beside them; it is read while the checkpoint is written. */
  retained?(): readonly RetainedPart[];
  /** The checkpoint is complete. */
  completed?(checkpoint: number): void;
  /** false: it may end without `completed` behind its last output. Absent: an operator that has `completed` may not. */
  readonly commits?: boolean;
  /**
   * All input has come and the final watermark has been forwarded. A restart may call it again: what it pushes from state
   * it also removes from there.
   */
  finish?(): void;
  /** Always called once after `open` was called, also after failures. */
  close?(): void | Promise<void>;
}

/** A whole Arrow batch as the exchange delivered it, for operators that take columns. */
export interface FrameOperator<I = unknown> extends Operator<I> {
  /** Takes the batch instead of its rows; the memory is valid until the operator is no longer suspended. */
  processFrame(frame: Uint8Array): void;
}

export type TimerDomain = "event" | "processing";

export interface Timer {
  readonly timestamp: number;
  readonly domain: TimerDomain;
  readonly key: Key;
}

/** Timers of the current key, one per key, domain and time. They fire in order of time and are part of the state. */
export interface Timers {
  register(domain: TimerDomain, timestamp: number): void;
  delete(domain: TimerDomain, timestamp: number): void;
}

/** What user functions get to know about where they run. */
export interface RuntimeContext {
  readonly job: string;
  readonly operator: string;
  /** 0 … parallelism-1 */
  readonly subtask: number;
  readonly parallelism: number;
  /** 1 at the first start, one more after every restart. */
  readonly attempt: number;
  /** What relative paths are relative to: the folder in which the job was started or submitted. */
  readonly workingDirectory: string;
  /** Aborted when the job is cancelled or fails elsewhere. */
  readonly signal: AbortSignal;
  readonly metrics: MetricGroup;
  readonly log: Logger;
  readonly clock: Clock;
}

/** What operators get from their host, beyond what user functions see. */
export interface OperatorContext<O = unknown> extends RuntimeContext {
  readonly output: Output<O>;
  /** Becomes true while an output has no credit. Loops that push many records stop at it and `suspend`. */
  readonly gate: Gate;
  /** State of the current key; only for operators behind a keyBy. */
  readonly state: KeyedStateBackend;
  readonly timers: Timers;
  readonly operatorState: OperatorState;
  /** Whether checkpoints are taken: sinks in two phases commit by them, else at the end. */
  readonly checkpointing: boolean;
  /** How many key groups the job has. */
  readonly keyGroupCount: number;
  /** The highest watermark that came in. */
  readonly currentWatermark: number;
  /** Pushes into a side output. */
  side<T>(tag: OutputTag<T>, value: T, timestamp: number): void;
  /**
   * No further input comes until `resume` returns true. It is called when there is credit again, before any `resume`
   * that was registered earlier in the chain by an operator upstream.
   */
  suspend(resume: () => boolean): void;
  /** No further input comes until the promise settles; a rejection or the timeout fails the subtask. */
  wait(promise: PromiseLike<void>, timeoutMs: number, what: string): void;
  /** Calls back in the mailbox when the promise has settled. Input goes on meanwhile, and so do checkpoints. */
  whenSettled(promise: PromiseLike<unknown>, callback: () => void): void;
  /** Calls back in the mailbox at or after the given wall-clock time. Not part of the state. */
  callAt(timeMs: number, callback: () => void): void;
  /** Tells consumers whether this subtask currently holds back their watermark. */
  markIdle(idle: boolean): void;
  /** The named error of a user function's failure at a record. */
  failure(cause: unknown, value: unknown): MillraceError;
  /** Arrow, loaded by the first operator that opens with it. */
  arrow(): Promise<ArrowAdapter>;
}

/** Between records and Arrow batches. The host's: operators know batches only by `ArrowBatch`. */
export interface ArrowAdapter {
  /** A batch of the schema's columns. @throws BATCH_SCHEMA_MISMATCH with the field and what came. */
  fromRows(rows: readonly unknown[], schema: Schema, operator: string): ArrowBatch;
  /** The same from an exchange frame; columns whose layout fits are wrapped, not copied. */
  fromFrame(frame: Uint8Array, schema: Schema, operator: string): { batch: ArrowBatch; timestamps: ArrayLike<number> };
  isBatch(value: unknown): value is ArrowBatch;
  /** The rows of a batch as plain records. */
  rowsOf(batch: ArrowBatch): Iterable<unknown>;
}

export interface Gate {
  readonly blocked: boolean;
}

/** How operator state is dealt out when a job is restored at another parallelism. */
export type OperatorStateMode = "split" | "replicated";

/** Non-keyed state of one subtask: for sources, sinks and what every subtask holds alike. */
export interface OperatorState {
  /**
   * The list of that name as restored: the elements dealt to this subtask ("split"), or everything ("replicated").
   * `read` is called at every checkpoint for the elements to keep.
   */
  list<T>(name: string, mode: OperatorStateMode, read: () => readonly T[]): readonly T[];
}

/** Makes the operator of one subtask. */
export type OperatorFactory<I = unknown, O = unknown> = (context: OperatorContext<O>) => Operator<I>;
