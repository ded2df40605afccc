/**
 * A slot's pool of shared memory: segments of one size, dealt to the slot's outgoing channels.
 *
 * Each channel owns a floor of segments that nobody else can take, so that no channel starves; the rest is borrowed by
 * whoever needs it. A segment holds one frame. Used by the producing thread alone: consumers give segments back by
 * releasing the channel's descriptors in order.
 */

import { assert } from "../../core/assert.ts";
import { CHANNEL_FLOOR_SEGMENTS, POOL_SHARED_SEGMENTS, SEGMENT_BYTES } from "../../core/limits.ts";

export function createPoolBuffer(channels: number): SharedArrayBuffer {
  const segments = channels === 0 ? 0 : channels * CHANNEL_FLOOR_SEGMENTS + POOL_SHARED_SEGMENTS;
  return new SharedArrayBuffer(segments * SEGMENT_BYTES);
}

export class SegmentPool {
  readonly #views: readonly Uint8Array[];
  readonly #free: number[];
  /** Free segments that are not kept for a channel's floor. */
  #sharedFree: number;
  readonly #reclaimers: (() => void)[] = [];

  constructor(buffer: SharedArrayBuffer, channels: number) {
    const count = buffer.byteLength / SEGMENT_BYTES;
    this.#views = Array.from(
      { length: count },
      (_, segment) => new Uint8Array(buffer, segment * SEGMENT_BYTES, SEGMENT_BYTES),
    );
    this.#free = Array.from({ length: count }, (_, segment) => count - 1 - segment);
    this.#sharedFree = count - channels * CHANNEL_FLOOR_SEGMENTS;
  }

  /** Registers what gives back the segments that a channel's consumer has released. */
  onShortage(reclaim: () => void): void {
    this.#reclaimers.push(reclaim);
  }

  /** Looks after all channels: one that sends nothing does not notice itself what its consumer has released. */
  reclaim(): void {
    for (const reclaim of this.#reclaimers) reclaim();
  }

  view(segment: number): Uint8Array {
    return this.#views[segment] as Uint8Array;
  }

  /** A segment for a channel that holds `held` already, or -1. */
  take(held: number): number {
    if (held >= CHANNEL_FLOOR_SEGMENTS) {
      if (this.#sharedFree === 0) return -1;
      this.#sharedFree--;
    }
    const segment = this.#free.pop();
    assert(segment !== undefined, "the floors of a segment pool are reserved");
    return segment;
  }

  /** Gives a segment back. REQUIRES: the channel held `held` segments, this one included. */
  give(segment: number, held: number): void {
    this.#free.push(segment);
    if (held > CHANNEL_FLOOR_SEGMENTS) this.#sharedFree++;
  }
}
