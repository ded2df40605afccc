/** What happens after a failure that a restart may help against. Plain data; the control plane reads it. */

import type { Duration } from "./time.ts";

export type RestartStrategy =
  | { readonly kind: "none" }
  /** Restarts up to `attempts` times, each after `delay`. */
  | { readonly kind: "fixedDelay"; readonly attempts: number; readonly delay: Duration }
  /**
   * Waits `initial`, then `multiplier` times longer at each further failure, up to `max`, each time up to `jitter` (a share
   * of the wait) more or less; a region that has run `resetAfter` without failure begins anew. `attempts` absent: no limit.
   */
  | {
      readonly kind: "exponentialBackoff";
      readonly initial: Duration;
      readonly max: Duration;
      readonly multiplier?: number;
      readonly jitter?: number;
      readonly resetAfter?: Duration;
      readonly attempts?: number;
    }
  /** Restarts after `delay` unless more than `failures` happened within `interval`. */
  | { readonly kind: "failureRate"; readonly failures: number; readonly interval: Duration; readonly delay: Duration };

/** What a job gets on a cluster that sets no strategy: a worker's loss heals by itself, a faulty program ends soon. */
export const RESTART_DEFAULT: RestartStrategy = {
  kind: "exponentialBackoff",
  initial: "500ms",
  max: "30s",
  multiplier: 2,
  jitter: 0.1,
  resetAfter: "10m",
  attempts: 10,
};
