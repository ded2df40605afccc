/**
 * How a subtask has spent its time since it started: working, waiting for input, waiting for credit. What is left is time
 * in which it had work and other subtasks of its slot had the thread.
 *
 * A promise that one of its functions waits for counts as work, as if the function had blocked. Times are complete up to
 * the end of the last step.
 */

/** What keeps a subtask from its next step: its turn only, input, credit, or a promise of a function. */
export type SubtaskWait = "turn" | "input" | "credit" | "function";

export class SubtaskTimes {
  busyMs = 0;
  idleMs = 0;
  backpressuredMs = 0;
  #lastMs = Number.NaN;
  #wait: SubtaskWait = "turn";

  /** A step has taken from `fromMs` to `toMs` of a monotonic clock; `wait` is what it ended with. */
  stepped(fromMs: number, toMs: number, wait: SubtaskWait): void {
    if (!Number.isNaN(this.#lastMs)) this.#add(fromMs - this.#lastMs);
    this.busyMs += toMs - fromMs;
    this.#lastMs = toMs;
    this.#wait = wait;
  }

  #add(ms: number): void {
    switch (this.#wait) {
      case "turn":
        break;
      case "input":
        this.idleMs += ms;
        break;
      case "credit":
        this.backpressuredMs += ms;
        break;
      case "function":
        this.busyMs += ms;
        break;
    }
  }
}
