/**
 * Ageing: values that are not seen any more once they are older than their time to live.
 *
 * A stamp is the time at which a value was written (or read, if the state says so). It is saved, not the end, so that a
 * new version of a job can shorten or lengthen the life of what is there. A value without a time, because none was known
 * when it was written in event time, has the stamp −Infinity and does not expire before it is written again.
 */

import { MillraceError } from "../../core/errors.ts";
import type { TimerDomain } from "../../core/operator.ts";
import type { TimeToLive } from "../../core/state.ts";

/** What time it is: the wall clock, or the watermark. */
export type StateClock = (domain: TimerDomain) => number;

/** The event time of the record that is being processed. */
export interface RecordTime {
  timestamp: number;
}

export class Ageing {
  readonly domain: TimerDomain;
  readonly ttlMs: number;
  readonly refreshOnRead: boolean;
  readonly #clock: StateClock;
  readonly #record: RecordTime;

  constructor({ ms, domain, refresh }: TimeToLive, clock: StateClock, record: RecordTime) {
    this.ttlMs = ms;
    this.domain = domain;
    this.refreshOnRead = refresh === "read";
    this.#clock = clock;
    this.#record = record;
  }

  /** The time for the current key: in event time its record's, if that is ahead of the watermark. */
  now(): number {
    return this.domain === "event" ? Math.max(this.nowForAll(), this.#record.timestamp) : this.nowForAll();
  }

  /** A time that no key's falls behind later. */
  nowForAll(): number {
    return this.#clock(this.domain);
  }

  /** Whether a value with this stamp is gone. */
  isOver(stamp: number, now: number): boolean {
    return stamp + this.ttlMs <= now && stamp !== Number.NEGATIVE_INFINITY;
  }
}

/** For backends that were given no clock: states that age are refused. */
export function noClock(operator: string): StateClock {
  return () => {
    throw new MillraceError(
      "STATE_MISUSE",
      `"${operator}" has state with a time to live, but its host tells no time. Give the backend a clock`,
      { operator },
    );
  };
}
