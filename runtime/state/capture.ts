/** A capture as its driver sees it: the steps of all parts of an operator's state, and what to do when they are through. */

import type { StateCapture } from "../../core/state-backend.ts";
import type { Capturing } from "./epochs.ts";

/** What a generator of blocks yields: a block, or undefined where others may go on. */
export type Steps = Generator<Uint8Array<ArrayBuffer> | undefined, void>;

export class RunningCapture implements StateCapture {
  readonly checkpoint: number;
  readonly base: number | undefined;
  readonly #steps: Steps;
  readonly #onEnd: () => void;
  #ended = false;

  constructor({ checkpoint, base }: Capturing, steps: Steps, onEnd: () => void) {
    this.checkpoint = checkpoint;
    this.base = base;
    this.#steps = steps;
    this.#onEnd = onEnd;
  }

  get done(): boolean {
    return this.#ended;
  }

  step(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#ended) return undefined;
    try {
      const { value, done } = this.#steps.next();
      if (done === true) this.#end();
      return value ?? undefined;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  cancel(): void {
    if (!this.#ended) this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#onEnd();
  }
}
