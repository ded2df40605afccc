/** What a job's region does when the store of its checkpoints cannot be read: it waits for a while, and then says why. */

import { expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { STORE_WAIT_MS } from "../../../core/limits.ts";
import { JobCheckpoints, type JobCheckpointsSurroundings } from "../../../runtime/coordinator/job-checkpoints.ts";
import type { JobRecord } from "../../../runtime/coordinator/job-record.ts";
import { storeFailed } from "../../../runtime/state/checkpoint-store.ts";
import { MemoryStore } from "../../../runtime/state/memory-store.ts";
import { oneRegion, plannedJob } from "./fixtures/planned-jobs.ts";

const settings = { intervalMs: 100, timeoutMs: 1000, minPauseMs: 0, tolerated: 0, retained: 1 };

/** A region whose store fails to open so many times, in time that flies. */
function region(failures: number, error = storeFailed("be opened", "the store", new Error("EACCES"))) {
  const logged: string[] = [];
  let nowMs = 0;
  let opened = 0;
  const surroundings = {
    plan: { ...plannedJob(oneRegion, 1), checkpoints: settings },
    regions: [],
    storage: {
      folderOf: () => "the store",
      open: async () => {
        if (opened++ < failures) throw error;
        return new MemoryStore();
      },
    },
    record: () => ({ id: "job", lineage: "job@1", checkpoints: [], submission: {} }) as unknown as JobRecord,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    callAfter: (ms: number, callback: () => void) => {
      nowMs += ms;
      setImmediate(callback);
      return () => {};
    },
    log: (level: string, message: string) => logged.push(`${level}: ${message}`),
  };
  const checkpoints = new JobCheckpoints(surroundings as unknown as JobCheckpointsSurroundings);
  return { checkpoints, logged, opens: () => opened, passedMs: () => nowMs };
}

test("a store that can be read again after a moment is read, and people are told once", async () => {
  const { checkpoints, logged, opens } = region(5);
  expect(await checkpoints.restore(0, () => false)).toBe(undefined);
  expect(opens()).toBe(6);
  expect(logged).toEqual([expect.stringMatching(/^warn: the newest checkpoint is waited for: .*EACCES/)]);
});

test("a store that stays away is given up after half a minute, by its name", async () => {
  const { checkpoints, passedMs } = region(Number.POSITIVE_INFINITY);
  await expect(checkpoints.restore(0, () => false)).rejects.toMatchObject({ code: "CHECKPOINT_STORE" });
  expect(passedMs()).toBeGreaterThanOrEqual(STORE_WAIT_MS);
  expect(passedMs()).toBeLessThan(STORE_WAIT_MS + 3000);
});

test("an attempt that is over waits for nothing", async () => {
  const { checkpoints, opens } = region(Number.POSITIVE_INFINITY);
  await expect(checkpoints.restore(0, () => opens() > 2)).rejects.toMatchObject({ code: "CHECKPOINT_STORE" });
  expect(opens()).toBe(3);
});

test("what another try cannot help is said at once", async () => {
  const newer = new MillraceError("CHECKPOINT_FORMAT", "format 9");
  const { checkpoints, opens } = region(Number.POSITIVE_INFINITY, newer);
  await expect(checkpoints.restore(0, () => false)).rejects.toBe(newer);
  expect(opens()).toBe(1);
});
