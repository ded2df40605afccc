/**
 * Cuts what comes from a socket into frames, wherever the socket's reads end.
 *
 * The law: a payload is written once, to where it is to lie. Headers and small frames are read into a buffer of the
 * reader's own; of a longer payload only its beginning comes there, and the rest is read into its place (`space`).
 *
 *            header read                payload complete
 *   header ───────────────► payload ─────────────────────► header
 *      ▲  header without payload  │
 *      └──────────────────────────┘
 */

import { FrameHeader, HEADER_BYTES } from "./link-frame.ts";

/** Where a socket's bytes go. */
export interface ByteSink {
  /** Where the next ones are to be written: never empty. */
  readonly space: Uint8Array;
  /** So many have been written to the beginning of `space`. */
  received(count: number): void;
}

/** Whoever handles the frames; what it throws is passed on, and the reader is of no use any more. */
export interface FrameHandler {
  /** A header with a payload came: where the payload goes, as long as it is, or undefined to skip it. */
  place(header: FrameHeader): Uint8Array | undefined;
  /** The frame is complete. */
  frame(header: FrameHeader): void;
}

/** Room for a hundred credits; copying so much costs less than another read. */
const OWN_BYTES = 4096;

export class FrameReader implements ByteSink {
  readonly #handler: FrameHandler;
  readonly #epoch: number;
  readonly #own = new Uint8Array(OWN_BYTES);
  readonly #ownView = new DataView(this.#own.buffer);
  readonly #header = new FrameHeader();
  /** Bytes of an incomplete header at the beginning of the own buffer. */
  #kept = 0;
  /** Where the payload goes that is being read, and how much of it is still to come. */
  #place: Uint8Array | undefined;
  #left = 0;

  /** `epoch`: the peer's, which every frame has to carry. */
  constructor(handler: FrameHandler, epoch: number) {
    this.#handler = handler;
    this.#epoch = epoch;
  }

  get space(): Uint8Array {
    const place = this.#place;
    return place === undefined ? this.#own.subarray(this.#kept) : place.subarray(place.length - this.#left);
  }

  /** @throws LinkViolation, and what the handler throws */
  received(count: number): void {
    if (this.#place === undefined) this.#takeOwn(this.#kept + count);
    else this.#advance(count);
  }

  #takeOwn(end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#left > 0) at += this.#takePayload(at, end);
      else if (end - at < HEADER_BYTES) break;
      else {
        this.#takeHeader(at);
        at += HEADER_BYTES;
      }
    }
    if (at > 0) this.#own.copyWithin(0, at, end);
    this.#kept = end - at;
  }

  #takeHeader(at: number): void {
    const header = this.#header;
    header.read(this.#ownView, at, this.#epoch);
    if (header.length === 0) this.#handler.frame(header);
    else {
      this.#place = this.#handler.place(header);
      this.#left = header.length;
    }
  }

  #takePayload(at: number, end: number): number {
    const count = Math.min(this.#left, end - at);
    const place = this.#place;
    if (place !== undefined) place.set(this.#own.subarray(at, at + count), place.length - this.#left);
    this.#advance(count);
    return count;
  }

  #advance(count: number): void {
    this.#left -= count;
    if (this.#left > 0) return;
    this.#place = undefined;
    this.#handler.frame(this.#header);
  }
}

/** Writes bytes that a socket has in buffers of its own to where they go. */
export function pushBytes(sink: ByteSink, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const { space } = sink;
    const count = Math.min(space.length, bytes.length - at);
    space.set(bytes.subarray(at, at + count));
    sink.received(count);
    at += count;
  }
}
