import { expect, test } from "vitest";
import { type CheckpointOptions, checkpointSettings } from "../../core/checkpoints.ts";
import { defineJob } from "../../core/job.ts";

test("what is not said of checkpoints has its default", () => {
  expect(checkpointSettings({ interval: "10s" }, "checkpoints")).toEqual({
    intervalMs: 10_000,
    timeoutMs: 600_000,
    minPauseMs: 0,
    tolerated: 3,
    retained: 3,
    atEnd: true,
  });
});

test.each<[CheckpointOptions["unaligned"], number | undefined]>([
  [true, 0],
  [false, undefined],
  [{ alignmentTimeout: "2s" }, 2000],
  [{ alignmentTimeout: "0s" }, 0],
])("unaligned: %j becomes so after %s ms", (unaligned, alignMs) => {
  const options = unaligned === undefined ? {} : { unaligned };
  expect(checkpointSettings({ interval: "10s", ...options }, "checkpoints").alignMs).toBe(alignMs);
});

test.each<[string, CheckpointOptions, string]>([
  ["no alignment timeout", { interval: "1s", unaligned: {} as never }, "unaligned must be true, false or"],
  ["an alignment of nothing", { interval: "1s", unaligned: "yes" as never }, "unaligned must be true, false or"],
  ["no duration to align", { interval: "1s", unaligned: { alignmentTimeout: "x" as never } }, "expects a duration"],
  ["no interval at all", { interval: "0s" }, 'checkpoints of job "j": interval must be longer than zero'],
  ["an interval that is none", { interval: "soon" as never }, "expects a duration"],
  ["no timeout at all", { interval: "1s", timeout: "0s" }, "timeout must be longer than zero"],
  ["half a failure", { interval: "1s", tolerated: 0.5 }, "tolerated must be a whole number of at least 0"],
  ["an end that is neither", { interval: "1s", atEnd: "no" as never }, "atEnd must be true or false, got no"],
  ["nothing retained", { interval: "1s", retained: 0 }, "retained must be a whole number of at least 1"],
])("a job refuses checkpoints with %s", (_, checkpoints, message) => {
  expect(() => defineJob(import.meta, "j", () => {}, { checkpoints })).toThrow(message);
});
