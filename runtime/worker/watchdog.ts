/**
 * Tells which slots are stuck: those whose turns have stood still for the time that their job allows (`slot-progress.ts`).
 * Pure: whoever uses it samples the slots a few times within that time and gives it the time.
 *
 *   unseen ──► watched ──► stuck
 *                │ ▲
 *                └─┘ a turn: begins anew
 *
 * Time in which nobody sampled counts as one interval: a process that was suspended, or whose main thread was kept busy,
 * has not seen its slots stand still, and they may not have run either.
 */

import type { ProgressSeen } from "../exchange/slot-progress.ts";

export interface WatchdogOptions {
  readonly timeoutMs: number;
  readonly read: () => ProgressSeen;
}

/** How many samples fall into the time after which a slot is stuck. */
const SAMPLES = 8;

export class Watchdog {
  /** How often to sample. */
  readonly intervalMs: number;
  readonly #timeoutMs: number;
  readonly #read: () => ProgressSeen;
  #turns: number | undefined;
  #lastMs = Number.NaN;
  #stillMs = 0;

  constructor({ timeoutMs, read }: WatchdogOptions) {
    this.#timeoutMs = timeoutMs;
    this.#read = read;
    this.intervalMs = Math.ceil(timeoutMs / SAMPLES);
  }

  /** What the slot has been at when it has stood still for too long; else undefined. */
  sample(nowMs: number): ProgressSeen | undefined {
    const seen = this.#read();
    if (seen.turns !== this.#turns) {
      this.#turns = seen.turns;
      this.#stillMs = 0;
    } else this.#stillMs += Math.min(nowMs - this.#lastMs, this.intervalMs);
    this.#lastMs = nowMs;
    return this.#stillMs >= this.#timeoutMs ? seen : undefined;
  }
}
