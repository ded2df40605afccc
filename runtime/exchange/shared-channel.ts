/**
 * A channel between two threads of a process: frames in the producing slot's segments, a ring of descriptors in shared
 * memory, doorbells to wake the other side.
 *
 * Layout of a channel's control block (little-endian, 64-byte lines):
 *   int32[0]    head: descriptors written so far      (written by the producer)
 *   int32[16]   tail: descriptors released so far     (written by the consumer)
 *   int32[32 + 8·i …]  descriptor i of CHANNEL_CREDIT:
 *     +0 kind (1 batch in a segment, 2 batch of its own memory, 3 watermark, 4 idle, 5 active, 6 end)
 *     +1 segment, or the number of the transferred buffer   +2 frame bytes
 *     +4,+5 float64: the watermark behind the batch, NaN if none
 * A descriptor is written before head moves past it, and reused only after tail has; so each side reads what the other
 * has finished writing. head - tail never exceeds CHANNEL_CREDIT: this is the credit.
 *
 * A producer can wait for three things only, and a release rings its doorbell only when it may bring one: credit, when
 * all of it was used; a segment, when the channel held its floor; memory for large records, when one is released. What
 * was used before is counted after the tail is written, so that a producer that still saw the old tail is rung.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import {
  BATCH_BYTES_TARGET,
  BATCH_ROWS_MAX,
  CHANNEL_CREDIT,
  CHANNEL_FLOOR_SEGMENTS,
  OVERSIZE_BYTES_UNDER_WAY,
  RECORD_BYTES_MAX,
  SEGMENT_BYTES,
} from "../../core/limits.ts";
import type { Gate, Push } from "../../core/operator.ts";
import type { Batch, ElementKind, InputChannel, OutputChannel } from "./channel.ts";
import { BatchDecoder } from "./codec/batch-decoder.ts";
import { BatchEncoder } from "./codec/batch-encoder.ts";
import type { Doorbell } from "./doorbell.ts";
import type { SegmentPool } from "./segment-pool.ts";

const headWord = 0;
const tailWord = 16;
const ringWord = 32;
const wordsPerDescriptor = 8;
/** CHANNEL_CREDIT is a power of two, so that counters may wrap around. */
const ringMask = CHANNEL_CREDIT - 1;

export const CONTROL_BLOCK_BYTES = (ringWord + CHANNEL_CREDIT * wordsPerDescriptor) * 4;

const kinds = { segment: 1, transferred: 2, watermark: 3, idle: 4, active: 5, end: 6 } as const;

/** Hands a frame that is larger than a segment to the consumer's slot; it arrives before or after its descriptor. */
export type SendOversize = (serial: number, frame: SharedArrayBuffer) => void;

interface Pending {
  readonly kind: number;
  /** The frame, copied out of the encoder while it waits for a segment. */
  readonly frame: Uint8Array | undefined;
  readonly watermark: number;
}

export interface SharedOutputOptions {
  readonly operator: string;
  readonly control: SharedArrayBuffer;
  readonly pool: SegmentPool;
  /** The consumer's slot. */
  readonly doorbell: Doorbell;
  readonly sendOversize: SendOversize;
  readonly fields: readonly string[] | undefined;
}

export class SharedOutputChannel implements OutputChannel {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #pool: SegmentPool;
  readonly #doorbell: Doorbell;
  readonly #operator: string;
  readonly #sendOversize: SendOversize;
  readonly #encoder: BatchEncoder;
  /** The segment of each descriptor in the ring, -1 for those without, and the bytes of each that was transferred. */
  readonly #segments = new Int32Array(CHANNEL_CREDIT).fill(-1);
  readonly #transferred = new Float64Array(CHANNEL_CREDIT);
  #held = 0;
  #head: number;
  #reclaimed: number;
  #transferredBytes = 0;
  #overflow: Pending[] = [];
  #watermark = Number.NaN;
  #oversizeSerial = 0;
  records = 0;
  bytes = 0;

