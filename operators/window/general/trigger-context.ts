/** What a trigger sees of the window that it is asked about. One a subtask, which turns from window to window. */

import type { Key } from "../../../core/key.ts";
import type { OperatorContext } from "../../../core/operator.ts";
import type { TriggerContext } from "../../../core/trigger.ts";
import { newWindow, type OpenWindow } from "./open-window.ts";

export class WindowTriggerContext implements TriggerContext {
  /** Whether windows or their times have changed since it was last set to false. */
  changed = false;
  key: Key = 0;
  window: OpenWindow = newWindow(0, 0, null);
  readonly #context: OperatorContext;

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  about(key: Key, window: OpenWindow): this {
    this.key = key;
    this.window = window;
    return this;
  }

  get watermark(): number {
    return this.#context.currentWatermark;
  }

  get processingTime(): number {
    return this.#context.clock.now();
  }

  eventTimer(time: number): void {
    this.#add(this.window.eventTimers, time);
  }

  processingTimer(time: number): void {
    this.#add(this.window.processingTimers, time);
  }

  deleteEventTimer(time: number): void {
    remove(this.window.eventTimers, time);
  }

  deleteProcessingTimer(time: number): void {
    remove(this.window.processingTimers, time);
  }

  #add(times: number[], time: number): void {
    if (times.includes(time)) return;
    times.push(time);
    this.changed = true;
  }
}

function remove(times: number[], time: number): void {
  const at = times.indexOf(time);
  if (at >= 0) times.splice(at, 1);
}
