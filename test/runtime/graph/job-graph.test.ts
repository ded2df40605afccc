import { describe, expect, test } from "vitest";
import { counting } from "../../../core/aggregate.ts";
import { outputTag } from "../../../core/side-output.ts";
import { tumbling } from "../../../core/window.ts";
import { planJob } from "../../../runtime/graph/plan.ts";
import { type Build, chainsOf, items, jobGraphOf, jobOf, nothing, planOf } from "./programs.ts";

describe("chaining", () => {
  test("operators behind each other with equal parallelism are one vertex", () => {
    const graph = jobGraphOf((env) => {
      env
        .from(items())
        .map((item) => item.id)
        .filter((id) => id > 1)
        .to(nothing);
    });
    expect(chainsOf(graph)).toEqual([["items", "map", "filter", "nothing"]]);
    expect(graph.edges).toEqual([]);
  });

  test("several consumers of a stream are chained to it, in the order of the program", () => {
    const graph = jobGraphOf((env) => {
      const source = env.from(items());
      source.map((item) => item.id).to(nothing);
      source.to(nothing, { name: "raw" });
    });
    expect(chainsOf(graph)).toEqual([["items", "map", "nothing", "raw"]]);
    expect(graph.vertices[0]?.operators[0]?.outputs.map((output) => output.to)).toEqual([
      { kind: "chained", operator: "map" },
      { kind: "chained", operator: "raw" },
    ]);
  });

  test("a keyBy, a change of parallelism, a union and each explicit exchange end a chain", () => {
    const graph = jobGraphOf((env) => {
      const source = env.from(items());
      const other = env.from(items("more"));
      source
        .keyBy("id")
        .reduce("sum", (sum) => sum)
        .map((item) => item.id, { parallelism: 1 })
        .to(nothing, { name: "single", parallelism: 1 });
      source.union(other).to(nothing, { name: "both" });
      source.rebalance().to(nothing, { name: "rebalanced" });
    });
    expect(chainsOf(graph)).toEqual([["items"], ["more"], ["sum"], ["map", "single"], ["both"], ["rebalanced"]]);
    expect(graph.edges.map(({ from, to, partitioning }) => [from, to, partitioning])).toEqual([
      ["items", "sum", "hash"],
      ["sum", "map", "rebalance"],
      ["items", "both", "forward"],
      ["more", "both", "forward"],
      ["items", "rebalanced", "rebalance"],
    ]);
  });

  test("with one subtask on both sides every edge chains, whatever its partitioning", () => {
    const graph = jobGraphOf((env) => {
      const keyed = env.from(items()).keyBy("id");
      keyed
        .reduce("sum", (sum) => sum)
        .broadcast()
        .to(nothing);
    }, 1);
    expect(chainsOf(graph)).toEqual([["items", "sum", "nothing"]]);
  });

  test("a side output's consumer is chained like others, and its output says which side it reads", () => {
    const late = outputTag<{ id: number; group: string }>("late");
    const graph = jobGraphOf((env) => {
      const counts = env
        .from(items())
        .withTimestamps((item) => item.id)
        .keyBy("id")
        .window(tumbling("1s"), { late })
        .aggregate("counts", counting());
      counts.to(nothing);
      counts.sideOutput(late).to(nothing, { name: "too-late" });
    });
    expect(chainsOf(graph)).toEqual([
      ["items", "timestamps"],
      ["counts", "nothing", "too-late"],
    ]);
    expect(graph.vertices[1]?.operators[0]?.outputs).toEqual([
      { side: undefined, to: { kind: "chained", operator: "nothing" } },
      { side: "late", to: { kind: "chained", operator: "too-late" } },
    ]);
  });

  test("an operator that reads a stream twice gets two edges, each with its input's number", () => {
    const graph = jobGraphOf((env) => {
      const source = env.from(items());
      source.keyBy("id").union(source.keyBy("group")).to(nothing);
    });
    expect(graph.edges.map(({ index, input, partitioning }) => [index, input, partitioning])).toEqual([
      [0, 0, "hash"],
      [1, 1, "hash"],
    ]);
    expect(graph.vertices[0]?.operators[0]?.outputs.map((output) => output.to)).toEqual([
      { kind: "edge", edge: 0 },
      { kind: "edge", edge: 1 },
    ]);
  });

  test("only the fields that a consumer reads travel to it, where they are known", () => {
    const graph = jobGraphOf((env) => {
      const source = env.from(items()).withTimestamps((item) => item.id);
      source.keyBy("group").window(tumbling("1s")).aggregate("known", counting()).to(nothing, { name: "a" });
      source
        .keyBy((item) => item.group)
        .window(tumbling("1s"))
        .aggregate("unknown", counting())
        .to(nothing, { name: "b" });
    });
    expect(graph.edges.map(({ to, fields }) => [to, fields])).toEqual([
      ["known", ["group"]],
      ["unknown", undefined],
    ]);
  });
});

