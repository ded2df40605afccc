/**
 * Evictors: which records of a window its result is made of. A window with an evictor keeps all of its records, and what
 * the evictor removes when the window fires is gone.
 */

import { MillraceError } from "./errors.ts";
import { type Duration, durationMs } from "./time.ts";
import { checkDelta } from "./triggers.ts";
import type { Window } from "./window.ts";

/** A record of a window with its time: its own, or that of the clock when it came, as windows count. */
export interface WindowRecord<T> {
  readonly value: T;
  readonly timestamp: number;
}

/** Users write their own by this contract: both functions return what stays, in the order in which it came. */
export interface Evictor<T = unknown> {
  /** Names it in plans. */
  readonly name: string;
  /** Before the result is made. */
  before?(records: readonly WindowRecord<T>[], window: Window): readonly WindowRecord<T>[];
  /** Behind the result, which is made of all that `before` has left. */
  after?(records: readonly WindowRecord<T>[], window: Window): readonly WindowRecord<T>[];
}

export interface EvictorOptions {
  /** Whether it removes records before the result is made, which is the default, or behind it. */
  readonly when?: "before" | "after";
}

type Keep<T> = (records: readonly WindowRecord<T>[]) => readonly WindowRecord<T>[];

function evictor<T>(name: string, keep: Keep<T>, { when = "before" }: EvictorOptions): Evictor<T> {
  if (when !== "before" && when !== "after")
    throw new MillraceError("BAD_OPTION", `an evictor removes records "before" or "after" the result, not "${when}"`);
  return Object.freeze({ name, [when]: keep });
}

/** Keeps the last so many records. */
export function countEvictor<T>(records: number, options: EvictorOptions = {}): Evictor<T> {
  if (!Number.isInteger(records) || records < 0)
    throw new MillraceError("BAD_OPTION", `countEvictor expects a whole number of records, got ${records}`);
  return evictor(
    `the last ${records} records`,
    (all) => (all.length > records ? all.slice(all.length - records) : all),
    options,
  );
}

/** Keeps the records that are at most so much older than the latest one. */
export function timeEvictor<T>(age: Duration, options: EvictorOptions = {}): Evictor<T> {
  const ageMs = durationMs(age, "the age of timeEvictor");
  const keep: Keep<T> = (all) => {
    const latest = all.reduce((most, { timestamp }) => Math.max(most, timestamp), Number.NEGATIVE_INFINITY);
    return all.filter(({ timestamp }) => timestamp >= latest - ageMs);
  };
  return evictor(`the last ${ageMs} ms`, keep, options);
}

/** Keeps the records that differ from the last one by less than a threshold. */
export function deltaEvictor<T>(
  threshold: number,
  delta: (record: T, last: T) => number,
  options: EvictorOptions = {},
): Evictor<T> {
  checkDelta("deltaEvictor", threshold, delta);
  const keep: Keep<T> = (all) => {
    const last = all.at(-1);
    return last === undefined ? all : all.filter(({ value }) => delta(value, last.value) < threshold);
  };
  return evictor(`delta below ${threshold}`, keep, options);
}
