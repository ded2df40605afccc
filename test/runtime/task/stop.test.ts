/** Stopping: sources end as if they had read everything, and what is behind them finishes as at any end. */

import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  collectTo,
  counting,
  defineJob,
  generate,
  type ReadStep,
  type Source,
  type SourceReader,
  tumbling,
} from "../../../index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";

describe("a stopped job", () => {
  test.each([1, 2, 3])("fires its windows, flushes its sinks and finishes, at parallelism %i", async (parallelism) => {
    const stop = new AbortController();
    const job = defineJob(import.meta, "endless", (env) => {
      const numbers = env.from(generate({ record: (index) => ({ index, group: index % 7 }) }));
      numbers
        .filter(({ index }) => {
          if (index === 3000) stop.abort();
          return true;
        })
        .to(collectTo("read"));
      numbers
        .withTimestamps(() => 0)
        .keyBy("group")
        .window(tumbling("1h"))
        .aggregate("count", counting())
        .to(collectTo("counts"));
    });
    const handle = await runInThread(job, { parallelism, stop: stop.signal });
    const { state } = await handle.result;
    expect(state).toBe("finished");
    const counted = handle.collect<{ value: number }>("counts").reduce((sum, { value }) => sum + value, 0);
    expect(counted).toBeGreaterThan(3000);
    expect(counted).toBe(handle.collect("read").length);
  });

  /** Runs a job with this source, which is told how to stop the job. */
  async function stopped(sourceOf: (stop: () => void) => Pick<Source<number, number>, "enumerate" | "reader">) {
    const stop = new AbortController();
    const source = { name: "source", bounded: false, ...sourceOf(() => stop.abort()) };
    const job = defineJob(import.meta, "waits", (env) => env.from(source).to(collectTo("out")));
    return await runInThread(job, { stop: stop.signal });
  }

  /** A reader whose split never ends. */
  const reading = (read: SourceReader<number>["read"]) => () => ({ begin() {}, read, position: () => 0 });

  test("does not wait for splits that never come", async () => {
    const handle = await stopped((stop) => ({
      enumerate: () => ({
        next() {
          stop();
          return new Promise(() => {});
        },
      }),
      reader: reading(() => "more"),
    }));
    expect((await handle.result).state).toBe("finished");
  });

  test("does not wait until a source wants to be asked again", async () => {
    const handle = await stopped((stop) => ({
      enumerate: () => ({ next: () => 0 }),
      reader: reading(() => {
        stop();
        return 1e12;
      }),
    }));
    const { state, elapsedMs } = await handle.result;
    expect([state, elapsedMs < 1e12]).toEqual(["finished", true]);
  });

  test("waits for a read that is under way, and takes what it brings", async () => {
    const handle = await stopped((stop) => ({
      enumerate: () => ({ next: () => 0 }),
      reader: reading(async (push): Promise<ReadStep> => {
        stop();
        await setImmediate();
        push(7, 0);
        return "more";
      }),
    }));
    expect((await handle.result).state).toBe("finished");
    expect(handle.collect("out")).toContain(7);
  });
});
