/**
 * What a sink's writer wants to be retained of a part, on its way into blocks of the checkpoint: a capture among the others,
 * but one that waits while the writer reads. It holds a block's worth of pieces, whatever the part's size.
 *
 *   reading ── a block's worth, or the end ──► ready ── step ──► reading, or done
 */

import type { KeyGroupRange } from "../../core/key-group.ts";
import type { RetainedPart } from "../../core/sink.ts";
import type { StateCapture } from "../../core/state-backend.ts";
import { outputBlock } from "../state/output-block.ts";
import { BLOCK_BYTES_TARGET, BLOCK_ROWS } from "../state/state-block.ts";

export interface RetainedCaptureOptions {
  readonly checkpoint: number;
  readonly operator: string;
  readonly keyGroupCount: number;
  /** A step can be made again. */
  readonly wake: () => void;
}

export class RetainedCapture implements StateCapture {
  readonly checkpoint: number;
  readonly base = undefined;
  readonly #name: string;
  readonly #operator: string;
  /** Whoever gets the part after a restart reads it by its name: the block is about all. */
  readonly #about: KeyGroupRange;
  readonly #wake: () => void;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #block: Uint8Array[] = [];
  #ready = false;
  #ended = false;
  #failure: { readonly cause: unknown } | undefined;

  constructor({ name, pieces }: RetainedPart, options: RetainedCaptureOptions) {
    this.checkpoint = options.checkpoint;
    this.#name = name;
    this.#operator = options.operator;
    this.#about = { first: 0, last: options.keyGroupCount - 1 };
    this.#wake = options.wake;
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#readOn();
  }

  get done(): boolean {
    return this.#ended && this.#block.length === 0;
  }

  /** Whether there is nothing to do until more has been read. */
  get waits(): boolean {
    return !this.#ready;
  }

  step(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#failure !== undefined) throw this.#failure.cause;
    if (!this.#ready) return undefined;
    const pieces = this.#block;
    this.#block = [];
    if (!this.#ended) this.#readOn();
    return pieces.length === 0 ? undefined : outputBlock(pieces, this.#name, this.#about, this.#operator);
  }

  cancel(): void {
    this.#block = [];
    this.#ended = true;
    this.#pieces.return?.()?.catch(() => {});
  }

  #readOn(): void {
    this.#ready = false;
    this.#read()
      .catch((cause: unknown) => {
        this.#failure = { cause };
      })
      .finally(() => {
        this.#ready = true;
        this.#wake();
      });
  }

  async #read(): Promise<void> {
    for (let bytes = 0; bytes < BLOCK_BYTES_TARGET && this.#block.length < BLOCK_ROWS; ) {
      const { done, value } = await this.#pieces.next();
      if (done === true) {
        this.#ended = true;
        return;
      }
      bytes += value.length;
      this.#block.push(value);
    }
  }
}
