/** Programs that cannot be run are refused when they are submitted, by code and in a sentence that says what to do. */

import { describe, expect, test } from "vitest";
import type { StreamNode } from "../../core/node.ts";
import { validateGraph } from "../../core/stream-graph.ts";
import {
  collectTo,
  counting,
  type DataStream,
  defineJob,
  type Environment,
  fromArray,
  type Job,
  toJsonl,
  valueState,
} from "../../index.ts";
import { runInThread } from "../../runtime/testing/index.ts";

const out = collectTo<unknown>("out");

function submitted(build: (env: Environment) => void, options: { keyGroups?: number } = {}) {
  return runInThread(defineJob(import.meta, "bad", build, options));
}

describe("the graph", () => {
  test.each<[string, (env: Environment) => void, string, RegExp]>([
    ["without a sink", (env) => void env.from(fromArray([1])), "EMPTY_JOB", /job "bad" has no sink.*\.to\(/],
    [
      "with a stream that goes nowhere",
      (env) => {
        const source = env.from(fromArray([1]));
        source.to(out);
        source.map((n) => n, { name: "forgotten" });
      },
      "UNFINISHED_STREAM",
      /"forgotten" in job "bad" goes nowhere; end it with \.to\(sink\) or remove/,
    ],
    [
      "with a changelog into a sink that only appends",
      (env) =>
        env
          .from(fromArray([1, 2]))
          .keyBy((n) => n)
          .aggregate("totals", counting(), { emit: "changes" })
          .filter(({ value }) => value.value > 0)
          .to(toJsonl("out.jsonl")),
      "APPEND_ONLY_SINK",
      /"totals" gives a changelog, and the sink "jsonl:out.jsonl" would only append it.*toJsonlTable.*changesAsRecords: true/,
    ],
    [
      "with a changelog into what takes its records for rows",
      (env) =>
        env
          .from(fromArray([1, 2]))
          .keyBy((n) => n)
          .aggregate("totals", counting(), { emit: "changes" })
          .filter(({ value }) => value.value > 0)
          .keyBy(({ value }) => value.value)
          .topN("best", { n: 1, by: ({ value }) => value.value })
          .to(out),
      "CHANGELOG_INPUT",
      /"totals" gives a changelog, and "best" \(topN\) takes each record for a row.*aggregateChanges, topNChanges or joinChanges/,
    ],
    [
      "with upserts into what has to be told of rows that are replaced",
      (env) =>
        env
          .from(fromArray([1, 2]))
          .keyBy((n) => n % 2)
          .deduplicate("last", { keep: "last", emit: "upserts" })
          .keyBy(({ value }) => value)
          .aggregateChanges("n", counting())
          .to(out),
      "CHANGELOG_INPUT",
      /"last" gives upserts, and "n" has to be told of rows that are replaced; let "last" emit "changes"/,
    ],
    [
      "with one name for two operators",
      (env) =>
        env
          .from(fromArray([1]))
          .map((n) => n, { name: "twice" })
          .map((n) => n, { name: "twice" })
          .to(out),
      "DUPLICATE_NAME",
      /two operators named "twice"; give one of them another name/,
    ],
    [
      "with an empty operator name",
      (env) =>
        env
          .from(fromArray([1]))
          .map((n) => n, { name: "" })
          .to(out),
      "MISSING_NAME",
      /a map operator of job "bad" has an empty name; give it one/,
    ],
    [
      "with a state without a name",
      (env) =>
        env
          .from(fromArray([1]))
          .keyBy((n) => n)
          .process("count", { state: { "": valueState<number>() }, process: () => [] })
          .to(out),
      "MISSING_NAME",
      /"count" declares a state with an empty name; give it one/,
    ],
    [
      "with batches of no rows",
      (env) =>
        env
          .from(fromArray([{ n: 1 }]))
          .mapBatches("model", { schema: { n: "float64" }, maxRows: 0, process: (batch) => batch })
          .to(out),
      "BAD_OPTION",
      /maxRows of "model" is 0; it must be a whole number of at least 1/,
    ],
    [
      "with a side output of a union",
      (env) => {
        const source = env.from(fromArray([1]));
        source.union(source).sideOutput({ name: "late" }).to(out);
      },
      "BAD_OPTION",
      /sideOutput\("late"\) must be called on the stream that an operator returned/,
    ],
    [
      "with a parallelism of nothing",
      (env) => env.from(fromArray([1]), { parallelism: 0 }).to(out),
      "PARALLELISM",
      /the parallelism of "array" is 0; it must be a whole number from 1/,
    ],
  ])("%s", async (_, build, code, sentence) => {
    await expect(submitted(build).then((handle) => handle.result)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(sentence),
    });
  });

  test("with a cycle, which the message shows", () => {
    const node = (id: string, from: string): StreamNode =>
      ({
        id,
        spec: { kind: "map" },
        inputs: [{ from, side: undefined, partitioning: { kind: "forward" } }],
      }) as unknown as StreamNode;
    const graph = { jobName: "bad", nodes: [node("a", "c"), node("b", "a"), node("c", "b")] };
    expect(() => validateGraph(graph)).toThrow(
      expect.objectContaining({
        code: "GRAPH_CYCLE",
        message: expect.stringMatching(/"a" → "b" → "c" → "a".*cannot feed itself/),
      }),
    );
  });

  test("with a stream of another job", async () => {
    let kept: DataStream<number> | undefined;
    await submitted((env) => {
      kept = env.from(fromArray([1]));
      kept.to(out);
    });
    const other = submitted((env) =>
      env
        .from(fromArray([2]))
        .union(kept as DataStream<number>)
        .to(out),
    );
    await expect(other).rejects.toMatchObject({
      code: "FOREIGN_STREAM",
      message: expect.stringMatching(/one build of one job only/),
    });
  });

  test("that is not the same at every build", async () => {
    let builds = 0;
    const unsteady = submitted((env) =>
      env
        .from(fromArray([1]))
        .map((n) => n, { name: `build ${builds++}` })
        .to(out),
    );
    await expect(unsteady).rejects.toMatchObject({
      code: "GRAPH_NOT_DETERMINISTIC",
      message: expect.stringMatching(/job "bad".*must not read the clock.*params/),
    });
  });

  test("with a job without a name", () => {
    expect(() => defineJob(import.meta, "", () => {})).toThrow(expect.objectContaining({ code: "MISSING_NAME" }));
  });
});

