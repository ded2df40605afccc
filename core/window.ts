/** Windows over event time, as data. Assigning records to them is `operators/window`'s work. */

import { MillraceError } from "./errors.ts";
import { type Duration, durationMs, positiveDurationMs } from "./time.ts";

/**
 * Tumbling windows are sliding ones whose slide is their size. Times are local: instants shifted by `offsetMs`, and by
 * the time zone's UTC offset where one is given.
 */
export interface WindowSpec {
  readonly kind: "tumbling" | "sliding";
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** An IANA name such as "Europe/Berlin". A window is then the span between two local times: days may have 23 or 25 h. */
  readonly timeZone: string | undefined;
}

export interface WindowAlignment {
  /** Shifts all windows, e.g. "15m" for hours that begin at a quarter past. */
  readonly offset?: Duration;
  readonly timeZone?: string;
}

/** Windows side by side: [0, size), [size, 2·size), … */
export function tumbling(size: Duration, alignment: WindowAlignment = {}): WindowSpec {
  const sizeMs = positiveDurationMs(size, "the size of a tumbling window");
  return windowSpec("tumbling", sizeMs, sizeMs, alignment);
}

/** Windows of a size, one beginning every `slide`; a record is in size / slide of them. */
export function sliding(size: Duration, slide: Duration, alignment: WindowAlignment = {}): WindowSpec {
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

function windowSpec(kind: WindowSpec["kind"], sizeMs: number, slideMs: number, alignment: WindowAlignment): WindowSpec {
  const offsetMs = alignment.offset === undefined ? 0 : durationMs(alignment.offset, "the offset of a window");
  const { timeZone } = alignment;
  if (timeZone !== undefined) checkTimeZone(timeZone);
  return Object.freeze({ kind, sizeMs, slideMs, offsetMs: offsetMs % slideMs, timeZone });
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

/** One result of a window: its key, its span [windowStart, windowEnd) in epoch milliseconds, and the aggregate's value. */
export interface WindowResult<K, R> {
  readonly key: K;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly value: R;
}
