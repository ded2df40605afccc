/** Runs a few tasks at a time, in the order of asking, and lets a bounded number of others wait. */

import { MillraceError } from "../../core/errors.ts";

export interface QueueBounds {
  readonly runningMax: number;
  readonly waitingMax: number;
  /** What is done, for the message when there are too many: "submissions". */
  readonly what: string;
}

export class BoundedQueue {
  readonly #bounds: QueueBounds;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  /** @throws NOT_READY when too many wait; what the task throws. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #turn(): Promise<void> {
    const { runningMax, waitingMax, what } = this.#bounds;
    if (this.#running < runningMax) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= waitingMax) {
      throw new MillraceError("NOT_READY", `${waitingMax} ${what} wait already; try again later`);
    }
    // Whoever ends hands on its turn.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
