/** What goes wrong in real threads: it ends with a named error, and nothing is left running. */

import { afterEach, describe, expect, test } from "vitest";
import { collectTo, defineJob, fromArray, type Job, run } from "../../index.ts";
import {
  endlessJob,
  failingJob,
  instancesJob,
  largeRecordBytes,
  largeRecordJob,
  silentJob,
  stuckJob,
  unsteadyJob,
} from "./fixtures/jobs.ts";

/** The ends of channels to threads that are open. */
const ports = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;
const before = ports();

afterEach(async () => {
  await expect.poll(ports, { timeout: 20_000 }).toBe(before);
});

const silent = { logLevel: "silent" } as const;

describe("a job is cancelled by a signal", () => {
  test.each<[string, Job]>([
    ["that is busy", endlessJob as unknown as Job],
    ["that waits for its source", silentJob as unknown as Job],
    ["that waits for a promise", stuckJob as unknown as Job],
  ])("%s, at any time", async (_, job) => {
    for (const afterReports of [0, 1, 3]) {
      const abort = new AbortController();
      let reports = 0;
      const handle = await run(job, {
        ...silent,
        parallelism: 2,
        signal: abort.signal,
        onProgress: () => {
          if (++reports === afterReports) abort.abort();
        },
      });
      expect(ports()).toBeGreaterThan(before);
      if (afterReports === 0) abort.abort();
      await expect(handle.result).rejects.toMatchObject({
        code: "CANCELLED",
        message: expect.stringContaining(job.name),
      });
      expect(handle.metrics().state).toBe("cancelled");
    }
  });

  test("before it begins", async () => {
    const handle = await run(endlessJob, { ...silent, signal: AbortSignal.abort() });
    await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

test("a record of 50 MB passes between threads, in its place among others", async () => {
  const handle = await run(largeRecordJob, silent);
  await handle.result;
  const rows = handle.collect<{ n: number; length: number }>("out").toSorted((a, b) => a.n - b.n);
  expect(rows.map(({ length }) => length)).toEqual([10, 10, largeRecordBytes, largeRecordBytes, 10, 10]);
});

test("a failure carries operator, place and the user's own stack, and the record's shape only", async () => {
  const handle = await run(failingJob, { ...silent, parallelism: 2 });
  const failure = await handle.result.catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: "USER_FUNCTION",
    operator: "charge",
    origin: { subtask: expect.any(Number), parallelism: 2, attempt: 1, record: "{ user: string, card: string }" },
    cause: {
      name: "RangeError",
      message: "no money for object",
      stack: expect.stringMatching(/at charge .*fixtures\/jobs\.ts/),
    },
  });
  expect(String(failure)).not.toContain("4000-0012");
});

test("a record that cannot travel is refused at the exchange", async () => {
  const handle = await run(instancesJob, silent);
  await expect(handle.result).rejects.toMatchObject({
    code: "BAD_RECORD",
    operator: "count",
    message: expect.stringMatching(/record\.seen emitted by "count".*got a Map; send \[\.\.\.map\]/),
  });
});

test("a thread that builds another graph refuses to run it", async () => {
  const handle = await run(unsteadyJob, silent);
  await expect(handle.result).rejects.toMatchObject({
    code: "GRAPH_NOT_DETERMINISTIC",
    message: expect.stringMatching(/job "unsteady" gave another graph in this thread.*params/),
  });
});

test("a job that its module does not define at the top is not found in a thread", async () => {
  const hidden = defineJob({ url: new URL("./fixtures/jobs.ts", import.meta.url).href }, "hidden", (env) =>
    env.from(fromArray([1])).to(collectTo("out")),
  );
  const handle = await run(hidden, silent);
  await expect(handle.result).rejects.toMatchObject({
    code: "BAD_JOB_MODULE",
    message: expect.stringMatching(/does not define a job "hidden".*top level/),
  });
});
