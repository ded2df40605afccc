/**
 * Panes: the longest spans that every window is made of whole. A record is added to one pane, whatever the number of
 * windows that contain it; a window is the panes of its span. Pure arithmetic in local milliseconds.
 *
 * A window is named by the local start of its first pane; a cumulative one by that of its last pane, as all of a cycle
 * begin together. So the windows that contain a pane are those of the names first, first + slide, …, last.
 */

import type { AlignedWindow } from "../../core/window.ts";
import { type LocalTime, localTime } from "./local-time.ts";

export class Panes {
  readonly slideMs: number;
  readonly paneMs: number;
  readonly #sizeMs: number;
  readonly #cumulative: boolean;
  readonly #time: LocalTime;

  constructor({ kind, sizeMs, slideMs, offsetMs, timeZone }: Omit<AlignedWindow, "time">) {
    this.#sizeMs = sizeMs;
    this.slideMs = slideMs;
    this.paneMs = greatestCommonDivisor(sizeMs, slideMs);
    this.#cumulative = kind === "cumulative";
    this.#time = localTime(offsetMs, timeZone);
  }

  /** Whether windows are of several panes. */
  get areParts(): boolean {
    return this.paneMs < this.#sizeMs;
  }

  /** The local start of the pane that an instant falls into. */
  paneOf(instant: number): number {
    const local = this.#time.toLocal(instant);
    return Math.floor(local / this.paneMs) * this.paneMs;
  }

  /** The instant at which a pane begins. */
  instantOf(pane: number): number {
    return this.#time.toInstant(pane);
  }

  /** The last window that contains a pane. */
  lastWindowOf(pane: number): number {
    if (this.#cumulative) return this.#cycleOf(pane) + this.#sizeMs - this.slideMs;
    return Math.floor(pane / this.slideMs) * this.slideMs;
  }

  /** The first window that contains a pane. */
  firstWindowOf(pane: number): number {
    if (this.#cumulative) return pane;
    return Math.floor((pane + this.paneMs - this.#sizeMs + this.slideMs - 1) / this.slideMs) * this.slideMs;
  }

  /** The local start of a window's first pane. */
  firstPaneOf(window: number): number {
    return this.#cumulative ? this.#cycleOf(window) : window;
  }

  /** The local time at which a window's last pane ends. */
  localEndOf(window: number): number {
    return window + (this.#cumulative ? this.slideMs : this.#sizeMs);
  }

  /** The instant at which a window begins. */
  startOf(window: number): number {
    return this.#time.toInstant(this.firstPaneOf(window));
  }

  /** The instant at which a window ends: the first one that is not part of it. */
  endOf(window: number): number {
    return this.#time.toInstant(this.localEndOf(window));
  }

  #cycleOf(pane: number): number {
    return Math.floor(pane / this.#sizeMs) * this.#sizeMs;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
