/** What happens after a failure that a restart may help against. Plain data; the control plane reads it. */

import { MillraceError } from "./errors.ts";
import { type Duration, durationMs } from "./time.ts";

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

/** @throws BAD_OPTION or BAD_DURATION, beginning with `what`, for a strategy that nobody can follow. */
export function checkRestartStrategy(strategy: RestartStrategy, what: string): void {
  switch (strategy.kind) {
    case "none":
      return;
    case "fixedDelay":
      checkNumber(strategy.attempts, 1, `${what}: attempts`, true);
      durationMs(strategy.delay, `${what}: delay`);
      return;
    case "exponentialBackoff":
      checkBackoff(strategy, what);
      return;
    case "failureRate":
      checkNumber(strategy.failures, 1, `${what}: failures`, true);
      durationMs(strategy.interval, `${what}: interval`);
      durationMs(strategy.delay, `${what}: delay`);
      return;
    default: {
      const { kind } = strategy as { readonly kind?: unknown };
      const known = '"none", "fixedDelay", "exponentialBackoff" or "failureRate"';
      throw new MillraceError("BAD_OPTION", `${what} has a kind of ${known}, got ${JSON.stringify(kind)}`);
    }
  }
}

type ExponentialBackoff = Extract<RestartStrategy, { kind: "exponentialBackoff" }>;

function checkBackoff(strategy: ExponentialBackoff, what: string): void {
  const { initial, max, multiplier = 1, jitter = 0, resetAfter = "0s", attempts = 1 } = strategy;
  checkNumber(multiplier, 1, `${what}: multiplier`);
  checkNumber(jitter, 0, `${what}: jitter`);
  checkNumber(attempts, 1, `${what}: attempts`, true);
  durationMs(resetAfter, `${what}: resetAfter`);
  if (jitter > 1) throw new MillraceError("BAD_OPTION", `${what}: jitter is a share from 0 to 1, got ${jitter}`);
  if (durationMs(initial, `${what}: initial`) <= durationMs(max, `${what}: max`)) return;
  throw new MillraceError("BAD_OPTION", `${what}: max is shorter than initial`);
}

function checkNumber(value: number, min: number, what: string, whole = false): void {
  if (whole ? Number.isInteger(value) && value >= min : Number.isFinite(value) && value >= min) return;
  throw new MillraceError("BAD_OPTION", `${what} is a ${whole ? "whole " : ""}number of at least ${min}, got ${value}`);
}
