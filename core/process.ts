/** Process functions: the operator that users write when nothing else fits: state, timers, side outputs. */

import type { Key } from "./key.ts";
import type { RuntimeContext, Timer, Timers } from "./operator.ts";
import type { OutputTag } from "./side-output.ts";
import type { StateDeclaration, StateHandles } from "./state.ts";

/** What a process function works with. State and timers belong to the current key. */
export interface ProcessContext<K extends Key = Key, S extends StateDeclaration = StateDeclaration> {
  readonly key: K;
  /** The record's event time in epoch milliseconds, or NO_TIMESTAMP; in onTimer the timer's time. */
  readonly timestamp: number;
  readonly watermark: number;
  readonly state: StateHandles<S>;
  readonly timers: Timers;
  readonly runtime: RuntimeContext;
  /** Pushes a record into a side output, read by `stream.sideOutput(tag)`. */
  side<T>(tag: OutputTag<T>, value: T): void;
}

/**
 * Returns (or, as a generator, yields) the records to emit. A generator is suspended while consumers have no room, so
 * one record may make any number of others in bounded memory.
 */
export interface ProcessFunction<I, K extends Key, S extends StateDeclaration, O> {
  /** The states that the function uses, by name. */
  readonly state?: S;
  open?(context: RuntimeContext): void | Promise<void>;
  process(value: I, context: ProcessContext<K, S>): Iterable<O> | void;
  onTimer?(timer: Timer, context: ProcessContext<K, S>): Iterable<O> | void;
  close?(): void | Promise<void>;
}
