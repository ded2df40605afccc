/** Time: instants in epoch milliseconds, durations as the user writes them, and the clock that everything else is given. */

import { MillraceError } from "./errors.ts";

/** The timestamp of a record that has none. Windows refuse it and name `withTimestamps`. */
export const NO_TIMESTAMP = Number.NEGATIVE_INFINITY;

/** How far from 1970 event time goes, either way, as that of Date does: milliseconds further off have no exact sums. */
export const EVENT_TIME_MAX_MS = 8.64e15;

/** Whether windows and joins can go by a timestamp: neither NO_TIMESTAMP nor NaN, nor for instance one in nanoseconds. */
export function isEventTime(timestamp: number): boolean {
  return timestamp >= -EVENT_TIME_MAX_MS && timestamp <= EVENT_TIME_MAX_MS;
}

/** The watermark that says: all input has come. */
export const END_OF_TIME = Number.POSITIVE_INFINITY;

export interface DurationParts {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

type DurationUnit = "ms" | "s" | "m" | "h" | "d";

/** `"5s"`, `"1.5h"`, or `{ seconds: 5 }`; units: ms, s, m, h, d. */
export type Duration = `${number}${DurationUnit}` | DurationParts;

const unitMs: Readonly<Record<DurationUnit, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * The duration in milliseconds.
 * @throws MillraceError BAD_DURATION when it is not a duration, is negative, or is below a millisecond but not zero.
 */
export function durationMs(duration: Duration, what: string): number {
  const milliseconds = typeof duration === "string" ? parseText(duration) : sumParts(duration);
  if (!Number.isFinite(milliseconds) || milliseconds < 0 || (milliseconds > 0 && milliseconds < 1)) {
    throw new MillraceError(
      "BAD_DURATION",
      `${what} expects a duration such as "5s" or { seconds: 5 }, got ${JSON.stringify(duration) ?? String(duration)}`,
    );
  }
  return Math.round(milliseconds);
}

/** As `durationMs`, but it may be negative: `"-5m"`, `{ minutes: -5 }`. */
export function signedDurationMs(duration: Duration, what: string): number {
  if (typeof duration === "string" && duration.startsWith("-")) return -durationMs(duration.slice(1) as Duration, what);
  if (typeof duration === "object" && sumParts(duration) < 0) {
    const parts = Object.entries(duration).map(([unit, amount]) => [unit, -amount]);
    return -durationMs(Object.fromEntries(parts) as DurationParts, what);
  }
  return durationMs(duration, what);
}

/** As `durationMs`, but zero is refused too. */
export function positiveDurationMs(duration: Duration, what: string): number {
  const milliseconds = durationMs(duration, what);
  if (milliseconds === 0) throw new MillraceError("BAD_DURATION", `${what} must be longer than zero`);
  return milliseconds;
}

function parseText(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * unitMs[match[2] as DurationUnit];
}

function sumParts(parts: DurationParts): number {
  if (typeof parts !== "object" || parts === null) return Number.NaN;
  const known = { days: unitMs.d, hours: unitMs.h, minutes: unitMs.m, seconds: unitMs.s, milliseconds: 1 };
  let sum = 0;
  for (const [name, amount] of Object.entries(parts)) {
    if (!(name in known) || typeof amount !== "number") return Number.NaN;
    sum += amount * known[name as keyof typeof known];
  }
  return sum;
}

/** Where time comes from. Injected everywhere, so that a test or a simulation decides what time it is. */
export interface Clock {
  /** Wall-clock time in epoch milliseconds. */
  now(): number;
  /** Monotonic time in milliseconds, for measuring spans. */
  monotonicMs(): number;
}
