/**
 * The watermark of a subtask with several inputs.
 *
 *  1. It is the minimum over the inputs that are active: neither idle nor at the end of their time.
 *  2. It never falls: an input that becomes active again behind it does not pull it back.
 *  3. When no input is active any more, nobody holds it back: it rises to the highest time that any input has said, so
 *     that it does not depend on the order in which they went silent. It is END_OF_TIME only when all are at the end of
 *     their time, because they said so or because they have ended: an idle one may become active again.
 */

import { END_OF_TIME } from "../../core/time.ts";

export class WatermarkValve {
  readonly #watermarks: Float64Array;
  readonly #idle: Uint8Array;
  readonly #ended: Uint8Array;
  /** Inputs without further event time: ended, or about to. */
  readonly #timeless: Uint8Array;
  /** The highest time that any input has said, the end of time aside. */
  #highest = Number.NEGATIVE_INFINITY;
  #current = Number.NEGATIVE_INFINITY;

  constructor(inputs: number) {
    this.#watermarks = new Float64Array(inputs).fill(Number.NEGATIVE_INFINITY);
    this.#idle = new Uint8Array(inputs);
    this.#ended = new Uint8Array(inputs);
    this.#timeless = new Uint8Array(inputs);
  }

  get current(): number {
    return this.#current;
  }

  get allEnded(): boolean {
    return this.#ended.every((ended) => ended === 1);
  }

  /** Whether none of the inputs holds the watermark back. */
  get allIdle(): boolean {
    return this.#idle.every((idle, input) => idle === 1 || this.#ended[input] === 1);
  }

  /** What an input has said: its latest watermark, and whether it is idle. */
  said(input: number): { readonly watermark: number; readonly idle: boolean } {
    return { watermark: this.#watermarks[input] as number, idle: this.#idle[input] === 1 };
  }

  /** Each returns true when the watermark has risen. */
  watermark(input: number, timestamp: number): boolean {
    if (timestamp === END_OF_TIME) this.#timeless[input] = 1;
    else this.#highest = Math.max(this.#highest, timestamp);
    if (timestamp > (this.#watermarks[input] as number)) this.#watermarks[input] = timestamp;
    return this.#advance();
  }

  idle(input: number, idle: boolean): boolean {
    this.#idle[input] = idle ? 1 : 0;
    return this.#advance();
  }

  end(input: number): boolean {
    this.#ended[input] = 1;
    this.#timeless[input] = 1;
    return this.#advance();
  }

  /** The inputs that hold the watermark back: the active ones with the lowest watermark. For "why is there no output?" */
  slowest(): number[] {
    const active = this.#active();
    const least = Math.min(...active.map((input) => this.#watermarks[input] as number));
    return active.filter((input) => this.#watermarks[input] === least);
  }

  #active(): number[] {
    return Array.from(this.#idle.keys()).filter((input) => this.#idle[input] === 0 && this.#timeless[input] === 0);
  }

  #advance(): boolean {
    let least = END_OF_TIME;
    let active = 0;
    for (let input = 0; input < this.#watermarks.length; input++) {
      if (this.#idle[input] === 1 || this.#timeless[input] === 1) continue;
      active++;
      least = Math.min(least, this.#watermarks[input] as number);
    }
    const next = active > 0 || !this.#timeless.includes(0) ? least : this.#highest;
    if (next <= this.#current) return false;
    this.#current = next;
    return true;
  }
}
