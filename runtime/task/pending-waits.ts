/** The promises that an operator awaits, each with a deadline: a single callback watches all of them. */

import { MillraceError } from "../../core/errors.ts";
import type { Clock } from "../../core/time.ts";

interface PendingWait {
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly what: string;
  readonly reject: (error: Error) => void;
}

/** Whose promises they are. */
export interface WaitingOperator {
  readonly operator: string;
  readonly clock: Clock;
  callAt(timeMs: number, callback: () => void): void;
  failure(cause: unknown, value: unknown): MillraceError;
}

export class PendingWaits {
  readonly #owner: WaitingOperator;
  readonly #waits = new Set<PendingWait>();
  #watchAt = Number.POSITIVE_INFINITY;

  constructor(owner: WaitingOperator) {
    this.#owner = owner;
  }

  /** The promise, or its failure in the operator's name, or TIMEOUT. */
  withTimeout(promise: PromiseLike<void>, timeoutMs: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const wait: PendingWait = { deadline: this.#owner.clock.now() + timeoutMs, timeoutMs, what, reject };
      this.#waits.add(wait);
      this.#watch();
      promise.then(
        () => {
          this.#waits.delete(wait);
          resolve();
        },
        (error) => {
          this.#waits.delete(wait);
          reject(this.#owner.failure(error, undefined));
        },
      );
    });
  }

  /** At the earliest deadline it rejects what is overdue and watches the rest. */
  #watch(): void {
    const { clock } = this.#owner;
    const earliest = Math.min(...[...this.#waits].map((wait) => wait.deadline));
    if (earliest >= this.#watchAt) return;
    this.#watchAt = earliest;
    this.#owner.callAt(earliest, () => {
      if (this.#watchAt !== earliest) return;
      this.#watchAt = Number.POSITIVE_INFINITY;
      for (const wait of this.#waits) if (wait.deadline <= clock.now()) this.#reject(wait);
      this.#watch();
    });
  }

  #reject(wait: PendingWait): void {
    this.#waits.delete(wait);
    const { operator } = this.#owner;
    const message = `${wait.what} of "${operator}" did not settle within ${wait.timeoutMs} ms; let it settle, or give the operator a longer timeout`;
    wait.reject(this.#owner.failure(new MillraceError("TIMEOUT", message, { operator }), undefined));
  }
}
