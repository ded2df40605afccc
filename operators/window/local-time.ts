/**
 * Local time for windows: instants shifted by an offset, or read from the clock on the wall of a time zone.
 *
 * Windows are cut in local time, so a day in "Europe/Berlin" begins at its midnight and may have 23 or 25 hours.
 * Both directions are monotonic: a local time that a clock change skips maps to the instant of the change, one that it
 * repeats to the first of the two, and while the clock repeats, local time stands still just before it goes on. So each
 * window is one span of instants; the last one that ends with a repeated span contains all of it.
 */

const quarterHourMs = 15 * 60_000;
const dayMs = 24 * 3_600_000;

export interface LocalTime {
  toLocal(instant: number): number;
  toInstant(local: number): number;
}

export function localTime(offsetMs: number, timeZone: string | undefined): LocalTime {
  if (timeZone !== undefined) return new ZonedTime(timeZone, offsetMs);
  return { toLocal: (instant) => instant - offsetMs, toInstant: (local) => local + offsetMs };
}

class ZonedTime implements LocalTime {
  readonly #format: Intl.DateTimeFormat;
  readonly #shiftMs: number;
  #cachedQuarter = Number.NaN;
  #cachedOffset = 0;
  /** Of the cached quarter: the latest time that the clock has shown before. */
  #cachedPeak = Number.NEGATIVE_INFINITY;

  constructor(timeZone: string, shiftMs: number) {
    this.#format = new Intl.DateTimeFormat("en-u-ca-iso8601", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    this.#shiftMs = shiftMs;
  }

  toLocal(instant: number): number {
    const offset = this.#utcOffset(instant);
    return Math.max(instant + offset, this.#cachedPeak - 1) - this.#shiftMs;
  }

  toInstant(local: number): number {
    const wall = local + this.#shiftMs;
    const first = wall - this.#utcOffset(wall - dayMs);
    const second = wall - this.#utcOffset(wall + dayMs);
    const earlier = Math.min(first, second);
    const later = Math.max(first, second);
    if (this.toLocal(earlier) === local) return earlier;
    if (this.toLocal(later) === local) return later;
    return this.#firstInstantAtOrAfter(local, earlier, later);
  }

  /** Binary search: the clock jumps over `local` somewhere between the two instants. */
  #firstInstantAtOrAfter(local: number, earlier: number, later: number): number {
    let low = earlier;
    let high = later;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.toLocal(middle) >= local) high = middle;
      else low = middle;
    }
    return high;
  }

  /** The zone's offset from UTC, which only changes at full quarters of an hour. */
  #utcOffset(instant: number): number {
    const quarter = Math.floor(instant / quarterHourMs);
    if (quarter !== this.#cachedQuarter) {
      this.#cachedQuarter = quarter;
      this.#cachedOffset = this.#readOffset(quarter * quarterHourMs);
      this.#cachedPeak = this.#peakBefore(quarter);
    }
    return this.#cachedOffset;
  }

  /** What the clock showed when it was last set back, if that was within a day before: it changes once a day at most. */
  #peakBefore(quarter: number): number {
    let before = quarter - dayMs / quarterHourMs;
    const offset = this.#readOffset(before * quarterHourMs);
    if (offset <= this.#cachedOffset) return Number.NEGATIVE_INFINITY;
    let after = quarter;
    while (after - before > 1) {
      const middle = Math.floor((after + before) / 2);
      if (this.#readOffset(middle * quarterHourMs) === offset) before = middle;
      else after = middle;
    }
    return after * quarterHourMs + offset;
  }

  #readOffset(instant: number): number {
    const parts = new Map(this.#format.formatToParts(instant).map((part) => [part.type, Number(part.value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) as number;
    return (
      Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second")) - instant
    );
  }
}
