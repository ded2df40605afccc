/** The triggers that come with Millrace. The names are those of Flink's. */

import { MillraceError } from "./errors.ts";
import { type Duration, END_OF_TIME, positiveDurationMs } from "./time.ts";
import type { Trigger, TriggerContext, TriggerResult } from "./trigger.ts";

/**
 * Fires when the watermark has passed the window's end, and again with each record that comes later within the allowed
 * lateness. The default of windows over event time. Remembers nothing.
 */
export function eventTimeTrigger(): Trigger<unknown, null> {
  const ask = (context: TriggerContext): TriggerResult => {
    const last = context.window.end - 1;
    if (last <= context.watermark) return "fire";
    context.eventTimer(last);
    return "continue";
  };
  return Object.freeze({
    name: "event time",
    time: "event" as const,
    create: () => null,
    onRecord: (_: null, __: unknown, ___: number, context: TriggerContext) => ask(context),
    onEventTime: (_: null, time: number, { window }: TriggerContext) => (time === window.end - 1 ? "fire" : "continue"),
    merge: () => null,
    onMerge: (_: null, context: TriggerContext) => {
      if (context.window.end - 1 > context.watermark) context.eventTimer(context.window.end - 1);
    },
  });
}

/**
 * Fires when the clock has come to the window's end: not in its last millisecond, in which records may still come. The default
 * of windows over processing time. Remembers nothing.
 */
export function processingTimeTrigger(): Trigger<unknown, null> {
  const ask = (context: TriggerContext): void => context.processingTimer(context.window.end);
  return Object.freeze({
    name: "processing time",
    create: () => null,
    onRecord: (_: null, __: unknown, ___: number, context: TriggerContext) => {
      ask(context);
      return "continue" as const;
    },
    onProcessingTime: (_: null, time: number, { window }: TriggerContext) =>
      time === window.end ? "fire" : "continue",
    merge: () => null,
    onMerge: (_: null, context: TriggerContext) => ask(context),
  });
}

/** Never fires. The default of the global window. */
export function neverTrigger(): Trigger<unknown, null> {
  return Object.freeze({ name: "never", create: () => null, onRecord: () => "continue" as const, merge: () => null });
}

interface Counted {
  count: number;
}

/** Fires when so many records have come since it last did. Remembers their number. */
export function countTrigger(records: number): Trigger<unknown, Counted> {
  if (!Number.isInteger(records) || records < 1)
    throw new MillraceError("BAD_OPTION", `countTrigger expects a whole number of records, at least 1, got ${records}`);
  return Object.freeze({
    name: `every ${records} records`,
    create: () => ({ count: 0 }),
    onRecord: (state: Counted) => {
      state.count++;
      if (state.count < records) return "continue" as const;
      state.count = 0;
      return "fire" as const;
    },
    merge: (into: Counted, from: Counted) => ({ count: into.count + from.count }),
  });
}

/** Fires when the other one does, and forgets the window's records each time. */
export function purgingTrigger<T, S>(trigger: Trigger<T, S>): Trigger<T, S> {
  const purged = (result: TriggerResult): TriggerResult => (result === "fire" ? "fireAndPurge" : result);
  return Object.freeze({
    ...trigger,
    name: `${trigger.name}, purging`,
    onRecord: (state: S, record: T, timestamp: number, context: TriggerContext) =>
      purged(trigger.onRecord(state, record, timestamp, context)),
    onEventTime: (state: S, time: number, context: TriggerContext) =>
      purged(trigger.onEventTime?.(state, time, context) ?? "continue"),
    onProcessingTime: (state: S, time: number, context: TriggerContext) =>
      purged(trigger.onProcessingTime?.(state, time, context) ?? "continue"),
  });
}

interface Next {
  /** The time at which it fires next; null before the first record. */
  next: number | null;
}

const earlier = (into: Next, from: Next): Next => ({
  next: into.next === null ? from.next : from.next === null ? into.next : Math.min(into.next, from.next),
});

/**
 * Fires at every full interval of event time since 1970 in which the window has records, and as `eventTimeTrigger` at its
 * end; of one without end when all input has come. Remembers the next time.
 */
export function continuousEventTimeTrigger(interval: Duration): Trigger<unknown, Next> {
  const intervalMs = positiveDurationMs(interval, "the interval of continuousEventTimeTrigger");
  const ask = (state: Next, time: number, context: TriggerContext): void => {
    state.next = time;
    const { window, watermark } = context;
    // When all input has come, a window without end would have intervals for ever.
    if (time < window.end - 1 && (window.end < END_OF_TIME || watermark < END_OF_TIME)) context.eventTimer(time);
  };
  return Object.freeze({
    name: `every ${intervalMs} ms of event time`,
    time: "event" as const,
    create: () => ({ next: null }),
    onRecord: (state: Next, _: unknown, timestamp: number, context: TriggerContext) => {
      if (context.window.end - 1 <= context.watermark) return "fire";
      context.eventTimer(context.window.end - 1);
      if (state.next === null) ask(state, intervalAfter(timestamp, intervalMs), context);
      return "continue";
    },
    onEventTime: (state: Next, time: number, context: TriggerContext) => {
      if (time === context.window.end - 1) return "fire";
      if (time !== state.next) return "continue";
      ask(state, time + intervalMs, context);
      return "fire";
    },
    merge: earlier,
    onMerge: (state: Next, context: TriggerContext) => {
      if (context.window.end - 1 > context.watermark) context.eventTimer(context.window.end - 1);
      if (state.next !== null) ask(state, state.next, context);
    },
  });
}

