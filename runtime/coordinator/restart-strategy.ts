/**
 * Restart strategies, pure: what a region's failures so far, the time and a random number say about its next start.
 *
 * A series is a run of failures that belong together: for a backoff those without a long healthy run between them, for a
 * failure rate those of the last interval, otherwise all. Whoever gives up names the first cause of the last series, as
 * what comes after it is often only its consequence.
 */

import { MillraceError } from "../../core/errors.ts";
import type { RestartStrategy } from "../../core/restart.ts";
import { durationMs, positiveDurationMs } from "../../core/time.ts";
import type { ErrorReport } from "../protocol.ts";

/** A strategy with its durations in milliseconds and every default filled in. */
export type RestartRule =
  | { readonly kind: "none" }
  | { readonly kind: "fixedDelay"; readonly attempts: number; readonly delayMs: number }
  | {
      readonly kind: "exponentialBackoff";
      readonly initialMs: number;
      readonly maxMs: number;
      readonly multiplier: number;
      readonly jitter: number;
      readonly resetAfterMs: number;
      readonly attempts: number;
    }
  | { readonly kind: "failureRate"; readonly failures: number; readonly intervalMs: number; readonly delayMs: number };

/** The current series. Plain data: it is stored with the job. */
export interface RestartHistory {
  readonly failures: number;
  readonly first: ErrorReport | undefined;
  /** The failures of the last interval, oldest first: kept for a failure rate only. */
  readonly recent: readonly { readonly atMs: number; readonly cause: ErrorReport }[];
}

export const noFailures: RestartHistory = { failures: 0, first: undefined, recent: [] };

export interface Failure {
  readonly cause: ErrorReport;
  readonly nowMs: number;
  /** Since when the region has been running; undefined when it did not come so far. */
  readonly runningSinceMs: number | undefined;
  /** In [0, 1). */
  readonly random: number;
}

export type RestartDecision =
  | { readonly kind: "restart"; readonly afterMs: number; readonly history: RestartHistory }
  | { readonly kind: "giveUp"; readonly cause: ErrorReport };

/** @throws BAD_DURATION, BAD_OPTION */
export function restartRule(strategy: RestartStrategy): RestartRule {
  switch (strategy.kind) {
    case "none":
      return strategy;
    case "fixedDelay":
      return {
        kind: "fixedDelay",
        attempts: atLeast(strategy.attempts, 0, "attempts"),
        delayMs: durationMs(strategy.delay, "the delay of a restart strategy"),
      };
    case "exponentialBackoff":
      return backoffRule(strategy);
    case "failureRate":
      return {
        kind: "failureRate",
        failures: atLeast(strategy.failures, 0, "failures"),
        intervalMs: positiveDurationMs(strategy.interval, "the interval of a restart strategy"),
        delayMs: durationMs(strategy.delay, "the delay of a restart strategy"),
      };
  }
}

function backoffRule(strategy: Extract<RestartStrategy, { kind: "exponentialBackoff" }>): RestartRule {
  const { attempts = Number.POSITIVE_INFINITY, multiplier = 2, jitter = 0.1 } = strategy;
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new MillraceError("BAD_OPTION", `the jitter of a restart strategy is ${jitter}; it must be from 0 to 1`);
  }
  return {
    kind: "exponentialBackoff",
    initialMs: positiveDurationMs(strategy.initial, "the initial wait of a restart strategy"),
    maxMs: positiveDurationMs(strategy.max, "the longest wait of a restart strategy"),
    multiplier: atLeast(multiplier, 1, "multiplier"),
    jitter,
    resetAfterMs: durationMs(strategy.resetAfter ?? "10m", "resetAfter of a restart strategy"),
    attempts: attempts === Number.POSITIVE_INFINITY ? attempts : atLeast(attempts, 0, "attempts"),
  };
}

function atLeast(value: number, least: number, name: string): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw new MillraceError(
    "BAD_OPTION",
    `${name} of a restart strategy is ${value}; it must be a number of at least ${least}`,
  );
}

export function decideRestart(rule: RestartRule, before: RestartHistory, failure: Failure): RestartDecision {
  const history = withFailure(rule, before, failure);
  const giveUp: RestartDecision = { kind: "giveUp", cause: history.first ?? failure.cause };
  switch (rule.kind) {
    case "none":
      return giveUp;
    case "fixedDelay":
      return history.failures > rule.attempts ? giveUp : { kind: "restart", afterMs: rule.delayMs, history };
    case "failureRate":
      return history.recent.length > rule.failures ? giveUp : { kind: "restart", afterMs: rule.delayMs, history };
    case "exponentialBackoff": {
      if (history.failures > rule.attempts) return giveUp;
      const waitMs = Math.min(rule.maxMs, rule.initialMs * rule.multiplier ** (history.failures - 1));
      const afterMs = Math.round(waitMs * (1 + rule.jitter * (2 * failure.random - 1)));
      return { kind: "restart", afterMs, history };
    }
  }
}

function withFailure(
  rule: RestartRule,
  before: RestartHistory,
  { cause, nowMs, runningSinceMs }: Failure,
): RestartHistory {
  if (rule.kind === "failureRate") {
    const recent = [...before.recent.filter(({ atMs }) => nowMs - atMs < rule.intervalMs), { atMs: nowMs, cause }];
    return { failures: recent.length, first: recent[0]?.cause, recent };
  }
  const healthyMs = runningSinceMs === undefined ? 0 : nowMs - runningSinceMs;
  const anew = rule.kind === "exponentialBackoff" && runningSinceMs !== undefined && healthyMs >= rule.resetAfterMs;
  const series = anew ? noFailures : before;
  return { failures: series.failures + 1, first: series.first ?? cause, recent: [] };
}

/** As people read it, for the job's configuration. */
export function restartText(rule: RestartRule): string {
  switch (rule.kind) {
    case "none":
      return "none";
    case "fixedDelay":
      return `fixed delay: up to ${rule.attempts} restarts, each after ${rule.delayMs} ms`;
    case "failureRate":
      return `failure rate: up to ${rule.failures} failures in ${rule.intervalMs} ms, each restart after ${rule.delayMs} ms`;
    case "exponentialBackoff":
      return `exponential backoff: from ${rule.initialMs} to ${rule.maxMs} ms, times ${rule.multiplier}, jitter ${rule.jitter}, ${rule.attempts === Number.POSITIVE_INFINITY ? "any number of" : `up to ${rule.attempts}`} restarts, anew after ${rule.resetAfterMs} ms of health`;
  }
}
