/** Windows, as data. Assigning records to them is `operators/window`'s work. */

import { MillraceError } from "./errors.ts";
import { WINDOWS_OF_A_RECORD_MAX } from "./limits.ts";
import type { TimerDomain } from "./operator.ts";
import { type Duration, durationMs, positiveDurationMs } from "./time.ts";

/**
 * Windows that are the same for all keys. Tumbling ones are sliding ones whose slide is their size; of cumulative ones the
 * slide is the step by which they grow. Times are local: instants shifted by `offsetMs`, and by the time zone's UTC offset
 * where one is given.
 */
export interface AlignedWindow {
  readonly kind: "tumbling" | "sliding" | "cumulative";
  /** Which time of a record counts: its own, or the clock's when it comes. */
  readonly time: TimerDomain;
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** An IANA name such as "Europe/Berlin". A window is then the span between two local times: days may have 23 or 25 h. */
  readonly timeZone: string | undefined;
}

/** A key's records that follow each other by less than a gap, which is fixed or the record's own. */
export interface SessionWindow<T = unknown> {
  readonly kind: "session";
  readonly time: TimerDomain;
  readonly gapMs: number | undefined;
  readonly gapOf: ((record: T) => Duration) | undefined;
}

/** One window for all records of a key, without end. */
export interface GlobalWindow {
  readonly kind: "global";
}

/** The last `size` records of a key, every `slide` records; tumbling when both are the same. */
export interface CountWindow {
  readonly kind: "count";
  readonly size: number;
  readonly slide: number;
}

/** What `window` takes. */
export type WindowSpec<T = unknown> = AlignedWindow | SessionWindow<T> | GlobalWindow;

/** A window's span in epoch milliseconds: [start, end). Of one without bounds, -Infinity and Infinity. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

export interface WindowAlignment {
  /** Shifts all windows, e.g. "15m" for hours that begin at a quarter past. */
  readonly offset?: Duration;
  readonly timeZone?: string;
  /** "event" is the default; with "processing" a record belongs to the windows that are open when it comes. */
  readonly time?: TimerDomain;
}

/** Windows side by side: [0, size), [size, 2·size), … */
export function tumbling(size: Duration, alignment: WindowAlignment = {}): AlignedWindow {
  const sizeMs = positiveDurationMs(size, "the size of a tumbling window");
  return windowSpec("tumbling", sizeMs, sizeMs, alignment);
}

/** Windows of a size, one beginning every `slide`; a record is in size / slide of them. */
export function sliding(size: Duration, slide: Duration, alignment: WindowAlignment = {}): AlignedWindow {
  const sizeMs = positiveDurationMs(size, "the size of a sliding window");
  const slideMs = positiveDurationMs(slide, "the slide of a sliding window");
  if (slideMs > sizeMs) {
    throw new MillraceError(
      "BAD_OPTION",
      `a sliding window's slide (${slideMs} ms) is longer than its size (${sizeMs} ms), so records between windows would be lost: make the slide at most the size`,
    );
  }
  return windowSpec("sliding", sizeMs, slideMs, alignment);
}

/**
 * Windows that begin together every `size` and end one `step` after the other: from midnight to one, to two, …, to midnight.
 * Each is a running result of its cycle.
 */
export function cumulative(size: Duration, step: Duration, alignment: WindowAlignment = {}): AlignedWindow {
  const sizeMs = positiveDurationMs(size, "the size of a cumulative window");
  const stepMs = positiveDurationMs(step, "the step of a cumulative window");
  if (sizeMs % stepMs !== 0) {
    throw new MillraceError(
      "BAD_OPTION",
      `a cumulative window's size (${sizeMs} ms) is no multiple of its step (${stepMs} ms), so its last step would be shorter: make it one`,
    );
  }
  return windowSpec("cumulative", sizeMs, stepMs, alignment);
}

/**
 * A key's records that follow each other by at most the gap: a session ends that long after its last record, and one that
 * comes within two sessions' gaps joins them. The gap is a duration, or a function that tells it of each record.
 */
export function session<T = unknown>(
  gap: Duration | ((record: T) => Duration),
  options: { readonly time?: TimerDomain } = {},
): SessionWindow<T> {
  const time = checkedTime(options.time);
  return Object.freeze(
    typeof gap === "function"
      ? { kind: "session", time, gapMs: undefined, gapOf: gap }
      : { kind: "session", time, gapMs: positiveDurationMs(gap, "the gap of a session window"), gapOf: undefined },
  );
}

/** One window for all records of a key. It has no end, so nothing comes of it without a trigger. */
export function globalWindow(): GlobalWindow {
  return Object.freeze({ kind: "global" });
}

/** What `countWindow` takes, checked. @throws BAD_OPTION */
export function countWindowOf(size: number, slide: number): CountWindow {
  for (const [what, number] of Object.entries({ size, slide })) {
    if (Number.isInteger(number) && number >= 1) continue;
    throw new MillraceError(
      "BAD_OPTION",
      `the ${what} of a count window must be a whole number of records, at least 1, got ${number}`,
    );
  }
  return Object.freeze({ kind: "count", size, slide });
}

function windowSpec(
  kind: AlignedWindow["kind"],
  sizeMs: number,
  slideMs: number,
  alignment: WindowAlignment,
): AlignedWindow {
  if (sizeMs / slideMs > WINDOWS_OF_A_RECORD_MAX)
    throw new MillraceError(
      "BAD_OPTION",
      `a ${kind} window of ${sizeMs} ms by ${slideMs} ms has ${Math.ceil(sizeMs / slideMs)} windows for each record, and at most ${WINDOWS_OF_A_RECORD_MAX} are possible: take longer steps`,
    );
  const offsetMs = alignment.offset === undefined ? 0 : durationMs(alignment.offset, "the offset of a window");
  const { timeZone } = alignment;
  if (timeZone !== undefined) checkTimeZone(timeZone);
  const cycleMs = kind === "cumulative" ? sizeMs : slideMs;
  const time = checkedTime(alignment.time);
  return Object.freeze({ kind, time, sizeMs, slideMs, offsetMs: offsetMs % cycleMs, timeZone });
}

function checkedTime(time: TimerDomain = "event"): TimerDomain {
  if (time === "event" || time === "processing") return time;
  throw new MillraceError("BAD_OPTION", `a window's time is "event" or "processing", not ${JSON.stringify(time)}`);
}

function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch (cause) {
    throw new MillraceError(
      "BAD_OPTION",
      `"${timeZone}" is not a time zone; use an IANA name such as "Europe/Berlin"`,
      { cause },
    );
  }
}

/** One result of a window: its key, its span [windowStart, windowEnd) in epoch milliseconds (infinite of windows without bounds), and the aggregate's value. */
export interface WindowResult<K, R> {
  readonly key: K;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly value: R;
}
