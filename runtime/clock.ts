/** The clock of the machine: the one place where the runtime reads real time. */

import type { Clock } from "../core/time.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Calls back after a time of the machine's, unless the returned function is called first. */
export function systemCallAfter(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}
