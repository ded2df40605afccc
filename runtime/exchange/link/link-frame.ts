/**
 * A frame on a link: 32 bytes that say what it is, then its payload. `docs/exchange-link.md` has the layout and who sends
 * what when.
 */

import { SEGMENT_BYTES } from "../../../core/limits.ts";

/** Raised when a frame changes its meaning: both sides refuse another one. */
export const LINK_VERSION = 3;
export const HEADER_BYTES = 32;
/** A part of a frame that is larger than a segment: small enough that other channels' frames pass in between. */
export const PART_BYTES_MAX = SEGMENT_BYTES;
/** An attempt is named by a job's id and two numbers. */
export const ATTEMPT_NAME_BYTES_MAX = 512;

export const kinds = {
  // From the producer's side of a channel.
  open: 1,
  data: 2,
  watermark: 3,
  idle: 4,
  active: 5,
  end: 6,
  oversize: 7,
  part: 8,
  barrier: 9,
  close: 10,
  // From the consumer's side.
  credit: 11,
  room: 12,
  stop: 13,
  // Of the link itself.
  ping: 14,
  pong: 15,
} as const;

export type FrameKind = (typeof kinds)[keyof typeof kinds];

const payloadMax = new Uint32Array(16);
payloadMax[kinds.open] = ATTEMPT_NAME_BYTES_MAX;
payloadMax[kinds.data] = SEGMENT_BYTES;
payloadMax[kinds.part] = PART_BYTES_MAX;

/** Why a consumer's side does not take a channel's frames (any more): the amount of a STOP. */
export const stops = { ended: 0, neverAttached: 1 } as const;

/** The peer broke the protocol; the link is closed with this reason. */
export class LinkViolation extends Error {
  override readonly name = "LinkViolation";
}

/** A header that was read: one object a reader, written over by the next. */
export class FrameHeader {
  /** Of the payload. */
  length = 0;
  kind: FrameKind = kinds.ping;
  channel = 0;
  /** By kind: credits, bytes of a large frame, the channel's index in the execution graph, a serial, a reason. */
  amount = 0;
  /** Elements that wait behind this one at the producer. */
  backlog = 0;
  /** The watermark behind a frame, a watermark's time, a barrier's checkpoint; NaN if none. */
  value = Number.NaN;

  /** @throws LinkViolation */
  read(view: DataView, at: number, epoch: number): void {
    this.length = view.getUint32(at, true);
    const kind = view.getUint32(at + 4, true);
    this.channel = view.getUint32(at + 8, true);
    const sentIn = view.getUint32(at + 12, true);
    this.value = view.getFloat64(at + 16, true);
    this.amount = view.getUint32(at + 24, true);
    this.backlog = view.getUint32(at + 28, true);
    if (kind < kinds.open || kind > kinds.pong) throw new LinkViolation(`a frame of the unknown kind ${kind} came`);
    if (sentIn !== epoch >>> 0) throw new LinkViolation(`a frame of epoch ${sentIn} came, expected ${epoch >>> 0}`);
    const allowed = payloadMax[kind] as number;
    if (this.length > allowed) {
      throw new LinkViolation(`a frame of kind ${kind} has ${this.length} bytes of payload, more than ${allowed}`);
    }
    this.kind = kind as FrameKind;
  }
}

export interface FrameFields {
  readonly length?: number;
  readonly channel?: number;
  readonly amount?: number;
  readonly backlog?: number;
  readonly value?: number;
}

export function writeHeader(view: DataView, at: number, kind: FrameKind, epoch: number, fields: FrameFields): void {
  view.setUint32(at, fields.length ?? 0, true);
  view.setUint32(at + 4, kind, true);
  view.setUint32(at + 8, fields.channel ?? 0, true);
  view.setUint32(at + 12, epoch >>> 0, true);
  view.setFloat64(at + 16, fields.value ?? Number.NaN, true);
  view.setUint32(at + 24, fields.amount ?? 0, true);
  view.setUint32(at + 28, fields.backlog ?? 0, true);
}
