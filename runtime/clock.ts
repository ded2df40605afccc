/** The clock of the machine: the one place where the runtime reads real time. */

import type { Clock } from "../core/time.ts";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
};
