/**
 * The 64-bit integers of Kafka (offsets, timestamps, producer ids) as numbers. All that occur are far below 2^53; one
 * that is not is refused and never rounded.
 */

import { demand } from "./format-error.ts";

const HIGH = 2 ** 32;

export function readInt64(view: DataView, at: number): number {
  const value = view.getInt32(at) * HIGH + view.getUint32(at + 4);
  demand(Number.isSafeInteger(value), "a 64-bit integer is beyond 2^53");
  return value;
}

/** REQUIRES: a safe integer. */
export function writeInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / HIGH));
  view.setUint32(at + 4, value >>> 0);
}
