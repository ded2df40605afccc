import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Environment } from "../../../core/environment.ts";
import {
  collectTo,
  counting,
  type DataStream,
  defineJob,
  generate,
  type SourceWatermarks,
  tumbling,
} from "../../../index.ts";
import { runInThread } from "../../../runtime/testing/index.ts";
import { type PartitionedOptions, partitioned, type Stamped } from "./partitioned-source.ts";

const range = (from: number, to: number, step = 1): number[] =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, at) => from + at * step);

/** How many records came in windows of 10 ms, all together: late ones are not among them. */
async function countedInWindows(
  stream: (env: Parameters<Parameters<typeof defineJob>[2]>[0]) => DataStream<Stamped>,
  parallelism: number,
): Promise<number> {
  const job = defineJob(import.meta, "counted", (env) =>
    stream(env).keyBy("part").window(tumbling("10ms")).aggregate("count", counting()).to(collectTo("counts")),
  );
  const handle = await runInThread(job, { parallelism });
  await handle.result;
  return handle.collect<{ value: number }>("counts").reduce((sum, { value }) => sum + value, 0);
}

describe("a source that makes watermarks of its parts", () => {
  const parts = { early: range(0, 500), late: range(100, 600), later: range(300, 400) };
  const all = Object.values(parts).flat().length;

  test.each([1, 2, 3])(
    "takes none of a part's records for late, though others ran ahead, at parallelism %i",
    async (parallelism) => {
      const of = { parts: { late: parts.late, early: parts.early, later: parts.later }, stretch: 64 };
      const inSource = await countedInWindows((env) => env.from(partitioned(of), { watermarks: {} }), parallelism);
      expect(inSource).toBe(all);
      if (parallelism === 3) return; // each subtask has one part
      const behind = await countedInWindows(
        (env) => env.from(partitioned(of)).withTimestamps(({ at }) => at),
        parallelism,
      );
      expect(behind).toBeLessThan(all);
    },
  );

  test("gives records the time that the program says", async () => {
    const counts = await countedInWindows(
      (env) =>
        env.from(partitioned({ parts: { a: range(0, 50) } }), { watermarks: { timestamp: ({ at }) => at * 1000 } }),
      1,
    );
    expect(counts).toBe(50);
  });

  test("hands on what is lowest, in order, whatever the parts are and however they are read", async () => {
    const times = fc.array(fc.nat(200), { maxLength: 40 });
    const plan = fc.record({
      parts: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), times),
      stretch: fc.integer({ min: 1, max: 9 }),
      drift: fc.option(fc.integer({ min: 1, max: 50 })),
      parallelism: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ parts: of, stretch, drift, parallelism }) => {
        const sorted = Object.fromEntries(
          Object.entries(of).map(([name, each]) => [name, each.toSorted((a, b) => a - b)]),
        );
        const watermarks: SourceWatermarks<Stamped> =
          drift === null ? {} : { idleAfter: "1s", align: { maxDrift: `${drift}ms` } };
        const count = await countedInWindows(
          (env) => env.from(partitioned({ parts: sorted, stretch }), { watermarks }),
          parallelism,
        );
        expect(count).toBe(Object.values(sorted).flat().length);
      }),
      { numRuns: 40 },
    );
  });

  /** Whether windows come out while the source stays, within some seconds of its own time. */
  async function firesWhileItRuns(
    of: PartitionedOptions["parts"],
    watermarks: SourceWatermarks<Stamped>,
    parallelism = 1,
  ): Promise<boolean> {
    let fired = false;
    let rounds = 0;
    const source = partitioned({ parts: of, stays: () => !fired && rounds++ < 500 });
    const job = defineJob(import.meta, "fires", (env) =>
      env
        .from(source, { watermarks })
        .keyBy("part")
        .window(tumbling("10ms"))
        .aggregate("count", counting())
        .map(() => {
          fired ||= rounds < 500;
          return 0;
        })
        .to(collectTo("out")),
    );
    await (await runInThread(job, { parallelism })).result;
    return fired;
  }

  test.each([1, 2, 3])(
    "a part without records holds it back until it is idle, at parallelism %i",
    async (parallelism) => {
      const of = { full: range(0, 100), empty: [] };
      expect(await firesWhileItRuns(of, {}, parallelism)).toBe(false);
      expect(await firesWhileItRuns(of, { idleAfter: "500ms" }, parallelism)).toBe(true);
    },
  );

  test("a subtask that has no part holds nobody back", async () => {
    expect(await firesWhileItRuns({ only: range(0, 100) }, {}, 3)).toBe(true);
  });

  test("other sources have one part: the split that is read", async () => {
    const source = generate({
      count: 1000,
      splits: 10,
      record: (index) => ({ part: "a", at: index }),
      timestamp: ({ at }) => at,
    });
    expect(await countedInWindows((env) => env.from(source, { watermarks: {} }), 1)).toBe(1000);
  });

  test.each([
    [{}, "give", "watermarks.timestamp"],
    [{ timestamp: () => Number.NaN }, "returned NaN", "finite number"],
    [{ punctuated: () => "soon" as never }, "returned soon", "epoch milliseconds"],
  ])("%j ends the job by name", async (watermarks, what, advice) => {
    const source = generate({
      count: 5,
      record: (index) => index,
      ...("punctuated" in watermarks && { timestamp: () => 1 }),
    });
    const job = defineJob(import.meta, "untimed", (env) => env.from(source, { watermarks }).to(collectTo("out")));
    const failure = await (await runInThread(job)).result.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "WRONG_SHAPE" });
    expect(String(failure)).toContain(what);
    expect(String(failure)).toContain(advice);
  });

  test("options that contradict each other are refused when the program is built", () => {
    const from = (watermarks: SourceWatermarks<Stamped>) => () =>
      new Environment("wrong").from(partitioned({ parts: {} }), { watermarks });
    expect(from({ outOfOrderness: "1s", punctuated: () => 1 })).toThrow("one of outOfOrderness");
    expect(from({ idleAfter: "1s", align: { maxDrift: "0s" } })).toThrow("align.maxDrift");
    expect(from({ align: { maxDrift: "1s" } })).toThrow("needs idleAfter");
  });
});

