/**
 * The gate of a subtask: everything that may keep it from taking further input.
 *
 * Closed while an output waits for credit, an operator is suspended, or an operator awaits a promise. Operators look at
 * `blocked` only; the subtask opens the gate again. What is suspended goes on from the end of the chain to its head, so
 * that nothing overtakes what an operator downstream still holds.
 */

import type { Gate } from "../../core/operator.ts";

interface Suspended {
  /** Where in the chain: downstream is higher. */
  readonly place: number;
  readonly resume: () => boolean;
}

export class SubtaskGate implements Gate {
  blocked = false;
  /** Whether records may have been emitted since the subtask paused last; set back by the subtask. */
  worked = false;
  /** Downstream first; at the same place, what was suspended first. */
  #suspended: readonly Suspended[] = [];
  #waits = 0;
  #inputWaits = 0;
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

  /** Registers what has to go on before the gate opens. `place` orders it among the operators of the chain. */
  suspend(resume: () => boolean, place = 0): void {
    this.#suspended = inOrder([...this.#suspended, { place, resume }]);
    this.blocked = true;
  }

  /** Keeps the gate closed until the promise settles. */
  wait(promise: PromiseLike<void>): void {
    this.#waits++;
    this.blocked = true;
    this.#watch(promise, () => {
      this.#waits--;
    });
  }

  /** Awaits what only the input waits for: nothing else is kept from going on. */
  awaitInput(promise: PromiseLike<void>): void {
    this.#inputWaits++;
    this.#watch(promise, () => {
      this.#inputWaits--;
    });
  }

  #watch(promise: PromiseLike<void>, settled: () => void): void {
    promise.then(
      () => {
        settled();
        this.#wake();
      },
      (error) => {
        settled();
        this.#failure ??= { error };
        this.#wake();
      },
    );
  }

  /** Whether an operator awaits a promise. */
  get waiting(): boolean {
    return this.#waits > 0;
  }

  /** Whether anything awaits a promise, the input included. */
  get awaiting(): boolean {
    return this.#waits + this.#inputWaits > 0;
  }

  get suspended(): boolean {
    return this.#suspended.length > 0;
  }

  /** @throws what an awaited promise was rejected with. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Lets suspended operators go on while the outputs have room; true, with the gate open, when none is suspended any
   * more and there is room. What an operator suspends while it goes on comes before itself at the same place.
   */
  resume(hasRoom: () => boolean): boolean {
    let room = true;
    this.worked = true;
    while (room && this.#waits === 0) {
      const [next, ...rest] = this.#suspended;
      if (next === undefined) break;
      this.#suspended = [];
      this.blocked = false;
      const done = next.resume();
      this.#suspended = inOrder([...this.#suspended, ...(done ? [] : [next]), ...rest]);
      room = hasRoom();
    }
    const open = room && this.#suspended.length === 0 && this.#waits === 0;
    this.blocked = !open;
    return open;
  }
}

function inOrder(suspended: readonly Suspended[]): readonly Suspended[] {
  return suspended.toSorted((a, b) => b.place - a.place);
}