  constructor(options: SharedOutputOptions) {
    this.#words = new Int32Array(options.control);
    this.#floats = new Float64Array(options.control);
    this.#head = Atomics.load(this.#words, headWord);
    this.#reclaimed = Atomics.load(this.#words, tailWord);
    this.#pool = options.pool;
    this.#pool.onShortage(() => this.#reclaim());
    this.#doorbell = options.doorbell;
    this.#operator = options.operator;
    this.#sendOversize = options.sendOversize;
    this.#encoder = new BatchEncoder({
      operator: options.operator,
      maxRows: BATCH_ROWS_MAX,
      maxBytes: BATCH_BYTES_TARGET,
      ...(options.fields === undefined ? {} : { fields: options.fields }),
    });
  }

  write(value: unknown, timestamp: number): void {
    const encoder = this.#encoder;
    encoder.add(value, timestamp);
    if (encoder.full) this.#sendBatch();
  }

  watermark(timestamp: number): void {
    this.#watermark = timestamp;
  }

  idle(idle: boolean): void {
    this.#flushAll();
    this.#send({ kind: idle ? kinds.idle : kinds.active, frame: undefined, watermark: Number.NaN });
  }

  end(): void {
    this.#flushAll();
    this.#send({ kind: kinds.end, frame: undefined, watermark: Number.NaN });
  }

  flush(): void {
    // Behind an overflow the batch may still grow, and a later watermark replaces the one that waits.
    if (!this.blocked) this.#flushAll();
  }

  #flushAll(): void {
    if (this.#encoder.rows > 0) this.#sendBatch();
    this.#sendWatermark();
  }

  #sendWatermark(): void {
    if (Number.isNaN(this.#watermark)) return;
    this.#send({ kind: kinds.watermark, frame: undefined, watermark: this.#takeWatermark() });
  }

  get blocked(): boolean {
    return this.#overflow.length > 0;
  }

  drain(): boolean {
    const overflow = this.#overflow;
    if (overflow.length === 0) return true;
    let sent = 0;
    while (sent < overflow.length && this.#trySend(overflow[sent] as Pending)) sent++;
    if (sent > 0) this.#overflow = overflow.slice(sent);
    return this.#overflow.length === 0;
  }

  #sendBatch(): void {
    this.records += this.#encoder.rows;
    const segment = this.blocked ? -1 : this.#takeSegment();
    if (segment >= 0) {
      const length = this.#encoder.finish(this.#pool.view(segment));
      if (length >= 0) {
        this.#publish(kinds.segment, segment, length, this.#takeWatermark());
        return;
      }
      this.#pool.give(segment, this.#held--);
    }
    this.#send({ kind: kinds.segment, frame: this.#copyOut(), watermark: this.#takeWatermark() });
  }

  /** The encoder's frame in memory of its own. */
  #copyOut(): Uint8Array {
    const needed = -this.#encoder.finish(new Uint8Array(0));
    if (needed > RECORD_BYTES_MAX) {
      throw new MillraceError(
        "RECORD_TOO_LARGE",
        `"${this.#operator}" emitted ${this.#encoder.rows} record(s) of together ${needed} bytes; an exchange carries at most ${RECORD_BYTES_MAX} in one frame: split the record, or send a reference to where it is stored`,
        { operator: this.#operator },
      );
    }
    const frame = new Uint8Array(needed);
    const written = this.#encoder.finish(frame);
    assert(written >= 0, "an encoder must fit into what it asked for");
    return frame.subarray(0, written);
  }

  #send(pending: Pending): void {
    if (this.blocked || !this.#trySend(pending)) this.#overflow.push(pending);
  }

  #trySend(pending: Pending): boolean {
    const { frame } = pending;
    this.#reclaim();
    if (!this.#hasCredit) return false;
    if (frame === undefined) {
      this.#publish(pending.kind, -1, 0, pending.watermark);
      return true;
    }
    if (frame.length > SEGMENT_BYTES) return this.#trySendOversize(frame, pending.watermark);
    const segment = this.#takeSegment();
    if (segment < 0) return false;
    this.#pool.view(segment).set(frame);
    this.#publish(kinds.segment, segment, frame.length, pending.watermark);
    return true;
  }

  /** REQUIRES: there is credit. */
  #trySendOversize(frame: Uint8Array, watermark: number): boolean {
    if (this.#transferredBytes > 0 && this.#transferredBytes + frame.length > OVERSIZE_BYTES_UNDER_WAY) return false;
    const memory = new SharedArrayBuffer(frame.length);
    new Uint8Array(memory).set(frame);
    const serial = this.#oversizeSerial;
    this.#oversizeSerial = (serial + 1) | 0;
    this.#sendOversize(serial, memory);
    this.#publish(kinds.transferred, serial, frame.length, watermark);
    return true;
  }

  /** REQUIRES: `#reclaim` has looked. */
  get #hasCredit(): boolean {
    return ((this.#head - this.#reclaimed) | 0) < CHANNEL_CREDIT;
  }

  /** A segment together with the credit to publish it, or -1. */
  #takeSegment(): number {
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

  /** Gives segments back whose descriptors the consumer has released. */
  #reclaim(): void {
    const tail = Atomics.load(this.#words, tailWord);
    while (this.#reclaimed !== tail) {
      const index = this.#reclaimed & ringMask;
      const segment = this.#segments[index] as number;
      if (segment >= 0) this.#pool.give(segment, this.#held--);
      this.#segments[index] = -1;
      this.#transferredBytes -= this.#transferred[index] as number;
      this.#transferred[index] = 0;
      this.#reclaimed = (this.#reclaimed + 1) | 0;
    }
  }

  #publish(kind: number, segment: number, length: number, watermark: number): void {
    const index = this.#head & ringMask;
    const at = ringWord + index * wordsPerDescriptor;
    this.#words[at] = kind;
    this.#words[at + 1] = segment;
    this.#words[at + 2] = length;
    this.#floats[(at + 4) >> 1] = watermark;
    if (kind === kinds.segment) this.#segments[index] = segment;
    if (kind === kinds.transferred) {
      this.#transferred[index] = length;
      this.#transferredBytes += length;
    }
    this.bytes += length;
    this.#head = (this.#head + 1) | 0;
    Atomics.store(this.#words, headWord, this.#head);
    this.#doorbell.ring();
  }

  #takeWatermark(): number {
    const watermark = this.#watermark;
    this.#watermark = Number.NaN;
    return watermark;
  }
}

