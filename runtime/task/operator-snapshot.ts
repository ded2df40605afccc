/** What checkpoints take of an operator, and what it goes on from. */

import type { KeyKind } from "../../core/key.ts";
import type { OperatorStateMode } from "../../core/operator.ts";
import type { RestoredSink } from "../../core/sink.ts";
import type { KeyedStateBackend, StateCapture, StateSnapshot } from "../../core/state-backend.ts";
import type { StateClock } from "../state/ageing.ts";
import type { RestoredLog } from "./in-flight-replay.ts";
import type { TimerQueue } from "./timer-queue.ts";

/** What an operator has to keep over a restart. */
export interface OperatorSnapshot {
  /** The operator's watermark: a restored operator judges lateness as the one that was saved would have. */
  readonly watermark: number;
  readonly keyed: StateSnapshot | undefined;
  readonly timers: StateSnapshot | undefined;
  readonly lists: ReadonlyMap<string, { readonly mode: OperatorStateMode; readonly elements: readonly unknown[] }>;
  /** Of a sink that is restored: what it goes on from. */
  readonly sink?: RestoredSink | undefined;
  /** State and timers that were restored already, instead of as snapshots. */
  readonly live?: RestoredState | undefined;
  /** What was on its way to it. */
  readonly inFlight?: readonly RestoredLog[];
  /** The kinds of keys of what was restored, where the operator's key function is another one. */
  readonly keys?: readonly KeyKind[] | undefined;
}

/** Made before the operator's host, which lends it its clock. */
export interface RestoredState {
  readonly backend: KeyedStateBackend | undefined;
  readonly timers: TimerQueue | undefined;
  readonly clock: { now: StateClock };
}

/** What a checkpoint takes of an operator at the barrier. */
export interface OperatorCut {
  readonly operator: string;
  readonly captures: readonly StateCapture[];
  /** Watermark and lists, as `operatorRest` reads them. */
  readonly rest: Uint8Array;
}
