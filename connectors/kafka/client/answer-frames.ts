/**
 * Puts together the answers that come over a connection: a length of 4 bytes, then as many bytes, of which the first 4 are
 * the number of the request. Each answer gets memory of its own, and what comes is copied there at once, so that the
 * socket can read into the same small buffer again and again: kept chunks would make the collector's work, and joining
 * them the same copy.
 */

import { damaged } from "../codec/format-error.ts";
import type { AnswerMemory } from "./answer-memory.ts";

const LENGTH_BYTES = 4;
const NUMBER_BYTES = 4;

export type TakeAnswer = (correlationId: number, payload: Buffer) => void;

export class AnswerFrames {
  readonly #take: TakeAnswer;
  readonly #bytesMax: number;
  readonly #memory: AnswerMemory;
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthAt = 0;
  #answer: Buffer | undefined;
  #at = 0;

  constructor(take: TakeAnswer, bytesMax: number, memory: AnswerMemory) {
    this.#take = take;
    this.#bytesMax = bytesMax;
    this.#memory = memory;
  }

  /** @throws MillraceError KAFKA_FORMAT when an answer is too short or too long to be one; the connection is useless then */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; )
      at += this.#answer === undefined ? this.#begin(chunk, at) : this.#add(chunk, at);
  }

  #begin(chunk: Buffer, at: number): number {
    const copied = chunk.copy(this.#length, this.#lengthAt, at);
    this.#lengthAt += copied;
    if (this.#lengthAt < LENGTH_BYTES) return copied;
    const length = this.#length.readInt32BE(0);
    if (length < NUMBER_BYTES || length > this.#bytesMax) throw damaged(`an answer of ${length} bytes`);
    this.#answer = this.#memory.take(length);
    this.#at = 0;
    this.#lengthAt = 0;
    return copied;
  }

  #add(chunk: Buffer, at: number): number {
    const answer = this.#answer as Buffer; // one has begun
    const copied = chunk.copy(answer, this.#at, at);
    this.#at += copied;
    if (this.#at === answer.length) {
      this.#answer = undefined;
      this.#take(answer.readInt32BE(0), answer.subarray(NUMBER_BYTES));
    }
    return copied;
  }
}
