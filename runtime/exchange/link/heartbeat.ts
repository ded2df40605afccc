/**
 * Whether the other end of a link still answers.
 *
 * A quarter of the timeout at a time it looks whether the last ping was answered, and sends the next if so; after four
 * looks without an answer the link is lost. Looks are counted, not clock time: a process that was stopped for long finds
 * the answers that have come meanwhile before it looks so often.
 */

import type { CallAfter } from "./link-contract.ts";

const looks = 4;

export interface HeartbeatActions {
  ping(serial: number): void;
  lost(reason: string): void;
}

export class Heartbeat {
  readonly #callAfter: CallAfter;
  readonly #timeoutMs: number;
  readonly #actions: HeartbeatActions;
  #serial = 0;
  #unanswered = 0;
  #cancel: () => void;

  constructor(callAfter: CallAfter, timeoutMs: number, actions: HeartbeatActions) {
    this.#callAfter = callAfter;
    this.#timeoutMs = timeoutMs;
    this.#actions = actions;
    this.#cancel = this.#later();
  }

  /** An answer to the ping of this number has come. */
  answered(serial: number): void {
    if (serial === this.#serial) this.#unanswered = 0;
  }

  stop(): void {
    this.#cancel();
  }

  #later(): () => void {
    return this.#callAfter(this.#timeoutMs / looks, () => this.#look());
  }

  #look(): void {
    if (this.#unanswered === looks) {
      this.#actions.lost(`the peer did not answer for ${this.#timeoutMs} ms`);
      return;
    }
    if (this.#unanswered === 0) {
      this.#serial = (this.#serial + 1) >>> 0;
      this.#actions.ping(this.#serial);
    }
    this.#unanswered++;
    this.#cancel = this.#later();
  }
}
