import { describe, expect, test } from "vitest";
import { collectTo, type DataStream, defineJob, fromArray, type Sink, type Source } from "../../../index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";

/** Notes what happens in which order. */
function life(name: string, calls: string[], failing?: string) {
  const note = (what: string) => () => {
    calls.push(`${name} ${what}`);
    if (failing === what) throw new Error(`${name} cannot ${what}`);
  };
  return { open: note("open"), close: note("close"), note };
}

function sinkOf(calls: string[], failing?: string): Sink<number> {
  const { open, close, note } = life("sink", calls, failing);
  return {
    name: "sink",
    writer: () => ({ open, close, write: (value) => note(`write ${value}`)(), flush: note("flush") }),
  };
}

function jobOf(calls: string[], failing: { map?: string; sink?: string } = {}) {
  const { open, close } = life("map", calls, failing.map);
  return defineJob(import.meta, "life", (env) => {
    env
      .from(fromArray([1, 2]))
      .map({
        open,
        close,
        map(n: number) {
          calls.push(`map ${n}`);
          return n;
        },
      })
      .to(sinkOf(calls, failing.sink));
  });
}

test("a subtask opens from its end to its head, works, flushes and closes", async () => {
  const calls: string[] = [];
  await (await runInThread(jobOf(calls))).result;
  const opened = calls.slice(0, 2);
  expect(opened).toEqual(["sink open", "map open"]);
  expect(calls.filter((call) => /map \d|write/.test(call))).toEqual(["map 1", "sink write 1", "map 2", "sink write 2"]);
  expect(calls.slice(-3)).toEqual(["sink flush", "map close", "sink close"]);
});

test("what was opened is closed once, whatever fails", async () => {
  for (const failing of [{ sink: "write 1" }, { sink: "flush" }, { map: "open" }, { sink: "close" }]) {
    const calls: string[] = [];
    const handle = await runInThread(jobOf(calls, failing));
    await expect(handle.result).rejects.toMatchObject({
      code: "USER_FUNCTION",
      message: expect.stringContaining(`cannot ${Object.values(failing)[0]}`),
    });
    expect(calls.filter((call) => call.endsWith("close")).toSorted()).toEqual(["map close", "sink close"]);
  }
});

test("what was never opened is not closed", async () => {
  const calls: string[] = [];
  await expect((await runInThread(jobOf(calls, { sink: "open" }))).result).rejects.toMatchObject({ operator: "sink" });
  expect(calls).toEqual(["sink open", "sink close"]);
});

/** Deals out its splits one at a time; each is an array that is read in one step which returns `step` of its index. */
function source<T>(
  splits: readonly (readonly T[])[],
  step: (split: number) => number | "end" | Promise<"end">,
): Source<T, number> {
  return {
    name: "source",
    bounded: true,
    enumerate: () => {
      let next = 0;
      return { next: () => (next < splits.length ? next++ : undefined) };
    },
    reader: () => {
      let split = 0;
      let done = false;
      return {
        begin(index) {
          split = index;
          done = false;
        },
        read(push) {
          if (done) return "end";
          done = true;
          for (const value of splits[split] ?? []) push(value, Number.NEGATIVE_INFINITY);
          return step(split);
        },
        position: () => undefined,
      };
    },
  };
}

