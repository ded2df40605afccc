/** Functions over whole windows: what users write when a window's result needs all its records, its span or state. */

import type { Key } from "./key.ts";
import type { RuntimeContext } from "./operator.ts";
import type { OutputTag } from "./side-output.ts";
import type { StateDeclaration, StateHandles } from "./state.ts";
import type { Window } from "./window.ts";

/** The declaration of no states. */
// biome-ignore lint/complexity/noBannedTypes: it has no names
export type NoStates = {};

/** What a window function works with, beside the key, the window and what is in it. */
export interface WindowContext<
  S extends StateDeclaration = StateDeclaration,
  W extends StateDeclaration = StateDeclaration,
> {
  /** The time of the results: the window's last millisecond, or of a window without bounds that of its latest record. */
  readonly timestamp: number;
  readonly watermark: number;
  /** The clock's time, in epoch milliseconds. */
  readonly processingTime: number;
  /** The key's states, the same in all of its windows. */
  readonly state: StateHandles<S>;
  /** States of the key and this window, from one firing to the next. They go with the window. Not of sessions. */
  readonly windowState: StateHandles<W>;
  readonly runtime: RuntimeContext;
  /** Pushes a record into a side output, read by `stream.sideOutput(tag)`. */
  side<T>(tag: OutputTag<T>, value: T): void;
}

/**
 * Gets what is in a window each time it fires: all its records in the order in which they came, or the value of the
 * aggregate before it. Returns (or, as a generator, yields) the records to emit; a generator is suspended while consumers
 * have no room.
 */
export interface WindowFunction<I, K extends Key, S extends StateDeclaration, W extends StateDeclaration, O> {
  /** The states that it keeps by key, by name. */
  readonly state?: S;
  /** The states that it keeps by key and window, by name. */
  readonly windowState?: W;
  open?(context: RuntimeContext): void | Promise<void>;
  process(key: K, window: Window, content: I, context: WindowContext<S, W>): Iterable<O> | void;
  close?(): void | Promise<void>;
}