describe("parallelism", () => {
  test("an operator has its own, else the run's, else the job's, else 1", () => {
    const job = jobOf(
      (env) => {
        env.from(items()).rebalance().to(nothing, { parallelism: 3 });
      },
      { parallelism: 4 },
    );
    const parallelisms = (options: { parallelism?: number }): (number | undefined)[] =>
      planJob(job, options).jobGraph.vertices.map((vertex) => vertex.parallelism);
    expect(parallelisms({})).toEqual([4, 3]);
    expect(parallelisms({ parallelism: 2 })).toEqual([2, 3]);
    const plain = jobOf((env) => env.from(items()).to(nothing));
    expect(planJob(plain).jobGraph.vertices.map((vertex) => vertex.parallelism)).toEqual([1]);
  });

  test("a source has no more subtasks than make sense, and what follows is spread again", () => {
    const graph = jobGraphOf(
      (env) =>
        env
          .from(items("few", 2))
          .map((item) => item.id)
          .to(nothing),
      3,
    );
    expect(graph.vertices.map((vertex) => [vertex.id, vertex.parallelism])).toEqual([
      ["few", 2],
      ["map", 3],
    ]);
    expect(graph.edges[0]?.partitioning).toBe("rebalance");
  });

  test.each([0, -1, 1.5, Number.NaN, 129])("parallelism %s is refused", (parallelism) => {
    const plan = (): unknown => planOf((env) => env.from(items()).to(nothing), parallelism);
    expect(plan).toThrow(expect.objectContaining({ code: "PARALLELISM" }));
  });

  test.each([0, 0.5, Number.NaN])("a source whose parallelismMax is %s is refused", (max) => {
    const plan = (): unknown => planOf((env) => env.from(items("few", max)).to(nothing));
    expect(plan).toThrow(expect.objectContaining({ code: "PARALLELISM", operator: "few" }));
  });

  test("more subtasks than key groups are refused", () => {
    const job = jobOf((env) => env.from(items()).to(nothing), { keyGroups: 2 });
    expect(() => planJob(job, { parallelism: 3 })).toThrow(expect.objectContaining({ code: "PARALLELISM" }));
  });
});

describe("labels", () => {
  test("of a chain's worker are what its operators require together", () => {
    const { vertices } = jobGraphOf((env) =>
      env
        .from(items())
        .map((item) => item, { requires: { gpu: true } })
        .to(nothing, { requires: { zone: "a" } }),
    );
    expect(vertices.map((vertex) => vertex.labels)).toEqual([{ gpu: true, zone: "a" }]);
  });

  test("that contradict each other in a chain are refused by name", () => {
    const build: Build = (env) =>
      env.from(items(), { requires: { zone: "a" } }).to(nothing, { requires: { zone: "b" } });
    expect(() => jobGraphOf(build)).toThrow(/"items" requires zone="a" and "nothing" zone="b"/);
  });
});
