/** Process functions of two inputs: what joins, enrichments and control streams are written with when nothing else fits. */

import type { Key } from "./key.ts";
import type { RuntimeContext, Timer } from "./operator.ts";
import type { ProcessContext } from "./process.ts";
import type { StateDeclaration } from "./state.ts";

/**
 * Both inputs share the state and the timers of a key. Event time is the lower one of both inputs' watermarks; records of
 * the two come in no particular order between them. Each function returns (or, as a generator, yields) the records to emit.
 */
export interface CoProcessFunction<L, R, K extends Key, S extends StateDeclaration, O> {
  /** The states that the functions use, by name. */
  readonly state?: S;
  open?(context: RuntimeContext): void | Promise<void>;
  /** A record of the stream on which `connect` was called. */
  process1(value: L, context: ProcessContext<K, S>): Iterable<O> | void;
  /** A record of the stream that was connected to it. */
  process2(value: R, context: ProcessContext<K, S>): Iterable<O> | void;
  onTimer?(timer: Timer, context: ProcessContext<K, S>): Iterable<O> | void;
  close?(): void | Promise<void>;
}