/** Fires at every full interval of the clock while the window has records. Remembers the next time. */
export function continuousProcessingTimeTrigger(interval: Duration): Trigger<unknown, Next> {
  const intervalMs = positiveDurationMs(interval, "the interval of continuousProcessingTimeTrigger");
  const ask = (state: Next, time: number, context: TriggerContext): void => {
    state.next = time;
    context.processingTimer(time);
  };
  return Object.freeze({
    name: `every ${intervalMs} ms of processing time`,
    create: () => ({ next: null }),
    onRecord: (state: Next, _: unknown, __: number, context: TriggerContext) => {
      if (state.next === null) ask(state, intervalAfter(context.processingTime, intervalMs), context);
      return "continue";
    },
    onProcessingTime: (state: Next, time: number, context: TriggerContext) => {
      if (time !== state.next) return "continue";
      ask(state, intervalAfter(context.processingTime, intervalMs), context);
      return "fire";
    },
    merge: earlier,
    onMerge: (state: Next, context: TriggerContext) => {
      if (state.next !== null) ask(state, state.next, context);
    },
  });
}

/** The first full interval behind a time. */
function intervalAfter(time: number, intervalMs: number): number {
  return (Math.floor(time / intervalMs) + 1) * intervalMs;
}

interface BothSides<E, L> {
  early: E;
  late: L;
}

/**
 * Fires when the watermark has passed the window's end, before that whenever `early` does, and behind that whenever `late`
 * does; without `late`, with each record that comes within the allowed lateness. Remembers what both remember.
 */
export function earlyAndLateTrigger<T, E = null, L = null>(given: {
  readonly early?: Trigger<T, E>;
  readonly late?: Trigger<T, L>;
}): Trigger<T, BothSides<E, L>> {
  const early = (given.early ?? neverTrigger()) as Trigger<T, E>;
  const late = (given.late ?? eventTimeTrigger()) as Trigger<T, L>;
  const isOver = ({ window, watermark }: TriggerContext): boolean => window.end - 1 <= watermark;
  const { merge: mergeEarly } = early;
  const { merge: mergeLate } = late;
  return Object.freeze({
    name: `event time, early: ${early.name}, late: ${late.name}`,
    time: "event" as const,
    create: () => ({ early: early.create(), late: late.create() }),
    onRecord: (state: BothSides<E, L>, record: T, timestamp: number, context: TriggerContext) => {
      if (isOver(context)) return late.onRecord(state.late, record, timestamp, context);
      context.eventTimer(context.window.end - 1);
      return early.onRecord(state.early, record, timestamp, context);
    },
    onEventTime: (state: BothSides<E, L>, time: number, context: TriggerContext) => {
      if (time === context.window.end - 1) return "fire";
      return time < context.window.end
        ? (early.onEventTime?.(state.early, time, context) ?? "continue")
        : (late.onEventTime?.(state.late, time, context) ?? "continue");
    },
    onProcessingTime: (state: BothSides<E, L>, time: number, context: TriggerContext) =>
      isOver(context)
        ? (late.onProcessingTime?.(state.late, time, context) ?? "continue")
        : (early.onProcessingTime?.(state.early, time, context) ?? "continue"),
    ...(mergeEarly === undefined || mergeLate === undefined
      ? {}
      : {
          merge: (into: BothSides<E, L>, from: BothSides<E, L>) => ({
            early: mergeEarly(into.early, from.early),
            late: mergeLate(into.late, from.late),
          }),
        }),
    onMerge: (state: BothSides<E, L>, context: TriggerContext) => {
      if (isOver(context)) late.onMerge?.(state.late, context);
      else {
        context.eventTimer(context.window.end - 1);
        early.onMerge?.(state.early, context);
      }
    },
  });
}

/** Fires when a record differs from the one that it fired at last (or the first one) by more than a threshold. */
export function deltaTrigger<T>(
  threshold: number,
  delta: (before: T, record: T) => number,
): Trigger<T, { last: T | null }> {
  checkDelta("deltaTrigger", threshold, delta);
  return Object.freeze({
    name: `delta above ${threshold}`,
    create: () => ({ last: null }),
    onRecord: (state: { last: T | null }, record: T) => {
      if (state.last === null) state.last = record;
      else if (delta(state.last, record) > threshold) {
        state.last = record;
        return "fire" as const;
      }
      return "continue" as const;
    },
  });
}

/** @throws BAD_OPTION for a threshold that nothing is above, or that is no number. */
export function checkDelta(what: string, threshold: number, delta: unknown): void {
  if (typeof threshold !== "number" || threshold !== threshold)
    throw new MillraceError("BAD_OPTION", `${what} expects a number as its threshold, got ${String(threshold)}`);
  if (typeof delta !== "function")
    throw new MillraceError("BAD_OPTION", `${what} expects a function of two records, got ${String(delta)}`);
}
