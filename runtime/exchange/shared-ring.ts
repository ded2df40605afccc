/**
 * What both ends of a ring agree on: how frames go from one thread to another through shared memory. A ring carries
 * bytes and knows nothing of records, so whoever moves frames without decoding them uses `RingProducer` and
 * `RingConsumer` by themselves; `shared-channel.ts` puts the codec on top.
 *
 * Layout of a ring's control block (little-endian, 64-byte lines):
 *   int32[0]    head: descriptors written so far      (written by the producer)
 *   int32[16]   tail: descriptors released so far     (written by the consumer)
 *   int32[32 + 8·i …]  descriptor i of CHANNEL_CREDIT:
 *     +0 kind (1 frame in a segment, 2 frame in memory of its own, 3 watermark, 4 idle, 5 active, 6 end, 7 barrier)
 *     +1 segment, or the number of the transferred buffer   +2 frame bytes
 *     +4,+5 float64: the watermark behind the frame, NaN if none; of a watermark its time, of a barrier its checkpoint
 * A descriptor is written before head moves past it, and reused only after tail has; so each side reads what the other
 * has finished writing. head - tail never exceeds CHANNEL_CREDIT: this is the credit.
 *
 * A producer can wait for three things only, and a release rings its doorbell only when it may bring one: credit, when
 * all of it was used; a segment, when the ring held its floor; memory for large frames, when one is released. What
 * was used before is counted after the tail is written, so that a producer that still saw the old tail is rung.
 */

import { CHANNEL_CREDIT } from "../../core/limits.ts";

export const headWord = 0;
export const tailWord = 16;
const ringWord = 32;
const wordsPerDescriptor = 8;
/** CHANNEL_CREDIT is a power of two, so that counters may wrap around. */
const ringMask = CHANNEL_CREDIT - 1;

export const CONTROL_BLOCK_BYTES = (ringWord + CHANNEL_CREDIT * wordsPerDescriptor) * 4;

export const descriptorKinds = {
  segment: 1,
  transferred: 2,
  watermark: 3,
  idle: 4,
  active: 5,
  end: 6,
  barrier: 7,
} as const;

/** The number of the descriptor that a count has come to, of those in the ring. */
export function descriptorIndex(count: number): number {
  return count & ringMask;
}

/** The first word of the descriptor that a count has come to. */
export function descriptorWord(count: number): number {
  return ringWord + (count & ringMask) * wordsPerDescriptor;
}

/** Where the value of the descriptor at `word` lies, in float64s. */
export function valueFloat(word: number): number {
  return (word + 4) >> 1;
}
