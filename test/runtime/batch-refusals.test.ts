/** What is no batch, and how the plan says so. */

import { describe, expect, test } from "vitest";
import { collectTo, counting, type Environment, fromArray, generate, tumbling } from "../../index.ts";
import { explain } from "../../runtime/graph/explain.ts";
import { planJob } from "../../runtime/graph/plan.ts";
import { jobOf, type Reading, rising, timed } from "./batch-programs.ts";

describe("what is no batch", () => {
  const endless = (env: Environment): void =>
    env
      .from(generate({ record: (i) => i }))
      .keyBy((i) => i)
      .reduce("reduce", (a) => a)
      .to(collectTo("out"));

  test.each<readonly [string, (env: Environment) => void, RegExp]>([
    ["a source without end", endless, /the source "[^"]+" has no end/],
    [
      "processing time",
      (env) =>
        timed(env, [])
          .keyBy("key")
          .window(tumbling("1s", { time: "processing" }))
          .aggregate("w", counting())
          .to(collectTo("out")),
      /"w" goes by processing time/,
    ],
    [
      "an operator that has no form for it",
      (env) => {
        const keyed = timed(env, []).keyBy("key");
        const names = timed(env, [], "names").keyBy("key");
        const options = { type: "left", keep: "forever", join: (a: Reading) => a } as const;
        keyed.connect(names).join("both", options).to(collectTo("out"), { changesAsRecords: true });
      },
      /"both" \(regularJoin\) has no form for it/,
    ],
    [
      "a pattern of processing time",
      (env) => timed(env, []).keyBy("key").match(rising, { time: "processing" }).to(collectTo("out")),
      /"rising" goes by processing time/,
    ],
    [
      "records of two stages in one operator",
      (env) => {
        const all = timed(env, []);
        const reduced = all.keyBy("key").reduce("reduce", (a) => a);
        all
          .union(reduced)
          .map(({ key }) => key, { name: "keys" })
          .to(collectTo("out"));
      },
      /together with those of a later stage/,
    ],
  ])("%s is refused by name", (_, build, message) => {
    const refused = () => planJob(jobOf(build) as never, { execution: "batch", parallelism: 1 });
    expect(refused).toThrow(expect.objectContaining({ code: "NOT_BATCH", message: expect.stringMatching(message) }));
  });

  test("is executed as a stream where that is left open", () => {
    expect(planJob(jobOf(endless) as never, { execution: "auto" }).stages).toBeUndefined();
    const bounded = jobOf((env) => timed(env, []).to(collectTo("out"))) as never;
    expect(planJob(bounded, { execution: "auto" }).stages).toHaveLength(1);
    expect(planJob(bounded, { execution: "auto", notInBatch: "checkpoints" }).stages).toBeUndefined();
    expect(() => planJob(bounded, { execution: "batch", notInBatch: "checkpoints" })).toThrow("with checkpoints");
  });
});

test("explain says why what may be a batch is executed as a stream", () => {
  const endless = jobOf((env) => env.from(generate({ record: (i) => i }), { name: "numbers" }).to(collectTo("out")));
  const text = explain(planJob(endless as never, { execution: "auto" }));
  expect(text).toMatch(/Executed as a stream: .* the source "numbers" has no end/);
  expect(explain(planJob(endless as never, { execution: "streaming" }))).not.toContain("Executed as a stream");
});

describe("a batch that may choose", () => {
  const words = (env: Environment, sizeBytes: number | undefined): void => {
    const source = { ...fromArray(["a", "b", "a"]), name: "words", sizeBytes: () => sizeBytes };
    const counts = env
      .from(source)
      .keyBy((word) => word)
      .aggregate("counts", counting());
    counts
      .keyBy(({ value }) => value)
      .reduce("largest", (a, b) => (a.key > b.key ? a : b))
      .to(collectTo("out"));
  };
  const planned = (bytes: number | undefined, workingDirectory: string | undefined = "/") =>
    planJob(jobOf((env) => words(env, bytes)) as never, { execution: "auto", workingDirectory, parallelism: 2 });
  const stages = (plan: ReturnType<typeof planned>) => plan.stages?.map(({ jobGraph }) => jobGraph.vertices.length);

  test("takes keys as they come where those of the input fit into memory, and sorts the others", () => {
    expect(stages(planned(1000))).toEqual([2, 1]);
    expect(explain(planned(1000))).toMatch(/take keys as they come, as those of about 1 MB of input fit/);
    expect(explain(planned(1000))).toMatch(/from counts: hash, sorted by key on disk/);
  });

  test("sorts all of them where the input is large, or nobody knows how large it is", () => {
    expect(stages(planned(1e12))).toEqual([1, 1, 1]);
    expect(explain(planned(1e12))).toMatch(/sorted, as those of about 1000000 MB of input may not fit/);
    expect(stages(planned(undefined))).toEqual([1, 1, 1]);
    expect(explain(planned(undefined))).toMatch(/all keys are sorted, as it is not known how large the input is/);
  });

  test("knows nothing where nobody may look, and has no choice where it is told", () => {
    const blind = planJob(jobOf((env) => words(env, 1000)) as never, { execution: "auto", parallelism: 2 });
    expect(blind.stages).toHaveLength(3);
    const told = { execution: "batch", workingDirectory: "/", parallelism: 2 } as const;
    expect(planJob(jobOf((env) => words(env, 1000)) as never, told).stages).toHaveLength(3);
  });
});

test("explain shows the stages and which edges are between them", () => {
  const program = (env: Environment): void =>
    timed(env, [])
      .keyBy("key")
      .reduce("reduce", (a) => a)
      .to(collectTo("out"));
  const text = explain(planJob(jobOf(program) as never, { execution: "batch", parallelism: 2 }));
  expect(text).toContain("Batch: 2 stages, one after the other\n  stage 1: readings\n  stage 2: reduce");
  expect(text).toContain("hash, sorted by key on disk");
});
