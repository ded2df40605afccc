import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OperatorId, VertexId } from "../../../core/ids.ts";
import type { Partitioning } from "../../../core/partitioning.ts";
import type { Labels } from "../../../runtime/cluster-protocol.ts";
import { createExecutionGraph, type ExecutionGraph } from "../../../runtime/graph/execution-graph.ts";
import { explain } from "../../../runtime/graph/explain.ts";
import type { JobGraph } from "../../../runtime/graph/job-graph.ts";
import { labelsText, regionsOf, slotLabels } from "../../../runtime/graph/regions.ts";
import { items, nothing, planOf } from "./programs.ts";

type Kind = Partitioning["kind"];

interface Vertex {
  readonly parallelism: number;
  readonly labels?: Labels;
}

function graphOf(vertices: readonly Vertex[], edges: readonly (readonly [number, number, Kind])[]): JobGraph {
  return {
    jobName: "test",
    keyGroups: 128,
    vertices: vertices.map((vertex, at) => ({ id: `v${at}` as VertexId, ...vertex, operators: [] })),
    edges: edges.map(([from, to, partitioning], index) => ({
      index,
      from: `v${from}` as VertexId,
      fromOperator: `v${from}` as OperatorId,
      to: `v${to}` as VertexId,
      toOperator: `v${to}` as OperatorId,
      input: 0,
      partitioning,
      fields: undefined,
    })),
  };
}

function slotsOf(graph: ExecutionGraph, vertex: number): number[] {
  return graph.subtasks.filter((placed) => placed.vertex === `v${vertex}`).map((placed) => placed.slot);
}

const gpu = { gpu: true };

describe("regions", () => {
  test("parts of a job that no edge connects are regions with slots of their own", () => {
    const graph = graphOf(
      [{ parallelism: 2 }, { parallelism: 1 }, { parallelism: 2 }, { parallelism: 1 }],
      [
        [0, 2, "hash"],
        [1, 3, "forward"],
      ],
    );
    const execution = createExecutionGraph(graph);
    expect(regionsOf(graph, execution)).toEqual([
      { index: 0, vertices: ["v0", "v2"], slots: [0, 1] },
      { index: 1, vertices: ["v1", "v3"], slots: [2] },
    ]);
    expect([0, 1, 2, 3].map((vertex) => slotsOf(execution, vertex))).toEqual([[0, 1], [2], [0, 1], [2]]);
  });

  test("regions share neither slots nor channels, and together have all of them", () => {
    const random = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 7 }).chain((sizes) =>
      fc.record({
        sizes: fc.constant(sizes),
        edges: fc.array(fc.tuple(fc.nat(sizes.length - 1), fc.nat(sizes.length - 1)), { maxLength: 6 }),
        labels: fc.array(fc.constantFrom<Labels>({}, gpu, { zone: "a" }), { minLength: 7, maxLength: 7 }),
      }),
    );
    fc.assert(
      fc.property(random, ({ sizes, edges, labels }) => {
        const graph = graphOf(
          sizes.map((parallelism, at) => ({ parallelism, labels: labels[at] as Labels })),
          edges.filter(([from, to]) => from < to).map(([from, to]) => [from, to, "hash"] as const),
        );
        const execution = createExecutionGraph(graph);
        const regions = regionsOf(graph, execution);
        const all = regions.flatMap((region) => region.slots);
        expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: execution.slots }, (_, slot) => slot));
        const regionOf = (slot: number): number => regions.findIndex((region) => region.slots.includes(slot));
        for (const { fromSlot, toSlot } of execution.channels) expect(regionOf(fromSlot)).toBe(regionOf(toSlot));
      }),
    );
  });

  test("the plan's text names regions only where there are several", () => {
    const one = explain(planOf((env) => env.from(items()).to(nothing), 1));
    expect(one).not.toContain("region");
    const two = explain(
      planOf((env) => {
        env.from(items("left")).to(nothing, { name: "left-out" });
        env.from(items("right")).to(nothing, { name: "right-out" });
      }, 1),
    );
    expect(two).toContain("2 subtasks in 2 slots of 2 regions, 0 channels");
    expect(two).toContain("slot 1 (region 1): left 1/1\n  slot 2 (region 2): right 1/1\n");
  });
});

describe("labels of slots", () => {
  test("what requires a GPU has slots of its own, what does not requires none", () => {
    const graph = graphOf(
      [{ parallelism: 2 }, { parallelism: 1, labels: gpu }, { parallelism: 2 }],
      [
        [0, 1, "hash"],
        [1, 2, "hash"],
      ],
    );
    const execution = createExecutionGraph(graph);
    expect([0, 1, 2].map((vertex) => slotsOf(execution, vertex))).toEqual([[0, 1], [2], [0, 1]]);
    expect(slotLabels(graph, execution)).toEqual([{}, {}, gpu]);
    expect(regionsOf(graph, execution)).toHaveLength(1);
  });

  test("a forward edge between slots of different labels connects them one to one", () => {
    const graph = graphOf([{ parallelism: 2 }, { parallelism: 2, labels: gpu }], [[0, 1, "forward"]]);
    const execution = createExecutionGraph(graph);
    expect(execution.channels.map(({ fromSlot, toSlot }) => [fromSlot, toSlot])).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  test("the same labels in another order are the same", () => {
    const graph = graphOf(
      [
        { parallelism: 1, labels: { zone: "a", gpu: true } },
        { parallelism: 1, labels: { gpu: true, zone: "a" } },
      ],
      [[0, 1, "hash"]],
    );
    expect(createExecutionGraph(graph).slots).toBe(1);
  });

  test("a text is not the boolean of the same letters", () => {
    expect(labelsText({ zone: "a", gpu: true })).toBe('gpu=true, zone="a"');
    expect(labelsText({ gpu: "true" })).toBe('gpu="true"');
  });
});
