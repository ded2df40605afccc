/** A clock that stands still until somebody moves it. */

import { assert } from "../../core/assert.ts";
import type { Clock } from "../../core/time.ts";

export class VirtualClock implements Clock {
  readonly #startMs: number;
  #nowMs: number;

  constructor(startMs = 0) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  advanceTo(timeMs: number): void {
    assert(timeMs >= this.#nowMs, `a clock does not go back: from ${this.#nowMs} to ${timeMs}`);
    this.#nowMs = timeMs;
  }
}
