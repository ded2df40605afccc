/**
 * The producing end of a ring (`shared-ring.ts`): publishes frames, watermarks and what else a channel says.
 *
 * The law: everything is published in the order of the calls, and only with credit; what has none is refused and stays
 * the caller's, who tries again after `RingProducer`'s slot was rung. A frame is either written into a segment at its
 * place (`takeSegment`, `view`, `publish`) or copied (`trySend`); one larger than a segment travels in memory of its own.
 * Used by one thread alone.
 */

import { CHANNEL_CREDIT, OVERSIZE_BYTES_UNDER_WAY, SEGMENT_BYTES } from "../../core/limits.ts";
import type { Doorbell } from "./doorbell.ts";
import type { SegmentPool } from "./segment-pool.ts";
import { descriptorIndex, descriptorKinds, descriptorWord, headWord, tailWord, valueFloat } from "./shared-ring.ts";

/** Hands a frame that is larger than a segment to the consumer's slot; it arrives before or after its descriptor. */
export type SendOversize = (serial: number, frame: SharedArrayBuffer) => void;

export interface RingProducerOptions {
  readonly control: SharedArrayBuffer;
  readonly pool: SegmentPool;
  /** The consumer's slot. */
  readonly doorbell: Doorbell;
  readonly sendOversize: SendOversize;
}

/** What a ring carries beside frames. A watermark has its time, a barrier its checkpoint, the others NaN. */
export type RingSignal = "watermark" | "idle" | "active" | "barrier" | "end";

export class RingProducer {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #pool: SegmentPool;
  readonly #doorbell: Doorbell;
  readonly #sendOversize: SendOversize;
  /** The segment of each descriptor in the ring, -1 for those without, and the bytes of each that was transferred. */
  readonly #segments = new Int32Array(CHANNEL_CREDIT).fill(-1);
  readonly #transferred = new Float64Array(CHANNEL_CREDIT);
  /** Segments of the pool that this ring holds. */
  #held = 0;
  #head: number;
  #reclaimed: number;
  #transferredBytes = 0;
  #oversizeSerial = 0;
  /** Bytes of the frames published so far. */
  bytes = 0;

  constructor(options: RingProducerOptions) {
    this.#words = new Int32Array(options.control);
    this.#floats = new Float64Array(options.control);
    this.#head = Atomics.load(this.#words, headWord);
    this.#reclaimed = Atomics.load(this.#words, tailWord);
    this.#pool = options.pool;
    this.#pool.onShortage(() => this.#reclaim());
    this.#doorbell = options.doorbell;
    this.#sendOversize = options.sendOversize;
  }

  /** A segment together with the credit to publish it, or -1. REQUIRES: it is published or given back before anything else. */
  takeSegment(): number {
    this.#reclaim();
    if (!this.#hasCredit) return -1;
    let segment = this.#pool.take(this.#held);
    if (segment < 0) {
      this.#pool.reclaim();
      segment = this.#pool.take(this.#held);
    }
    if (segment >= 0) this.#held++;
    return segment;
  }

  /** The memory of a segment. */
  view(segment: number): Uint8Array {
    return this.#pool.view(segment);
  }

  /** Publishes the frame in the first `length` bytes of a taken segment; `watermark` is the one behind it, NaN if none. */
  publish(segment: number, length: number, watermark: number): void {
    // Whoever takes segments ahead of their frames may have done so long ago: the descriptor that is written over may not
    // have been looked at since it was released, and its segment has to be given back first.
    this.#reclaim();
    this.#segments[descriptorIndex(this.#head)] = segment;
    this.#write(descriptorKinds.segment, segment, length, watermark);
  }

  /** Gives a taken segment back unused. */
  giveBack(segment: number): void {
    this.#pool.give(segment, this.#held--);
  }

  /** Publishes a copy of a frame with the watermark behind it, NaN if none. False when there is no room for it now. */
  trySend(frame: Uint8Array, watermark: number): boolean {
    if (frame.length > SEGMENT_BYTES) return this.#trySendOversize(frame, watermark);
    const segment = this.takeSegment();
    if (segment < 0) return false;
    this.#pool.view(segment).set(frame);
    this.publish(segment, frame.length, watermark);
    return true;
  }

  /** Publishes what is no frame. False when there is no credit now. */
  trySignal(signal: RingSignal, value: number): boolean {
    this.#reclaim();
    if (!this.#hasCredit) return false;
    this.#write(descriptorKinds[signal], -1, 0, value);
    return true;
  }

  #trySendOversize(frame: Uint8Array, watermark: number): boolean {
    this.#reclaim();
    if (!this.#hasCredit) return false;
    if (this.#transferredBytes > 0 && this.#transferredBytes + frame.length > OVERSIZE_BYTES_UNDER_WAY) return false;
    const memory = new SharedArrayBuffer(frame.length);
    new Uint8Array(memory).set(frame);
    const serial = this.#oversizeSerial;
    this.#oversizeSerial = (serial + 1) | 0;
    this.#sendOversize(serial, memory);
    this.#transferred[descriptorIndex(this.#head)] = frame.length;
    this.#transferredBytes += frame.length;
    this.#write(descriptorKinds.transferred, serial, frame.length, watermark);
    return true;
  }

  /** REQUIRES: `#reclaim` has looked. */
  get #hasCredit(): boolean {
    return ((this.#head - this.#reclaimed) | 0) < CHANNEL_CREDIT;
  }

  /** Gives segments back whose descriptors the consumer has released. */
  #reclaim(): void {
    const tail = Atomics.load(this.#words, tailWord);
    while (this.#reclaimed !== tail) {
      const index = descriptorIndex(this.#reclaimed);
      const segment = this.#segments[index] as number;
      if (segment >= 0) this.#pool.give(segment, this.#held--);
      this.#segments[index] = -1;
      this.#transferredBytes -= this.#transferred[index] as number;
      this.#transferred[index] = 0;
      this.#reclaimed = (this.#reclaimed + 1) | 0;
    }
  }

  /** REQUIRES: there is credit. */
  #write(kind: number, segment: number, length: number, value: number): void {
    const at = descriptorWord(this.#head);
    this.#words[at] = kind;
    this.#words[at + 1] = segment;
    this.#words[at + 2] = length;
    this.#floats[valueFloat(at)] = value;
    this.bytes += length;
    this.#head = (this.#head + 1) | 0;
    Atomics.store(this.#words, headWord, this.#head);
    this.#doorbell.ring();
  }
}
