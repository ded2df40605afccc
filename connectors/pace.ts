/** When each record of a source that keeps a rate is due, by the clock of its context. */

import type { Clock } from "../core/time.ts";

export class Pace {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #startMs: number | undefined;
  #startIndex = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** The first index that is asked for is due at once; later calls change nothing. */
  startAt(index: number): void {
    if (this.#startMs !== undefined) return;
    this.#startMs = this.#clock.monotonicMs();
    this.#startIndex = index;
  }

  /** All indices below this one are due. */
  dueBefore(): number {
    return this.#startIndex + Math.floor((this.#elapsedMs() * this.#perSecond) / 1000) + 1;
  }

  msUntil(index: number): number {
    return Math.max(1, Math.ceil(((index - this.#startIndex) * 1000) / this.#perSecond - this.#elapsedMs()));
  }

  #elapsedMs(): number {
    return this.#clock.monotonicMs() - (this.#startMs ?? 0);
  }
}
