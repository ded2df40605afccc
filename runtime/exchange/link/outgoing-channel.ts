/**
 * The producer's side of a channel on a link: takes frames from the ring of a slot of this process and writes them to the
 * link, as far as the peer has given credit. It never looks into a frame.
 *
 * A frame's segment is released when the socket has taken it, so the ring's credit bounds what waits here.
 *
 * A frame larger than a segment is announced, and sent in parts, one a turn, once the peer has made room for it; what is
 * behind it in the channel waits, other channels do not.
 */

import { CHANNEL_CREDIT, SEGMENT_BYTES } from "../../../core/limits.ts";
import type { RingConsumer } from "../ring-consumer.ts";
import { descriptorKinds, descriptorWord, headWord, tailWord } from "../shared-ring.ts";
import type { FrameWriter, Written } from "./frame-writer.ts";
import { type FrameKind, kinds, LinkViolation, PART_BYTES_MAX } from "./link-frame.ts";

/** The end in shared memory of a channel that leads to another worker. */
export interface RingOut {
  readonly index: number;
  readonly ring: RingConsumer;
  readonly control: SharedArrayBuffer;
}

export class OutgoingChannel implements Written {
  readonly number: number;
  readonly rings: RingOut;
  /** Whether the peer has ever given credit: only then can anything be under way. */
  used = false;
  /** Whether the channel's last element has been sent. */
  ended = false;
  readonly #ring: RingConsumer;
  readonly #words: Int32Array;
  /** Elements of the ring that were taken so far. */
  #taken: number;
  #credit = 0;
  #large: Uint8Array | undefined;
  #largeSent = 0;
  #room = false;
  #closed = false;

  constructor(number: number, rings: RingOut) {
    this.number = number;
    this.rings = rings;
    this.#ring = rings.ring;
    this.#words = new Int32Array(rings.control);
    this.#taken = Atomics.load(this.#words, tailWord);
  }

  /** @throws LinkViolation when it is more than a channel has. */
  addCredit(amount: number): void {
    this.#credit += amount;
    this.used = true;
    if (this.#credit > CHANNEL_CREDIT) {
      throw new LinkViolation(
        `channel ${this.number} got credit for ${this.#credit} frames, more than it has room for`,
      );
    }
  }

  /** @throws LinkViolation when no large frame waits for room. */
  addRoom(): void {
    if (this.#large === undefined || this.#room) {
      throw new LinkViolation(`channel ${this.number} got room for a large frame that it has not announced`);
    }
    this.#room = true;
  }

  /** What is still under way is not released any more: the memory's users are gone. */
  close(): void {
    this.#closed = true;
  }

  /** Writes the next element, or the next part of a large one; false when there is none or no credit for it. */
  send(writer: FrameWriter): boolean {
    if (this.#large !== undefined) return this.#room && this.#sendPart(writer, this.#large);
    if (this.#credit === 0 || this.#closed) return false;
    const ring = this.#ring;
    const element = ring.take();
    if (element === undefined) return false;
    this.#taken = (this.#taken + 1) | 0;
    this.#credit--;
    if (element === "frame") this.#sendFrame(writer, ring.frame);
    else this.#sendElement(writer, kinds[element], 0);
    this.ended = element === "end";
    if (this.#large === undefined) writer.tell(this);
    return true;
  }

  written(): void {
    if (!this.#closed) this.#ring.release();
  }

  #sendElement(writer: FrameWriter, kind: FrameKind, length: number): void {
    const backlog = (Atomics.load(this.#words, headWord) - this.#taken) | 0;
    writer.add(kind, { channel: this.number, length, backlog, value: this.#ring.value });
  }

  #sendFrame(writer: FrameWriter, frame: Uint8Array): void {
    if (frame.length > SEGMENT_BYTES) this.#announce(writer, frame);
    else {
      this.#sendElement(writer, kinds.data, frame.length);
      writer.payload(frame);
    }
  }

  #announce(writer: FrameWriter, frame: Uint8Array): void {
    const backlog = (Atomics.load(this.#words, headWord) - this.#taken) | 0;
    const { value } = this.#ring;
    writer.add(kinds.oversize, { channel: this.number, amount: frame.length, backlog, value });
    this.#large = frame;
    this.#largeSent = 0;
  }

  #sendPart(writer: FrameWriter, large: Uint8Array): boolean {
    const part = large.subarray(this.#largeSent, this.#largeSent + PART_BYTES_MAX);
    writer.add(kinds.part, { channel: this.number, length: part.length });
    writer.payload(part);
    this.#largeSent += part.length;
    if (this.#largeSent < large.length) return true;
    this.#large = undefined;
    this.#room = false;
    writer.tell(this);
    return true;
  }
}

/** Whether the slot has published the channel's last element, and it has not been sent: all that comes is in the ring. */
export function holdsEnd({ control }: RingOut): boolean {
  const words = new Int32Array(control);
  const head = Atomics.load(words, headWord);
  const last = words[descriptorWord((head - 1) | 0)];
  return head !== Atomics.load(words, tailWord) && last === descriptorKinds.end;
}
