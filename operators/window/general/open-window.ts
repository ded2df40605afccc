/** The windows of a key as the state keeps them: plain data, changed in place. */

export interface OpenWindow {
  start: number;
  end: number;
  /** The time of its latest record; what results of windows without bounds carry. */
  latest: number;
  /** How many records are in it. Of an empty one nothing else is meant. */
  count: number;
  /** An accumulator, or the records. */
  content: unknown;
  /** The records' times, where records are kept. */
  times: number[];
  /** What its trigger remembers. */
  trigger: unknown;
  /** The times for which the trigger has asked. */
  eventTimers: number[];
  processingTimers: number[];
}

export interface KeyWindows {
  windows: OpenWindow[];
  /** For when a timer of the key is registered; null: none is. It may be earlier than what is needed, never later. */
  eventAt: number | null;
  processingAt: number | null;
}

/** Only plain data and null, so that what is restored is what was saved. */
export function newWindow(start: number, end: number, trigger: unknown): OpenWindow {
  return {
    start,
    end,
    latest: Number.NEGATIVE_INFINITY,
    count: 0,
    content: null,
    times: [],
    trigger,
    eventTimers: [],
    processingTimers: [],
  };
}

/** The earliest of two times, where null is none. */
export function earliest(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null || a <= b ? a : b;
}

export function earliestOf(times: readonly number[]): number | null {
  let least: number | null = null;
  for (const time of times) least = earliest(least, time);
  return least;
}
