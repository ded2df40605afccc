/**
 * The consuming end of a ring (`shared-ring.ts`): takes what was published, frame by frame, without looking into it.
 *
 * The law: elements come in their order; a frame's memory is good until its release, and its credit returns with it.
 * Several may be taken before the first is released; releases are in the order of taking. Used by one thread alone.
 */

import { assert } from "../../core/assert.ts";
import { CHANNEL_CREDIT, CHANNEL_FLOOR_SEGMENTS, SEGMENT_BYTES } from "../../core/limits.ts";
import type { Doorbell } from "./doorbell.ts";
import type { RingSignal } from "./ring-producer.ts";
import { descriptorKinds, descriptorWord, headWord, tailWord, valueFloat } from "./shared-ring.ts";

export interface RingConsumerOptions {
  readonly control: SharedArrayBuffer;
  /** The producing slot's pool. */
  readonly segments: SharedArrayBuffer;
  /** The producer's slot. */
  readonly doorbell: Doorbell;
}

export type RingElement = "frame" | RingSignal;

const noFrame = new Uint8Array(0);

export class RingConsumer {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #segments: SharedArrayBuffer;
  readonly #doorbell: Doorbell;
  readonly #transferred = new Map<number, SharedArrayBuffer>();
  #tail: number;
  /** Descriptors taken so far. */
  #taken: number;
  /** The frame that was taken last. */
  frame: Uint8Array = noFrame;
  /** Of the element that was taken last: the watermark behind a frame, a watermark's time, a barrier's checkpoint, or NaN. */
  value = Number.NaN;

  constructor(options: RingConsumerOptions) {
    this.#words = new Int32Array(options.control);
    this.#floats = new Float64Array(options.control);
    this.#tail = Atomics.load(this.#words, tailWord);
    this.#taken = this.#tail;
    this.#segments = options.segments;
    this.#doorbell = options.doorbell;
  }

  /** A frame that was too large for a segment has arrived. */
  receiveOversize(serial: number, frame: SharedArrayBuffer): void {
    this.#transferred.set(serial, frame);
  }

  /** Takes the next element, if there is one; it must be released, whatever its kind. */
  take(): RingElement | undefined {
    if (Atomics.load(this.#words, headWord) === this.#taken) return undefined;
    const at = descriptorWord(this.#taken);
    const kind = this.#words[at] as number;
    if (kind <= descriptorKinds.transferred) {
      const frame = this.#frame(kind, this.#words[at + 1] as number, this.#words[at + 2] as number);
      if (frame === undefined) return undefined;
      this.frame = frame;
    }
    this.value = this.#floats[valueFloat(at)] as number;
    this.#taken = (this.#taken + 1) | 0;
    switch (kind) {
      case descriptorKinds.watermark:
        return "watermark";
      case descriptorKinds.idle:
        return "idle";
      case descriptorKinds.active:
        return "active";
      case descriptorKinds.barrier:
        return "barrier";
      case descriptorKinds.end:
        return "end";
      default:
        return "frame";
    }
  }

  /** Gives the credit of the earliest element that was taken and not released, and its memory, back. */
  release(): void {
    const released = this.#tail;
    assert(released !== this.#taken, "a ring has no element to release");
    const kind = this.#words[descriptorWord(released)];
    this.#tail = (released + 1) | 0;
    Atomics.store(this.#words, tailWord, this.#tail);
    const used = (Atomics.load(this.#words, headWord) - released) | 0;
    const mayUnblock = used === CHANNEL_CREDIT || used === CHANNEL_FLOOR_SEGMENTS;
    if (mayUnblock || kind === descriptorKinds.transferred) this.#doorbell.ring();
  }

  /** Undefined while a transferred frame has not arrived. */
  #frame(kind: number, segment: number, length: number): Uint8Array | undefined {
    if (kind === descriptorKinds.segment) return new Uint8Array(this.#segments, segment * SEGMENT_BYTES, length);
    const memory = this.#transferred.get(segment);
    if (memory === undefined) return undefined;
    this.#transferred.delete(segment);
    return new Uint8Array(memory, 0, length);
  }
}