describe("parameters", () => {
  const job = defineJob(import.meta, "with params", (env, params) => env.from(fromArray([params.limit])).to(out), {
    params: { limit: 10, path: "a.txt" },
  }) as unknown as Job;

  test.each<[string, Record<string, string | number>, RegExp]>([
    ["that the job does not have", { limt: 5 }, /job "with params" has no parameter "limt"; it has: limit, path/],
    ["of another type", { limit: "5" }, /parameter "limit" of job "with params" is a number, got a string/],
  ])("%s", async (_, params, sentence) => {
    await expect(runInThread(job, { params })).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: expect.stringMatching(sentence),
    });
  });
});

test.each([
  [0, /is 0; it must be a whole number/],
  [-1, /is -1; it must be a whole number/],
  [1.5, /is 1.5; it must be a whole number/],
  [Number.NaN, /is NaN; it must be a whole number/],
  [5, /asks for parallelism 5 but has 4 key groups.*lower the parallelism, or set keyGroups/],
])("a parallelism of %s", async (parallelism, sentence) => {
  const job = defineJob(import.meta, "bad", (env) => env.from(fromArray([1])).to(out), { keyGroups: 4 });
  await expect(runInThread(job, { parallelism })).rejects.toMatchObject({
    code: "PARALLELISM",
    message: expect.stringMatching(sentence),
  });
});
