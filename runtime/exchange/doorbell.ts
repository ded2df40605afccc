/**
 * Doorbells: how threads wake each other. One word a slot counts its rings, another says at which count it sleeps.
 *
 * Layout of the shared Int32Array, for slot s: [16·s] rings so far, [16·s + 1] the count at which it sleeps, or one that
 * has passed, [16·s + 2] and [16·s + 3] how far the slot has come (`slot-progress.ts`); the rest of the 64 bytes keeps
 * slots on cache lines of their own.
 *
 * No ring is lost, and only the first of a sleep notifies:
 *  1. A sleeper reads the count, writes it down as the one it sleeps at, looks for work once more, and waits on it.
 *  2. A ringer publishes its work, raises the count, and notifies if the count that it raised is written down.
 * What was published before the count was read is found by looking. Exactly one ring raises the count that was read:
 * either it finds it written down, or it came before the writing, and then the wait sees another count and does not begin.
 */

export const wordsPerSlot = 16;

export function createDoorbells(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer(slots * wordsPerSlot * Int32Array.BYTES_PER_ELEMENT);
}

export class Doorbell {
  readonly #words: Int32Array;
  readonly #count: number;
  readonly #sleepsAt: number;

  constructor(buffer: SharedArrayBuffer, slot: number) {
    this.#words = new Int32Array(buffer);
    this.#count = slot * wordsPerSlot;
    this.#sleepsAt = this.#count + 1;
  }

  ring(): void {
    const raised = Atomics.add(this.#words, this.#count, 1);
    if (Atomics.load(this.#words, this.#sleepsAt) === raised) Atomics.notify(this.#words, this.#count);
  }

  /** Announces sleep and returns the count to wait on. Look for work once more before `sleep`. */
  prepareSleep(): number {
    const count = Atomics.load(this.#words, this.#count);
    Atomics.store(this.#words, this.#sleepsAt, count);
    return count;
  }

  /** Resolves at the next ring after `prepareSleep`, or after the time. Does not keep a thread alive by itself. */
  async sleep(count: number, timeoutMs: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#words, this.#count, count, timeoutMs);
    if (wait.async) await wait.value;
  }

  /** Ends the announcement of `prepareSleep`: saves ringers a notification that nobody waits for. */
  awake(): void {
    Atomics.store(this.#words, this.#sleepsAt, (Atomics.load(this.#words, this.#count) - 1) | 0);
  }
}