describe("parts that are aligned", () => {
  /** The furthest that any record was ahead of the slowest part that had some left. */
  async function drift(
    of: PartitionedOptions,
    watermarks: SourceWatermarks<Stamped>,
    parallelism: number,
  ): Promise<number> {
    const left = new Map(Object.entries(of.parts).map(([name, times]) => [name, times.length]));
    const seen = new Map(Object.keys(of.parts).map((name) => [name, 0]));
    let furthest = 0;
    const job = defineJob(import.meta, "drift", (env) =>
      env
        .from(partitioned(of), { watermarks })
        .map(({ part, at }) => {
          seen.set(part, at);
          left.set(part, (left.get(part) ?? 0) - 1);
          const slowest = [...seen].filter(([name]) => left.get(name) !== 0).map(([, time]) => time);
          furthest = Math.max(furthest, at - Math.min(at, ...slowest));
          return part;
        })
        .to(collectTo("out")),
    );
    const handle = await runInThread(job, { parallelism, freeze: false });
    await handle.result;
    expect(handle.collect("out")).toHaveLength(Object.values(of.parts).flat().length);
    return furthest;
  }

  // The slow part's records are a millisecond apart, the fast one's a hundred.
  const parts = { fast: range(0, 40_000, 100), slow: range(0, 4000), slower: range(0, 2000) };
  const align = { maxDrift: "50ms" } as const;
  const idleAfter = "10s";

  test.each([1, 2, 3])("wait for the slowest, at parallelism %i", async (parallelism) => {
    expect(await drift({ parts }, {}, parallelism)).toBeGreaterThan(5000);
    // One stretch beyond the drift: what is read before it is known; and what others say is a little older.
    expect(await drift({ parts }, { align, idleAfter }, parallelism)).toBeLessThan(parallelism === 1 ? 151 : 4000);
  });

  test("are held as a whole where the reader cannot pause them", async () => {
    const two = { fast: parts.fast, slow: parts.slow };
    expect(await drift({ parts: two, cannotPause: true }, {}, 2)).toBeGreaterThan(5000);
    expect(await drift({ parts: two, cannotPause: true }, { align, idleAfter }, 2)).toBeLessThan(4000);
  });

  test("are not idle while they wait", async () => {
    const watermarks = { align, idleAfter: "20ms" } as const;
    const of = { parts: { ahead: range(10_000, 10_100), behind: range(0, 200) } };
    expect(await countedInWindows((env) => env.from(partitioned(of), { watermarks }), 2)).toBe(300);
  });

  test("sources of a group wait for each other", async () => {
    const seen = { fast: 0, slow: 0 };
    let furthest = 0;
    const job = (group: (name: string) => string) =>
      defineJob(import.meta, "groups", (env) => {
        for (const name of ["fast", "slow"] as const) {
          const source = { ...partitioned({ parts: { [name]: parts[name] } }), name };
          env
            .from(source, { parallelism: 1, watermarks: { idleAfter, align: { ...align, group: group(name) } } })
            .map(({ at }) => {
              seen[name] = at;
              if (seen.slow < 3999) furthest = Math.max(furthest, seen.fast - seen.slow);
              return at;
            })
            .to(collectTo(`out-${name}`));
        }
      });
    await (await runInThread(job((name) => name))).result;
    expect(furthest).toBeGreaterThan(5000);
    furthest = seen.fast = seen.slow = 0;
    await (await runInThread(job(() => "both"))).result;
    expect(furthest).toBeLessThan(4000);
  });
});

test.each([1, 2, 3])(
  "readers hear of complete checkpoints what they said for them, at parallelism %i",
  async (parallelism) => {
    const heard: { checkpoint: number; position: unknown }[] = [];
    const source = partitioned({
      parts: { a: range(0, 3000), b: range(0, 3000) },
      onCompleted: (checkpoint, position) => void heard.push({ checkpoint, position }),
    });
    const job = defineJob(import.meta, "heard", (env) => env.from(source).to(collectTo("out")));
    await (await runInThread(job, { parallelism, checkpoints: { everySteps: 20 } })).result;
    expect(heard.length).toBeGreaterThan(2);
    const ofPart = heard.flatMap(({ checkpoint, position }) => {
      const offset = (position as Record<string, number> | undefined)?.["a"];
      return offset === undefined ? [] : [{ checkpoint, offset }];
    });
    expect(ofPart).toEqual(ofPart.toSorted((a, b) => a.checkpoint - b.checkpoint || a.offset - b.offset));
  },
);
