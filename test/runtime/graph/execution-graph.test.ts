import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VertexId } from "../../../core/ids.ts";
import type { Partitioning } from "../../../core/partitioning.ts";
import { createExecutionGraph, type ExecutionGraph } from "../../../runtime/graph/execution-graph.ts";
import type { JobGraph } from "../../../runtime/graph/job-graph.ts";
import { regionsOf } from "../../../runtime/graph/regions.ts";
import { items, jobGraphOf, nothing } from "./programs.ts";

type Kind = Partitioning["kind"];

/** Vertices of these parallelisms, and edges between them by their positions. */
function graphOf(parallelisms: readonly number[], edges: readonly (readonly [number, number, Kind])[]): JobGraph {
  const id = (at: number): VertexId => `v${at}` as VertexId;
  return {
    jobName: "test",
    keyGroups: 128,
    vertices: parallelisms.map((parallelism, at) => ({ id: id(at), parallelism, operators: [] })),
    edges: edges.map(([from, to, partitioning], index) => ({
      index,
      from: id(from),
      fromOperator: id(from) as never,
      to: id(to),
      toOperator: id(to) as never,
      input: 0,
      partitioning,
      fields: undefined,
    })),
  };
}

function pairs(graph: ExecutionGraph): string[] {
  return graph.channels.map((channel) => `${channel.fromSubtask}→${channel.toSubtask}`);
}

const sizes = [1, 2, 3, 4];
const shapes = sizes.flatMap((producers) => sizes.map((consumers) => [producers, consumers] as const));

describe("channels", () => {
  test.each(shapes)(
    "from %i to %i subtasks, hash, rebalance, broadcast and custom connect all with all",
    (from, to) => {
      const all = Array.from({ length: from * to }, (_, at) => `${Math.floor(at / to)}→${at % to}`);
      for (const kind of ["hash", "rebalance", "broadcast", "custom"] as const) {
        expect(pairs(createExecutionGraph(graphOf([from, to], [[0, 1, kind]])))).toEqual(all);
      }
    },
  );

  test.each(shapes)("from %i to %i subtasks, global connects all with the first", (from, to) => {
    const first = Array.from({ length: from }, (_, producer) => `${producer}→0`);
    expect(pairs(createExecutionGraph(graphOf([from, to], [[0, 1, "global"]])))).toEqual(first);
  });

  test.each(shapes)(
    "from %i to %i subtasks, rescale gives each of the larger side one near partner, evenly",
    (from, to) => {
      const { channels } = createExecutionGraph(graphOf([from, to], [[0, 1, "rescale"]]));
      expect(channels.length).toBe(Math.max(from, to));
      for (const [side, size] of [
        ["fromSubtask", from],
        ["toSubtask", to],
      ] as const) {
        const counts = Array.from(
          { length: size },
          (_, subtask) => channels.filter((channel) => channel[side] === subtask).length,
        );
        expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }
    },
  );

  test.each(sizes)("between %i subtasks, forward connects those of the same number, within a slot", (size) => {
    const graph = createExecutionGraph(graphOf([size, size], [[0, 1, "forward"]]));
    expect(pairs(graph)).toEqual(Array.from({ length: size }, (_, subtask) => `${subtask}→${subtask}`));
    expect(graph.channels.every((channel) => channel.fromSlot === channel.toSlot)).toBe(true);
  });

  test("channels are numbered in order, and their slots are those of their subtasks", () => {
    const graph = createExecutionGraph(
      graphOf(
        [2, 3, 3],
        [
          [0, 1, "hash"],
          [1, 2, "rescale"],
        ],
      ),
    );
    expect(graph.channels.map((channel) => channel.index)).toEqual(graph.channels.map((_, at) => at));
    const slotOf = (vertex: string, subtask: number): number | undefined =>
      graph.subtasks.find((placed) => placed.vertex === vertex && placed.subtask === subtask)?.slot;
    for (const channel of graph.channels) {
      expect(channel.fromSlot).toBe(slotOf(`v${channel.edge}`, channel.fromSubtask));
      expect(channel.toSlot).toBe(slotOf(`v${channel.edge + 1}`, channel.toSubtask));
    }
  });
});

describe("placement", () => {
  const random = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 }).chain((parallelisms) =>
    fc.record({
      parallelisms: fc.constant(parallelisms),
      edges: fc.array(
        fc.tuple(
          fc.nat(parallelisms.length - 1),
          fc.nat(parallelisms.length - 1),
          fc.constantFrom<Kind>("forward", "hash", "rescale"),
        ),
        { maxLength: 10 },
      ),
    }),
  );

  test("every subtask has one slot, a slot at most one of each vertex, and forward edges stay within slots", () => {
    fc.assert(
      fc.property(random, ({ parallelisms, edges }) => {
        const valid = edges
          .filter(([from, to]) => from < to)
          .map(([from, to, kind]) =>
            kind === "forward" && parallelisms[from] !== parallelisms[to]
              ? ([from, to, "rebalance"] as const)
              : ([from, to, kind] as const),
          );
        const graph = createExecutionGraph(graphOf(parallelisms, valid));
        // Each region has slots of its own, as many as its largest vertex has subtasks.
        const largest = regionsOf(graphOf(parallelisms, valid), graph).map(({ vertices }) =>
          Math.max(...vertices.map((vertex) => parallelisms[Number(vertex.slice(1))] as number)),
        );
        expect(graph.slots).toBe(largest.reduce((sum, size) => sum + size, 0));
        for (const [at, parallelism] of parallelisms.entries()) {
          const own = graph.subtasks.filter((placed) => placed.vertex === `v${at}`);
          expect(own.map((placed) => placed.subtask)).toEqual(
            Array.from({ length: parallelism }, (_, subtask) => subtask),
          );
          expect(new Set(own.map((placed) => placed.slot)).size).toBe(parallelism);
          expect(own.every(({ slot }) => slot >= 0 && slot < graph.slots)).toBe(true);
        }
        const forward = graph.channels.filter((channel) => valid[channel.edge]?.[2] === "forward");
        expect(forward.every((channel) => channel.fromSlot === channel.toSlot)).toBe(true);
      }),
    );
  });

  test("small vertices go to the slots with the least work", () => {
    const graph = createExecutionGraph(
      graphOf(
        [3, 1, 1, 2, 1],
        [1, 2, 3, 4].map((at) => [0, at, "hash"]),
      ),
    );
    const slots = [1, 2, 3, 4].map((at) =>
      graph.subtasks.filter((placed) => placed.vertex === `v${at}`).map(({ slot }) => slot),
    );
    expect(slots).toEqual([[0], [1], [2, 0], [2]]);
  });

  test("a union of small streams stands where its streams stand", () => {
    const graph = jobGraphOf((env) => {
      const one = env.from(items("one"), { parallelism: 2 });
      const two = env.from(items("two"), { parallelism: 2 });
      one
        .union(two)
        .map((item) => item.id, { parallelism: 2 })
        .rebalance()
        .to(nothing);
    }, 4);
    const execution = createExecutionGraph(graph);
    const between = execution.channels.filter((channel) => channel.fromSlot !== channel.toSlot);
    expect(between.every((channel) => graph.edges[channel.edge]?.partitioning !== "forward")).toBe(true);
  });
});
