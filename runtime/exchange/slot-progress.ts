/**
 * How far a slot has come, for whoever watches it from another thread: two words beside its doorbell (`doorbell.ts`).
 *
 *   word 2   turns so far; 0 until the job's module is imported and all operators are open
 *   word 3   1 + the number of the subtask whose step runs, among the slot's own; 0 between steps
 *
 * A slot that has nothing to do still takes turns, as it wakes for its reports several times a second. So one whose turns
 * stand still is stuck, wherever that is: in a step, in a callback, in the import of its module, in `open` or `close`.
 */

import { wordsPerSlot } from "./doorbell.ts";

const turnsWord = 2;
const stepWord = 3;

/** The slot's end. */
export class SlotProgress {
  readonly #words: Int32Array;
  readonly #turns: number;
  readonly #step: number;

  constructor(doorbells: SharedArrayBuffer, slot: number) {
    this.#words = new Int32Array(doorbells);
    this.#turns = slot * wordsPerSlot + turnsWord;
    this.#step = slot * wordsPerSlot + stepWord;
  }

  turn(): void {
    // Never back to 0, which stands for a slot that has not begun.
    Atomics.store(this.#words, this.#turns, (Atomics.load(this.#words, this.#turns) + 1) | 1);
  }

  /** The step of a subtask begins; -1: it has ended. */
  step(subtask: number): void {
    Atomics.store(this.#words, this.#step, subtask + 1);
  }
}

export interface ProgressSeen {
  /** Changes with every turn; 0 before the first. */
  readonly turns: number;
  /** The number of the subtask whose step runs, among the slot's own; -1 between steps. */
  readonly step: number;
}

/** The watcher's end. */
export function readProgress(doorbells: SharedArrayBuffer, slot: number): ProgressSeen {
  const words = new Int32Array(doorbells, slot * wordsPerSlot * Int32Array.BYTES_PER_ELEMENT, wordsPerSlot);
  return { turns: Atomics.load(words, turnsWord), step: Atomics.load(words, stepWord) - 1 };
}
