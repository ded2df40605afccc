/**
 * The consumer's side of a channel on a link: puts arrived frames into segments of the network's pool and publishes them
 * in the ring of the slot that consumes them. It never looks into a frame.
 *
 * Credit: the peer may send as many elements as it was granted. An element is granted only with a descriptor of the ring
 * that will be free and a segment that is reserved for it, so whatever comes has its place and the socket is always read.
 * What is granted at most: the floor, so that an idle channel starts at once, and as much as the peer says waits there.
 *
 * When it is granted: half of the ring at a time while there is enough under way, so that credit does not cost a frame
 * each. No wake-up is lost by waiting: while something is granted, its arrival brings the next look; when nothing is,
 * the ring is in use, and its consumer rings when it has come down to the floor (`shared-ring.ts`).
 *
 * A frame larger than a segment is announced, and gets room when the ring holds no other one or all together are small
 * enough (OVERSIZE_BYTES_UNDER_WAY); until it is complete nothing is granted.
 */

import { assert } from "../../../core/assert.ts";
import {
  CHANNEL_CREDIT,
  CHANNEL_FLOOR_SEGMENTS,
  OVERSIZE_BYTES_UNDER_WAY,
  RECORD_BYTES_MAX,
  SEGMENT_BYTES,
} from "../../../core/limits.ts";
import type { RingProducer, RingSignal } from "../ring-producer.ts";
import { headWord, tailWord } from "../shared-ring.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { type FrameHeader, kinds, LinkViolation } from "./link-frame.ts";

/** The end in shared memory of a channel that leads from another worker. */
export interface RingIn {
  readonly index: number;
  readonly ring: RingProducer;
  readonly control: SharedArrayBuffer;
}

interface LargeFrame {
  readonly bytes: number;
  readonly watermark: number;
  /** Undefined until it has room. */
  memory: Uint8Array | undefined;
  arrived: number;
}

export class IncomingChannel {
  readonly number: number;
  /** In the execution graph. */
  readonly index: number;
  /** Whether nothing will come any more. */
  ended = false;
  /** Whether anything was ever granted: only then can anything be under way. */
  used = false;
  readonly #ring: RingProducer;
  readonly #words: Int32Array;
  /** Segments of the pool for what is granted, the next one first; signals leave theirs for the next. */
  readonly #reserved: number[] = [];
  #granted = 0;
  #backlog = 0;
  #large: LargeFrame | undefined;
  /** Large frames in the ring: the count of descriptors at which each is released, and its bytes. */
  #largeInRing: { readonly releasedAt: number; readonly bytes: number }[] = [];

  constructor(number: number, { index, ring, control }: RingIn) {
    this.number = number;
    this.index = index;
    this.#ring = ring;
    this.#words = new Int32Array(control);
  }