export interface SharedInputOptions {
  readonly operator: string;
  readonly control: SharedArrayBuffer;
  /** The producing slot's pool. */
  readonly segments: SharedArrayBuffer;
  /** The producer's slot. */
  readonly doorbell: Doorbell;
}

export class SharedInputChannel implements InputChannel {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #segments: SharedArrayBuffer;
  readonly #doorbell: Doorbell;
  readonly #transferred = new Map<number, SharedArrayBuffer>();
  #tail: number;
  #batchTaken = false;
  /** A batch's own watermark is delivered as the element after it. */
  #watermarkBehind = Number.NaN;
  readonly batch: SharedBatch;
  watermarkRead = Number.NEGATIVE_INFINITY;

  constructor(options: SharedInputOptions) {
    this.#words = new Int32Array(options.control);
    this.#floats = new Float64Array(options.control);
    this.#tail = Atomics.load(this.#words, tailWord);
    this.#segments = options.segments;
    this.#doorbell = options.doorbell;
    this.batch = new SharedBatch(options.operator);
  }

  /** A frame that was too large for a segment has arrived. */
  receiveOversize(serial: number, frame: SharedArrayBuffer): void {
    this.#transferred.set(serial, frame);
  }

  poll(): ElementKind | undefined {
    assert(!this.#batchTaken, "the previous batch of a channel must be released before the next poll");
    if (!Number.isNaN(this.#watermarkBehind)) {
      this.watermarkRead = this.#watermarkBehind;
      this.#watermarkBehind = Number.NaN;
      return "watermark";
    }
    if (Atomics.load(this.#words, headWord) === this.#tail) return undefined;
    const at = ringWord + (this.#tail & ringMask) * wordsPerDescriptor;
    const kind = this.#words[at] as number;
    const frame = this.#frame(kind, this.#words[at + 1] as number, this.#words[at + 2] as number);
    if (kind <= kinds.transferred) {
      if (frame === undefined) return undefined;
      this.batch.bind(frame);
      this.#batchTaken = true;
      this.#watermarkBehind = this.#floats[(at + 4) >> 1] as number;
      return "batch";
    }
    const watermark = this.#floats[(at + 4) >> 1] as number;
    this.#advance();
    if (kind === kinds.watermark) {
      this.watermarkRead = watermark;
      return "watermark";
    }
    return kind === kinds.idle ? "idle" : kind === kinds.active ? "active" : "end";
  }

  release(): void {
    assert(this.#batchTaken, "a channel has no batch to release");
    this.#batchTaken = false;
    this.batch.unbind();
    this.#advance();
  }

  #frame(kind: number, segment: number, length: number): Uint8Array | undefined {
    if (kind === kinds.segment) return new Uint8Array(this.#segments, segment * SEGMENT_BYTES, length);
    if (kind !== kinds.transferred) return undefined;
    const memory = this.#transferred.get(segment);
    if (memory === undefined) return undefined;
    this.#transferred.delete(segment);
    return new Uint8Array(memory, 0, length);
  }

  #advance(): void {
    const released = this.#tail;
    const kind = this.#words[ringWord + (released & ringMask) * wordsPerDescriptor];
    this.#tail = (released + 1) | 0;
    Atomics.store(this.#words, tailWord, this.#tail);
    const used = (Atomics.load(this.#words, headWord) - released) | 0;
    if (used === CHANNEL_CREDIT || used === CHANNEL_FLOOR_SEGMENTS || kind === kinds.transferred) this.#doorbell.ring();
  }
}

class SharedBatch implements Batch {
  readonly #decoder: BatchDecoder;
  frame: Uint8Array | undefined;

  constructor(operator: string) {
    this.#decoder = new BatchDecoder({ operator });
  }

  get rows(): number {
    return this.#decoder.rows;
  }

  bind(frame: Uint8Array): void {
    this.frame = frame;
    this.#decoder.bind(frame);
  }

  unbind(): void {
    this.frame = undefined;
  }

  deliver(push: Push<unknown>, gate: Gate): boolean {
    assert(this.frame !== undefined, "a batch's memory is valid until its release");
    return this.#decoder.deliver(push, gate);
  }
}
