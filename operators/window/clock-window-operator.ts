/**
 * Keyed windows by the clock, tumbling, sliding and cumulative, of which an aggregate gives the result: the panes of
 * `window-operator.ts`, where the clock tells when a record comes and when windows have ended.
 *
 * The law: the time of records never falls, though a clock may be set back, and what has ended stays so; after a restart it
 * goes on from there at the latest. A record of the millisecond in which a window's span is over belongs to the next one.
 * Results have the time of the window's last millisecond. Watermarks pass by. What is open when all input has come fires.
 *
 * State: that of event time, and one timer of any key that is open, for the end that comes next.
 * Cost: that of event time, and a look at the clock for each record.
 */

import type { ClockWindowSpec } from "../../core/general-window.ts";
import type { OperatorContext } from "../../core/operator.ts";
import { WindowOperator } from "./window-operator.ts";

export class ClockWindowOperator extends WindowOperator {
  readonly #context: OperatorContext;
  /** The latest time that the clock has told. */
  #latest: number;
  /** When the timer comes that was set last; Infinity: none is set. */
  #timerAt = Number.POSITIVE_INFINITY;
  /** Windows are firing, or wait for room. */
  #isFiring = false;

  constructor({ key, window, aggregate }: ClockWindowSpec, context: OperatorContext) {
    const never = Number.NEGATIVE_INFINITY;
    super({ key, window, aggregate, allowedLatenessMs: 0, late: undefined, endedUpTo: never }, context);
    this.#context = context;
    this.#latest = this.restoredUpTo + 1;
  }

  /** Restored windows may have come without their timer, which went with another key. */
  open(): void {
    this.#setTimer();
  }

  override process(value: unknown): void {
    super.process(value, this.#now());
  }

  override batchEnd(): void {
    super.batchEnd();
    this.#setTimer();
  }

  override beforeSnapshot(): void {
    super.beforeSnapshot();
    this.#setTimer();
  }

  override watermark(timestamp: number): void {
    this.#context.output.watermark(timestamp);
  }

  onTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    // Otherwise `passed` sees to what is due by then.
    if (!this.#isFiring) this.#fire(this.#now() - 1);
  }

  finish(): void {
    super.batchEnd();
    if (this.nextFiring < Number.POSITIVE_INFINITY) this.#fire(this.lastFiring);
  }

  protected override passed(): void {
    this.#isFiring = false;
    this.#setTimer();
  }

  #fire(upTo: number): void {
    this.#isFiring = true;
    this.fireUpTo(upTo);
  }

  #now(): number {
    const now = this.#context.clock.now();
    if (now > this.#latest) this.#latest = now;
    return this.#latest;
  }

  #setTimer(): void {
    const at = this.nextFiring + 1;
    if (at >= this.#timerAt || this.#isFiring) return;
    this.#context.state.setCurrentKey(this.anyKey());
    this.#context.timers.register("processing", at);
    this.#timerAt = at;
  }
}
