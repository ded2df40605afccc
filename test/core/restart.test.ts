import { expect, test } from "vitest";
import { defineJob, watchdogMs } from "../../core/job.ts";
import { RESTART_DEFAULT, type RestartStrategy } from "../../core/restart.ts";
import type { Duration } from "../../core/time.ts";

const define = (options: { restart?: RestartStrategy; watchdog?: Duration }) =>
  defineJob(import.meta, "job", () => {}, options);

test.each<RestartStrategy>([
  RESTART_DEFAULT,
  { kind: "none" },
  { kind: "fixedDelay", attempts: 1, delay: "0s" },
  { kind: "exponentialBackoff", initial: "1s", max: "1s" },
  { kind: "failureRate", failures: 3, interval: "1m", delay: { seconds: 1 } },
])("%j is a strategy", (restart) => {
  expect(define({ restart }).options.restart).toEqual(restart);
});

const wrong: readonly (readonly [unknown, RegExp])[] = [
  [{ kind: "always" }, /restart of job "job" has a kind of "none".*got "always"/],
  [{ kind: "fixedDelay", attempts: 0, delay: "1s" }, /attempts is a whole number of at least 1, got 0/],
  [{ kind: "fixedDelay", attempts: 1, delay: "soon" }, /delay expects a duration/],
  [{ kind: "exponentialBackoff", initial: "2s", max: "1s" }, /max is shorter than initial/],
  [{ kind: "exponentialBackoff", initial: "1s", max: "2s", multiplier: 0.5 }, /multiplier is a number of at least 1/],
  [{ kind: "exponentialBackoff", initial: "1s", max: "2s", jitter: 2 }, /jitter is a share from 0 to 1, got 2/],
  [{ kind: "exponentialBackoff", initial: "1s", max: "2s", attempts: 1.5 }, /attempts is a whole number/],
  [{ kind: "failureRate", failures: 1, interval: "", delay: "1s" }, /interval expects a duration/],
];

test.each(wrong)("%j is refused where the job is defined", (restart, message) => {
  expect(() => define({ restart: restart as RestartStrategy })).toThrow(message);
});

test("a slot may stay 60 s in one call, or as long as the job says", () => {
  expect(watchdogMs("job", {})).toBe(60_000);
  expect(watchdogMs("job", define({ watchdog: "5m" }).options)).toBe(300_000);
  expect(() => define({ watchdog: "0s" })).toThrow(/watchdog of job "job" must be at least 1000 ms/);
});
