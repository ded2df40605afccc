/**
 * Triggers: when a window gives a result, and when it forgets its records. Users write their own by this contract.
 *
 * A trigger is a few functions without state of their own: what it has to remember of a window it keeps in the value that
 * `create` makes, one for each key and window, which is part of the checkpoint. It asks for timers by the context; one that
 * comes due calls `onEventTime` or `onProcessingTime`. Timers go with their window.
 */

import type { Key } from "./key.ts";
import type { TimerDomain } from "./operator.ts";
import type { Window } from "./window.ts";

/**
 * "fire" emits the window's result, "purge" forgets its records; a window goes on afterwards, with further records. A
 * window without records gives nothing.
 */
export type TriggerResult = "continue" | "fire" | "purge" | "fireAndPurge";

/** The window that is asked about. One object a subtask: a trigger must not keep it. */
export interface TriggerContext {
  readonly key: Key;
  readonly window: Window;
  /** The watermark up to which everything has come. */
  readonly watermark: number;
  /** The clock's time, in epoch milliseconds. */
  readonly processingTime: number;
  /** Calls `onEventTime` when the watermark has come to that time. */
  eventTimer(time: number): void;
  /** Calls `onProcessingTime` at that time of the clock. */
  processingTimer(time: number): void;
  deleteEventTimer(time: number): void;
  deleteProcessingTimer(time: number): void;
}

/** @typeParam S what it remembers of a window: plain data, which it may change in place. */
export interface Trigger<T = unknown, S = unknown> {
  /** Names it in plans. */
  readonly name: string;
  /** The time by which windows have to go for it to fire at their end. Absent: it goes with windows of any kind. */
  readonly time?: TimerDomain;
  /** What is remembered of a new window. */
  create(): S;
  /** A record has been added to the window. */
  onRecord(state: S, record: T, timestamp: number, context: TriggerContext): TriggerResult;
  onEventTime?(state: S, time: number, context: TriggerContext): TriggerResult;
  onProcessingTime?(state: S, time: number, context: TriggerContext): TriggerResult;
  /** What is remembered of two sessions that have become one. Absent: it cannot be used with sessions. */
  merge?(into: S, from: S): S;
  /** A window has come of merging others, whose timers are gone: asks for those that it needs. */
  onMerge?(state: S, context: TriggerContext): void;
}
