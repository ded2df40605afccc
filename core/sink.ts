/** Sinks: where streams end. A sink is data plus a factory of writers, one a subtask. */

import type { OperatorState, RuntimeContext } from "./operator.ts";
import type { Duration } from "./time.ts";

export interface Sink<T> {
  /** Names the operator when the job does not, e.g. "jsonl:out/clicks.jsonl". */
  readonly name: string;
  /** The only parallelism it can have, for instance 1 when it writes a single file; absent: any. */
  readonly parallelism?: number;
  /** How long one asynchronous step may take; default 60 s. */
  readonly timeout?: Duration;
  writer(context: SinkContext): SinkWriter<T>;
}

export interface SinkContext extends RuntimeContext {
  /** Hands rows to `collect()` of whoever runs the job; returns a promise when the other side has to catch up. */
  collect(rows: readonly unknown[]): void | Promise<void>;
  /** Where text for people goes: the standard output or error of whoever runs the job, on a cluster the job's log. */
  standardStream(name: "stdout" | "stderr"): TextOutput;
  /** What the writer keeps over a restart. */
  readonly operatorState: OperatorState;
}

export interface TextOutput {
  readonly terminal: boolean;
  /** Returns a promise when the other side has to catch up. */
  write(text: string): void | Promise<void>;
}

export interface SinkWriter<T> {
  open?(): void | Promise<void>;
  /** Takes one record. Returns a promise when it has to wait: no further record comes until it settles. */
  write(value: T, timestamp: number): void | Promise<void>;
  /**
   * Makes everything written so far visible outside: at the end, when the input pauses, and about every
   * SINK_FLUSH_AFTER_MS (`limits.ts`) while it does not.
   */
  flush?(): void | Promise<void>;
  close?(): void | Promise<void>;
}
