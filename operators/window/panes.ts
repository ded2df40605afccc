/**
 * Panes: the longest spans that every window is made of whole. A record is added to one pane, whatever the number of
 * windows that contain it; a window is the panes of its span. Pure arithmetic in local milliseconds.
 */

import type { WindowSpec } from "../../core/window.ts";
import { type LocalTime, localTime } from "./local-time.ts";

export class Panes {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly paneMs: number;
  readonly #time: LocalTime;

  constructor(window: WindowSpec) {
    this.sizeMs = window.sizeMs;
    this.slideMs = window.slideMs;
    this.paneMs = greatestCommonDivisor(window.sizeMs, window.slideMs);
    this.#time = localTime(window.offsetMs, window.timeZone);
  }

  /** The local start of the pane that an instant falls into. */
  paneOf(instant: number): number {
    const local = this.#time.toLocal(instant);
    return Math.floor(local / this.paneMs) * this.paneMs;
  }

  /** The local start of the last window that contains a pane. */
  lastWindowOf(pane: number): number {
    return Math.floor(pane / this.slideMs) * this.slideMs;
  }

  /** The local start of the first window that contains a pane. */
  firstWindowOf(pane: number): number {
    return Math.floor((pane + this.paneMs - this.sizeMs + this.slideMs - 1) / this.slideMs) * this.slideMs;
  }

  /** The instant at which a window begins. */
  startOf(window: number): number {
    return this.#time.toInstant(window);
  }

  /** The instant at which a window ends: the first one that is not part of it. */
  endOf(window: number): number {
    return this.#time.toInstant(window + this.sizeMs);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
