/** Jobs on real slots: threads that import a module, exchange records by shared memory, fail, end and are lost. */

import { describe, expect, test } from "vitest";
import { type Job, type JobHandle, type JobMetrics, type Params, type RunOptions, run } from "../../index.ts";
import { makeJob } from "./fixtures/defined-late.ts";
import misbehaves from "./fixtures/misbehaves.ts";
import otherInSlots from "./fixtures/other-in-slots.ts";
import runsOnImport from "./fixtures/runs-on-import.ts";
import throwsOnImport from "./fixtures/throws-on-import.ts";
import twoWindows from "./fixtures/two-windows.ts";

interface Finished {
  readonly handle: JobHandle;
  readonly metrics: JobMetrics;
}

async function finish<P extends Params>(job: Job<P>, options: RunOptions): Promise<Finished> {
  const handle = await run(job, options);
  return { handle, metrics: await handle.result };
}

/** What the job fails with. */
async function failure<P extends Params>(job: Job<P>, options: RunOptions): Promise<unknown> {
  return (await run(job, { logLevel: "silent", ...options })).result.then(
    () => "it finished",
    (error: unknown) => error,
  );
}

/** Rows in an order of their own: between subtasks there is none. */
function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

/** The last row of each shop: a running sum's end does not depend on the order of the records. */
function lastSums(rows: readonly { readonly shop: string }[]): string[] {
  return sorted([...new Map(rows.map((row) => [row.shop, row])).values()]);
}

describe("results", () => {
  test("they are the same for parallelism 1, 2 and 3, and nothing is late", async () => {
    const results = [];
    for (const parallelism of [1, 2, 3]) {
      const { handle } = await finish(twoWindows, { parallelism });
      results.push({
        counts: sorted(handle.collect("counts-out")),
        sums: lastSums(handle.collect("sums-out")),
        rows: handle.collect("sums-out").length,
        late: handle.collect("late-out"),
      });
    }
    expect(results[0]?.counts.length).toBe(17 * 12);
    expect(results[0]?.late).toEqual([]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("the final metrics are complete: every vertex has taken all that was sent to it", async () => {
    const { metrics } = await finish(twoWindows, { parallelism: 3 });
    const vertex = (name: string): { recordsIn: number; recordsOut: number } =>
      metrics.vertices.find((candidate) => candidate.vertex === name) ?? { recordsIn: -1, recordsOut: -1 };
    expect(metrics.state).toBe("finished");
    expect(vertex("timestamps").recordsIn).toBe(vertex("old").recordsOut + vertex("recent").recordsOut);
    expect(vertex("counts").recordsIn + vertex("sums").recordsIn).toBe(vertex("timestamps").recordsOut);
    expect(metrics.vertices.flatMap(({ subtasks }) => subtasks.map(({ phase }) => phase))).toEqual(
      new Array(15).fill("finished"),
    );
    expect(metrics.busyMs.every((busyMs) => busyMs > 0)).toBe(true);
  });

  test("two jobs run at once without noticing each other", async () => {
    const [one, two] = await Promise.all([
      finish(twoWindows, { parallelism: 2 }),
      finish(twoWindows, { parallelism: 3 }),
    ]);
    expect(one.handle.jobId).not.toBe(two.handle.jobId);
    expect(sorted(one.handle.collect("counts-out"))).toEqual(sorted(two.handle.collect("counts-out")));
  });
});

describe("functions that misbehave", () => {
  test("one that throws fails the job by its operator's name, with where it happened", async () => {
    expect(await failure(misbehaves, { parallelism: 2, params: { act: "throws" } })).toMatchObject({
      code: "USER_FUNCTION",
      operator: "map",
      message: expect.stringContaining("RangeError: out of range"),
      origin: { parallelism: 2, attempt: 1 },
    });
  });

  test("one that calls process.exit ends its slot and the job, not the process", async () => {
    expect(await failure(misbehaves, { parallelism: 2, params: { act: "exits" } })).toMatchObject({
      code: "SLOT_LOST",
      message: expect.stringContaining("exited with code: 3"),
    });
  });

  test.each(["rejects", "throws later"])(
    "one that %s where nobody catches it ends its slot and the job",
    async (act) => {
      expect(await failure(misbehaves, { parallelism: 2, params: { act } })).toMatchObject({ code: "SLOT_LOST" });
    },
  );

  test("one that fills the heap ends its slot and the job, not the process", async () => {
    const options = { parallelism: 2, slotHeapMb: 64, params: { act: "fills the heap" } };
    expect(await failure(misbehaves, options)).toMatchObject({
      code: "SLOT_LOST",
      message: expect.stringContaining("memory limit"),
    });
  });
});

describe("functions that block", () => {
  test("one that never comes back ends its slot and the job, and is named", async () => {
    expect(await failure(misbehaves, { parallelism: 2, params: { act: "never comes back" } })).toMatchObject({
      code: "SLOT_STUCK",
      message: expect.stringMatching(/did not come back from a step of "map" → "filter" → "out" \(subtask . of 2\)/),
    });
  });
});

describe("modules that a slot cannot run", () => {
  test("one that throws where it is imported is refused by name", async () => {
    expect(await failure(throwsOnImport, { parallelism: 2 })).toMatchObject({
      code: "BAD_JOB_MODULE",
      message: expect.stringContaining("no licence in this thread"),
    });
  });

  test("one that does not define the job when it is imported is refused by name", async () => {
    expect(await failure(makeJob(), { parallelism: 2 })).toMatchObject({ code: "BAD_JOB_MODULE" });
  });

  test("one that runs the job when it is imported is refused by name, instead of starting threads without end", async () => {
    expect(await failure(runsOnImport, { parallelism: 2 })).toMatchObject({
      code: "BAD_JOB_MODULE",
      message: expect.stringContaining("import.meta.main"),
    });
  });

  test("one that builds another graph in a slot is refused by name", async () => {
    expect(await failure(otherInSlots, { parallelism: 2 })).toMatchObject({ code: "GRAPH_NOT_DETERMINISTIC" });
  });
});

describe("cancelling", () => {
  test("a job without end is cancelled by its handle", async () => {
    const handle = await run(misbehaves, { parallelism: 2 });
    handle.cancel();
    await expect(handle.result).rejects.toMatchObject({ code: "CANCELLED" });
    expect(handle.metrics().state).toBe("cancelled");
  });

  test("a job without end is cancelled by the signal while it runs", async () => {
    const abort = new AbortController();
    const options = { parallelism: 2, signal: abort.signal, onProgress: () => abort.abort() };
    expect(await failure(misbehaves, options)).toMatchObject({ code: "CANCELLED" });
  });

  test("a signal that was aborted before cancels the job at once", async () => {
    expect(await failure(misbehaves, { signal: AbortSignal.abort() })).toMatchObject({ code: "CANCELLED" });
  });

  test("an observer that throws fails the job, not the process", async () => {
    const onProgress = (): void => {
      throw new Error("observer");
    };
    expect(await failure(misbehaves, { onProgress })).toMatchObject({ message: "observer" });
  });
});