  /** Grants what there is room for; true if it wrote something. */
  grant(writer: FrameWriter): boolean {
    if (this.ended) return false;
    if (this.#large !== undefined) return this.#makeRoom(writer, this.#large);
    const amount = this.#reserve();
    if (amount === 0) return false;
    this.#granted += amount;
    this.used = true;
    writer.add(kinds.credit, { channel: this.number, amount });
    return true;
  }

  /** Where the payload goes. @throws LinkViolation */
  place({ kind, length }: FrameHeader): Uint8Array {
    if (kind === kinds.part) return this.#placePart(length);
    this.#checkCredit();
    return this.#ring.view(this.#reserved[0] as number).subarray(0, length);
  }

  /** A frame is complete; its payload has been written to its place. @throws LinkViolation */
  frame(header: FrameHeader): void {
    switch (header.kind) {
      case kinds.data:
        this.#dataCame(header);
        break;
      case kinds.watermark:
        this.#signal("watermark", header);
        break;
      case kinds.idle:
        this.#signal("idle", header);
        break;
      case kinds.active:
        this.#signal("active", header);
        break;
      case kinds.barrier:
        this.#signal("barrier", header);
        break;
      case kinds.end:
        this.#signal("end", header);
        this.giveBack();
        break;
      case kinds.oversize:
        this.#announced(header);
        break;
      case kinds.part:
        this.#partCame(header.length);
        break;
      default:
        throw new LinkViolation(
          `channel ${this.number} got a frame of kind ${header.kind}, which is none of a channel`,
        );
    }
  }

  /** Nothing will come any more: gives back what is reserved. */
  giveBack(): void {
    this.ended = true;
    this.#granted = 0;
    for (const segment of this.#reserved.splice(0)) this.#ring.giveBack(segment);
  }

  /** How many more elements the peer may send now; their segments are reserved. */
  #reserve(): number {
    const used = (Atomics.load(this.#words, headWord) - Atomics.load(this.#words, tailWord)) | 0;
    const wanted = Math.min(CHANNEL_CREDIT - used, CHANNEL_FLOOR_SEGMENTS + this.#backlog);
    const more = wanted - this.#granted;
    if (more <= 0 || (more < CHANNEL_CREDIT / 2 && used + this.#granted > CHANNEL_FLOOR_SEGMENTS)) return 0;
    while (this.#reserved.length < wanted) {
      const segment = this.#ring.takeSegment();
      if (segment < 0) break;
      this.#reserved.push(segment);
    }
    return Math.max(0, Math.min(wanted, this.#reserved.length) - this.#granted);
  }

  #checkCredit(): void {
    if (this.#granted === 0) throw new LinkViolation(`channel ${this.number} sent more than it was granted`);
    if (this.#large !== undefined) throw new LinkViolation(`channel ${this.number} sent past its large frame`);
  }

  /** An element is complete. Until then its credit is kept: turns come between the reads of a frame. */
  #spendCredit(backlog: number): void {
    this.#checkCredit();
    this.#granted--;
    this.#backlog = backlog;
  }

  #dataCame({ length, backlog, value }: FrameHeader): void {
    if (length === 0) throw new LinkViolation(`channel ${this.number} sent a frame of records without bytes`);
    this.#spendCredit(backlog);
    this.#ring.publish(this.#reserved.shift() as number, length, value);
  }

  #signal(signal: RingSignal, { backlog, value }: FrameHeader): void {
    this.#spendCredit(backlog);
    assert(this.#ring.trySignal(signal, value), "what is granted has a descriptor");
  }

  #announced({ amount, backlog, value }: FrameHeader): void {
    if (amount <= SEGMENT_BYTES || amount > RECORD_BYTES_MAX) {
      throw new LinkViolation(`channel ${this.number} announced a large frame of ${amount} bytes`);
    }
    this.#spendCredit(backlog);
    this.#large = { bytes: amount, watermark: value, memory: undefined, arrived: 0 };
  }

  #makeRoom(writer: FrameWriter, large: LargeFrame): boolean {
    if (large.memory !== undefined) return false;
    const tail = Atomics.load(this.#words, tailWord);
    this.#largeInRing = this.#largeInRing.filter(({ releasedAt }) => ((releasedAt - tail) | 0) > 0);
    const inRing = this.#largeInRing.reduce((sum, { bytes }) => sum + bytes, 0);
    if (inRing > 0 && inRing + large.bytes > OVERSIZE_BYTES_UNDER_WAY) return false;
    large.memory = new Uint8Array(large.bytes);
    writer.add(kinds.room, { channel: this.number });
    return true;
  }

  #placePart(length: number): Uint8Array {
    const { memory, arrived } = this.#largeWithRoom();
    if (arrived + length > memory.length) {
      throw new LinkViolation(`channel ${this.number} sent more of a large frame than it has announced`);
    }
    return memory.subarray(arrived, arrived + length);
  }

  #partCame(length: number): void {
    const large = this.#largeWithRoom();
    large.arrived += length;
    if (large.arrived < large.bytes) return;
    this.#large = undefined;
    assert(this.#ring.trySend(large.memory, large.watermark), "a large frame that got room has its place");
    this.#largeInRing.push({ releasedAt: Atomics.load(this.#words, headWord), bytes: large.bytes });
  }

  #largeWithRoom(): LargeFrame & { readonly memory: Uint8Array } {
    const large = this.#large;
    if (large?.memory === undefined) {
      throw new LinkViolation(`channel ${this.number} sent a part of a large frame that got no room`);
    }
    return large as LargeFrame & { readonly memory: Uint8Array };
  }
}
