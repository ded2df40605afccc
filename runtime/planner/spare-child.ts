/**
 * At most one planner's process that has been started before there is a program for it.
 *
 *   none ──prepare──► waiting ──take──► none: whoever took it gives it its program
 *                     │  ▲ │
 *                     │  └─┘ prepare: waits longer
 *                     └─ its time is over, it ends, end ──► none
 */

import type { ChildProcess } from "node:child_process";

export class SpareChild {
  readonly #start: () => ChildProcess;
  readonly #keptMs: number;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(start: () => ChildProcess, keptMs: number) {
    this.#start = start;
    this.#keptMs = keptMs;
  }

  prepare(): void {
    const child = this.#child ?? this.#started();
    this.#child = child;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), this.#keptMs);
  }

  /** The child, if one waits. It is the caller's from now on. */
  take(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = undefined;
    clearTimeout(this.#timer);
    return child;
  }

  end(): void {
    this.take()?.kill("SIGKILL");
  }

  /** One that cannot be started, or ends by itself, is of no use to anybody. */
  #started(): ChildProcess {
    const child = this.#start();
    const forget = (): void => {
      if (this.#child === child) this.take();
    };
    return child.once("error", forget).once("exit", forget);
  }
}
