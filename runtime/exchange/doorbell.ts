/**
 * Doorbells: how threads wake each other. One word a slot that counts rings, one that says whether the slot sleeps.
 *
 * Layout of the shared Int32Array, for slot s: [16·s] rings so far, [16·s + 1] 1 while it sleeps; the rest of the 64
 * bytes keeps slots on cache lines of their own.
 *
 * No ring is lost: a sleeper sets its flag, reads the count, looks for work once more, and waits on that count; a ringer
 * counts first and reads the flag after.
 */

const wordsPerSlot = 16;

export function createDoorbells(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer(slots * wordsPerSlot * Int32Array.BYTES_PER_ELEMENT);
}

export class Doorbell {
  readonly #words: Int32Array;
  readonly #count: number;
  readonly #sleeps: number;

  constructor(buffer: SharedArrayBuffer, slot: number) {
    this.#words = new Int32Array(buffer);
    this.#count = slot * wordsPerSlot;
    this.#sleeps = this.#count + 1;
  }

  ring(): void {
    Atomics.add(this.#words, this.#count, 1);
    // Waking costs tens of microseconds: only the first ring of a sleep does it.
    if (Atomics.exchange(this.#words, this.#sleeps, 0) === 1) Atomics.notify(this.#words, this.#count);
  }

  /** Announces sleep and returns the count to wait on. Look for work once more before `sleep`. */
  prepareSleep(): number {
    Atomics.store(this.#words, this.#sleeps, 1);
    return Atomics.load(this.#words, this.#count);
  }

  /** Resolves at the next ring after `prepareSleep`, or after the time. Does not keep a thread alive by itself. */
  async sleep(count: number, timeoutMs: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#words, this.#count, count, timeoutMs);
    if (wait.async) await wait.value;
  }

  /** Ends the announcement of `prepareSleep`. */
  awake(): void {
    Atomics.store(this.#words, this.#sleeps, 0);
  }
}
