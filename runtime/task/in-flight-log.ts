/**
 * What was in flight to one operator of a subtask when it was cut, as blocks for the checkpoint: a capture among the others,
 * but one that waits until the barrier has come on each channel.
 *
 * It begins with what each channel had said before the cut, so that a reader needs nothing else: watermark, idleness, end.
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateCapture } from "../../core/state-backend.ts";
import type { ChannelRecorder } from "../exchange/overtaken-channel.ts";
import { type InFlightElement, type InFlightName, inFlightBlock } from "../state/in-flight-block.ts";
import { BLOCK_BYTES_TARGET, BLOCK_ROWS } from "../state/state-block.ts";

export interface InFlightLogOptions {
  readonly checkpoint: number;
  readonly operator: string;
  readonly name: InFlightName;
  /** Whoever gets key groups of these after a restart reads it. */
  readonly about: KeyGroupRange;
}

export class InFlightLog implements StateCapture {
  readonly checkpoint: number;
  readonly base = undefined;
  readonly #options: InFlightLogOptions;
  readonly #elements: InFlightElement[] = [];
  /** Of the elements that are in no block. */
  #bytes = 0;
  #channels = 0;
  /** Channels on which more may come. */
  #open = 0;
  #failure: { readonly cause: unknown } | undefined;

  constructor(options: InFlightLogOptions) {
    this.checkpoint = options.checkpoint;
    this.#options = options;
  }

  get done(): boolean {
    return this.#open === 0 && this.#elements.length === 0;
  }

  /** Whether there is nothing to do until more has come. */
  get waits(): boolean {
    return this.#failure === undefined && this.#open > 0 && !this.#isFull;
  }

  /** One more channel, which belongs to the operator's input. */
  channel(input: number): ChannelRecorder {
    const channel = this.#channels++;
    this.#open++;
    return {
      add: (kind, time, frame) => {
        this.#elements.push({ kind, channel, input, time, frame });
        this.#bytes += frame?.length ?? 0;
      },
      fail: (cause) => {
        this.#failure ??= { cause };
      },
      done: () => {
        this.#open--;
      },
    };
  }

  step(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#failure !== undefined) throw this.#failure.cause;
    if (this.waits || this.#elements.length === 0) return undefined;
    const { operator, name, about } = this.#options;
    const elements = this.#nextBlock();
    return inFlightBlock(elements, name, about, operator);
  }

  cancel(): void {
    this.#elements.length = 0;
    this.#open = 0;
  }

  get #isFull(): boolean {
    return this.#bytes >= BLOCK_BYTES_TARGET || this.#elements.length >= BLOCK_ROWS;
  }

  #nextBlock(): readonly InFlightElement[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#elements.length && count < BLOCK_ROWS && bytes < BLOCK_BYTES_TARGET)
      bytes += this.#elements[count++]?.frame?.length ?? 0;
    this.#bytes -= bytes;
    return this.#elements.splice(0, count);
  }
}