describe("a source", () => {
  test.each<[string, (split: number) => number | "end" | Promise<"end">]>([
    ["that ends a split at once", () => "end"],
    ["that wants to be called later", () => 1000],
    ["that answers with a promise", async (): Promise<"end"> => "end"],
  ])("%s is read to its end", async (_, step) => {
    const job = defineJob(import.meta, "read", (env) => env.from(source([[1, 2], [], [3]], step)).to(collectTo("out")));
    for (const parallelism of [1, 2, 3]) {
      const handle = await runInThread(job, { parallelism });
      await handle.result;
      expect(handle.collect<number>("out").toSorted()).toEqual([1, 2, 3]);
    }
  });

  test("is asked for few records at first, and for ever more", async () => {
    const asked: number[] = [];
    const counting: Source<number> = {
      name: "counting",
      bounded: true,
      enumerate: () => {
        let splits = 1;
        return { next: () => (splits-- > 0 ? 0 : undefined) };
      },
      reader: () => ({
        begin() {},
        read(push, max) {
          asked.push(max);
          for (let n = 0; n < max; n++) push(n, 0);
          return asked.length === 7 ? "end" : "more";
        },
        position: () => 0,
      }),
    };
    const job = defineJob(import.meta, "counted", (env) => env.from(counting).to(collectTo("out")));
    await (await runInThread(job)).result;
    expect(asked).toEqual([64, 128, 256, 512, 1024, 1024, 1024]);
  });

  test("that pauses makes what it has read visible before", async () => {
    const seen: unknown[] = [];
    const job = defineJob(import.meta, "pausing", (env) => {
      const paused: Source<number> = {
        name: "paused",
        bounded: false,
        enumerate: () => ({ next: () => 0 }),
        reader: () => {
          let calls = 0;
          return {
            begin() {},
            read(push) {
              if (calls++ === 0) push(1, 0);
              else if (calls === 5) return "end";
              else seen.push(...handle.collect("out"));
              return 1000;
            },
            position: () => 0,
          };
        },
      };
      env.from(paused, { parallelism: 1 }).to(collectTo("out"));
    });
    const handle = await runInThread(job);
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBeGreaterThan(0);
    handle.cancel();
    expect(seen[0]).toBe(1);
    await handle.result.catch(() => {});
  });

  test("that waits for its next split lets timers fire", async () => {
    const job = defineJob(import.meta, "waiting", (env) => {
      const waiting: Source<number> = {
        name: "waiting",
        bounded: false,
        enumerate: () => {
          let dealt = false;
          return {
            next() {
              if (dealt) return new Promise(() => {});
              dealt = true;
              return 0;
            },
          };
        },
        reader: () => ({
          begin() {},
          read(push) {
            push(7, 0);
            return "end";
          },
          position: () => 0,
        }),
      };
      env
        .from(waiting)
        .keyBy((n) => n)
        .process("ring", {
          process: (_n, { timers }) => timers.register("processing", 60_000),
          onTimer: ({ timestamp }) => [timestamp],
        })
        .to(collectTo("out"));
    });
    const handle = await runInThread(job);
    await expect.poll(() => handle.collect("out"), { timeout: 20_000 }).toEqual([60_000]);
    handle.cancel();
    await handle.result.catch(() => {});
  });

  test.each([
    ["undefined", undefined],
    ["a text", "later"],
    ["a negative number", -1],
  ])("that returns %s is told what to return", async (_, step) => {
    const job = defineJob(import.meta, "odd", (env) =>
      env.from(source([[1]], () => step as never)).to(collectTo("out")),
    );
    await expect((await runInThread(job)).result).rejects.toMatchObject({
      code: "WRONG_SHAPE",
      operator: "source",
      message: expect.stringMatching(/read of the source "source" returned .*must return "more", "end"/),
    });
  });
});

test("batches that wait for an asynchronous operator reach sinks in the same chain without further input", async () => {
  const job = defineJob(import.meta, "late rows", (env) => {
    const once: Source<{ n: number }> = {
      name: "once",
      bounded: false,
      enumerate: () => {
        const splits = [0];
        return { next: () => splits.pop() ?? new Promise(() => {}) };
      },
      reader: () => ({
        begin() {},
        read(push) {
          push({ n: 1 }, 0);
          return "end";
        },
        position: () => 0,
      }),
    };
    const model = (stream: DataStream<{ n: number }>) =>
      stream.mapBatches<number>("model", {
        schema: { n: "float64" },
        process: async (batch) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return [batch.numRows];
        },
      });
    model(env.from(once)).to(collectTo("out"));
  });
  const handle = await runInThread(job);
  await expect.poll(() => handle.collect("out"), { timeout: 20_000 }).toEqual([1]);
  handle.cancel();
  await handle.result.catch(() => {});
});
