import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RESTART_DEFAULT, type RestartStrategy } from "../../../core/restart.ts";
import {
  decideRestart,
  noFailures,
  type RestartDecision,
  type RestartRule,
  restartRule,
  restartText,
} from "../../../runtime/coordinator/restart-strategy.ts";
import { failed } from "./fixtures/errors.ts";

/** What is decided at failures at these times, each with the time since which the region ran. */
function decisions(
  rule: RestartRule,
  failures: readonly (readonly [number, number?])[],
  random = 0.5,
): RestartDecision[] {
  let history = noFailures;
  return failures.map(([nowMs, runningSinceMs], at) => {
    const decision = decideRestart(rule, history, { cause: failed(`failure ${at}`), nowMs, runningSinceMs, random });
    if (decision.kind === "restart") history = decision.history;
    return decision;
  });
}

function waits(all: readonly RestartDecision[]): (number | string)[] {
  return all.map((decision) => (decision.kind === "restart" ? decision.afterMs : decision.cause.message));
}

describe("what happens after a failure", () => {
  test("none: it is the end", () => {
    expect(waits(decisions({ kind: "none" }, [[0]]))).toEqual(["failure 0"]);
  });

  test("fixed delay: restarts as often as it may, then the first cause counts", () => {
    const rule = restartRule({ kind: "fixedDelay", attempts: 2, delay: "3s" });
    expect(waits(decisions(rule, [[0], [10], [20]]))).toEqual([3000, 3000, "failure 0"]);
  });

  test("a backoff doubles up to its bound", () => {
    const rule = restartRule({ kind: "exponentialBackoff", initial: "1s", max: "5s", jitter: 0, attempts: 4 });
    expect(waits(decisions(rule, [[0], [1], [2], [3], [4]]))).toEqual([1000, 2000, 4000, 5000, "failure 0"]);
  });

  test("a backoff begins anew after a long healthy run, also in what it blames", () => {
    const rule = restartRule({
      kind: "exponentialBackoff",
      initial: "1s",
      max: "1m",
      jitter: 0,
      resetAfter: "10s",
      attempts: 2,
    });
    const all = decisions(rule, [[0], [5_000, 1_000], [30_000, 20_000], [31_000, 30_500], [32_000, 31_500]]);
    expect(waits(all)).toEqual([1000, 2000, 1000, 2000, "failure 2"]);
  });

  test("jitter moves the wait by its share, both ways", () => {
    const rule = restartRule({ kind: "exponentialBackoff", initial: "1s", max: "1m", jitter: 0.2 });
    expect(waits(decisions(rule, [[0]], 0))).toEqual([800]);
    expect(waits(decisions(rule, [[0]], 0.999_999))).toEqual([1200]);
  });

  test("a failure rate forgives what is older than its interval", () => {
    const rule = restartRule({ kind: "failureRate", failures: 2, interval: "10s", delay: "1s" });
    expect(waits(decisions(rule, [[0], [6_000], [11_000], [12_000]]))).toEqual([1000, 1000, 1000, "failure 1"]);
  });

  test("nothing is kept that grows with the number of failures", () => {
    const rule = restartRule({ kind: "exponentialBackoff", initial: "1ms", max: "1ms" });
    const all = decisions(
      rule,
      Array.from({ length: 1000 }, (_, at) => [at]),
    );
    const last = all.at(-1);
    expect(last?.kind === "restart" && JSON.stringify(last.history).length).toBeLessThan(500);
  });

  test("every wait is within jitter of the bounds, and no more restarts happen than are allowed", () => {
    const sizes = fc.record({
      initialMs: fc.integer({ min: 1, max: 10_000 }),
      maxMs: fc.integer({ min: 1, max: 100_000 }),
      multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      attempts: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(sizes, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (size, random) => {
        const rule: RestartRule = { kind: "exponentialBackoff", ...size, resetAfterMs: 1000 };
        const all = decisions(
          rule,
          Array.from({ length: 50 }, (_, at) => [at]),
          random,
        );
        const restarts = all.filter((decision) => decision.kind === "restart");
        expect(restarts.length).toBe(size.attempts);
        for (const { afterMs } of restarts) {
          expect(afterMs).toBeGreaterThanOrEqual(Math.floor(Math.min(size.initialMs, size.maxMs) * (1 - size.jitter)));
          expect(afterMs).toBeLessThanOrEqual(Math.ceil(size.maxMs * (1 + size.jitter)));
        }
      }),
    );
  });
});

describe("strategies that cannot be", () => {
  test.each<[string, RestartStrategy, string]>([
    ["a jitter above 1", { kind: "exponentialBackoff", initial: "1s", max: "2s", jitter: 2 }, "BAD_OPTION"],
    ["a multiplier below 1", { kind: "exponentialBackoff", initial: "1s", max: "2s", multiplier: 0.5 }, "BAD_OPTION"],
    ["negative attempts", { kind: "fixedDelay", attempts: -1, delay: "1s" }, "BAD_OPTION"],
    ["no number of failures", { kind: "failureRate", failures: Number.NaN, interval: "1s", delay: "1s" }, "BAD_OPTION"],
    ["an interval of zero", { kind: "failureRate", failures: 1, interval: "0s", delay: "1s" }, "BAD_DURATION"],
    ["a delay without a unit", { kind: "fixedDelay", attempts: 1, delay: "1" as never }, "BAD_DURATION"],
  ])("%s", (_, strategy, code) => {
    expect(() => restartRule(strategy)).toThrow(expect.objectContaining({ code }));
  });

  test("the default is one that can", () => {
    expect(restartText(restartRule(RESTART_DEFAULT))).toBe(
      "exponential backoff: from 500 to 30000 ms, times 2, jitter 0.1, up to 10 restarts, anew after 600000 ms of health",
    );
  });
});
