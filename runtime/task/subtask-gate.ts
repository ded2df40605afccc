/**
 * The gate of a subtask: everything that may keep it from taking further input.
 *
 * Closed while an output waits for credit, an operator is suspended, or a promise is awaited. Operators look at
 * `blocked` only; the subtask opens the gate again.
 */

import type { Gate } from "../../core/operator.ts";

export class SubtaskGate implements Gate {
  blocked = false;
  /** Suspended operators in the order in which they have to go on: downstream first. */
  #suspended: (() => boolean)[] = [];
  #waits = 0;
  /** The first failure of an awaited promise. */
  #failure: { readonly error: unknown } | undefined;
  readonly #wake: () => void;

  /** `wake` is called when an awaited promise has settled. */
  constructor(wake: () => void) {
    this.#wake = wake;
  }

  close(): void {
    this.blocked = true;
  }

  suspend(resume: () => boolean): void {
    this.#suspended.push(resume);
    this.blocked = true;
  }

  wait(promise: PromiseLike<void>): void {
    this.#waits++;
    this.blocked = true;
    promise.then(
      () => this.#settled(),
      (error) => {
        this.#failure ??= { error };
        this.#settled();
      },
    );
  }

  #settled(): void {
    this.#waits--;
    this.#wake();
  }

  get waiting(): boolean {
    return this.#waits > 0;
  }

  get suspended(): boolean {
    return this.#suspended.length > 0;
  }

  /** @throws what an awaited promise was rejected with. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Lets suspended operators go on while the outputs have room; true when none is suspended any more.
   * An operator that suspends itself, or lets one behind it suspend itself, goes in front of those not yet resumed.
   */
  resume(hasRoom: () => boolean): boolean {
    while (this.#suspended.length > 0) {
      const [next, ...rest] = this.#suspended;
      this.#suspended = [];
      this.blocked = false;
      const done = (next as () => boolean)();
      this.#suspended = [...this.#suspended, ...(done ? [] : [next as () => boolean]), ...rest];
      if (this.#waits > 0 || !hasRoom()) break;
    }
    const open = this.#suspended.length === 0 && this.#waits === 0;
    this.blocked = !open;
    return open;
  }
}
