/**
 * Memory for large answers, used again: fetches bring megabytes many times a second, and fresh memory for each would be
 * touched for the first time by the kernel and, being outside of the heap, make the collector run again and again.
 *
 * An answer whose reader says that nobody keeps a part of it any more comes back by `give`. One that is never given back is
 * left to the collector, so giving back is never a duty.
 */

import { ANSWER_SPARE_BYTES_MAX, ANSWER_SPARES_MAX, REUSED_ANSWER_BYTES } from "../limits.ts";

const STEP_BYTES = 1 << 20;

export class AnswerMemory {
  readonly #spare: Buffer[] = [];

  take(length: number): Buffer {
    if (length < REUSED_ANSWER_BYTES) return Buffer.allocUnsafeSlow(length);
    const at = this.#spare.findIndex((spare) => spare.length >= length);
    const [memory] = at < 0 ? [] : this.#spare.splice(at, 1);
    // Rounded up, so that the next answer, of about the same size, fits too.
    return (memory ?? Buffer.allocUnsafeSlow(Math.ceil(length / STEP_BYTES) * STEP_BYTES)).subarray(0, length);
  }

  /** @param answer one that `take` gave, or any part of it. REQUIRES: nobody reads or keeps a part of it any more */
  give(answer: Buffer): void {
    const memory = Buffer.from(answer.buffer as ArrayBuffer);
    if (memory.length < REUSED_ANSWER_BYTES || memory.length > ANSWER_SPARE_BYTES_MAX) return;
    if (this.#spare.length < ANSWER_SPARES_MAX) this.#spare.push(memory);
  }
}
