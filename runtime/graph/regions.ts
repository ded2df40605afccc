/**
 * Regions: what can run and fail alone. A region is a connected component of the job graph; its slots are its own, so
 * that a failure in it leaves the others running.
 *
 * And sharing groups: the vertices of a region that stand in the same slots. They are those that require the same of
 * their workers, so that one operator that needs a GPU does not take the rest of its region with it.
 */

import type { OperatorId, VertexId } from "../../core/ids.ts";
import type { Labels } from "../cluster-protocol.ts";
import type { ExecutionGraph } from "./execution-graph.ts";
import type { JobEdge, JobGraph, JobVertex } from "./job-graph.ts";

export interface Region {
  readonly index: number;
  readonly vertices: readonly VertexId[];
  /** Of the execution graph, in ascending order. */
  readonly slots: readonly number[];
}

export interface SharingGroup {
  readonly vertices: readonly JobVertex[];
  /** What a worker must have that runs its slots. */
  readonly labels: Labels;
}

/** The regions in the order of their first vertices. */
export function regionsOf(jobGraph: JobGraph, executionGraph: ExecutionGraph): readonly Region[] {
  return components(jobGraph.vertices, jobGraph.edges).map((vertices, index) => {
    const ids = new Set(vertices.map((vertex) => vertex.id));
    const placed = executionGraph.subtasks.filter((subtask) => ids.has(subtask.vertex));
    const slots = [...new Set(placed.map((subtask) => subtask.slot))].sort((a, b) => a - b);
    return { index, vertices: [...ids], slots };
  });
}

/** The operators of a region's vertices. */
export function operatorsOf(region: Region | undefined, jobGraph: JobGraph): readonly OperatorId[] {
  const vertices = jobGraph.vertices.filter(({ id }) => region?.vertices.includes(id));
  return vertices.flatMap(({ operators }) => operators.map(({ id }) => id));
}

/** The sharing groups of all regions, in the order of regions and of their first vertices. */
export function sharingGroups({ vertices, edges }: JobGraph): readonly SharingGroup[] {
  return components(vertices, edges).flatMap((region) => {
    const same = Map.groupBy(region, ({ labels = {} }) => labelsText(labels));
    return [...same.values()].map((group) => ({ vertices: group, labels: group[0]?.labels ?? {} }));
  });
}

/** For each slot what the worker must have that runs it. */
export function slotLabels(jobGraph: JobGraph, { slots, subtasks }: ExecutionGraph): readonly Labels[] {
  return Array.from({ length: slots }, (_, slot) => {
    // All vertices of a slot are of one sharing group.
    const vertex = subtasks.find((placed) => placed.slot === slot)?.vertex;
    return jobGraph.vertices.find((candidate) => candidate.id === vertex)?.labels ?? {};
  });
}

/** Labels as people read them: `gpu=true, zone="a"`. */
export function labelsText(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
    .join(", ");
}

/** Vertices that these edges connect, directly or through others, in the order of their first ones. */
function components(vertices: readonly JobVertex[], edges: readonly JobEdge[]): JobVertex[][] {
  const found: Set<VertexId>[] = [];
  for (const vertex of vertices) {
    if (found.some((component) => component.has(vertex.id))) continue;
    const connected = new Set([vertex.id]);
    // A set is walked over with what is added on the way.
    for (const id of connected) {
      for (const { from, to } of edges) {
        if (from === id) connected.add(to);
        if (to === id) connected.add(from);
      }
    }
    found.push(connected);
  }
  return found.map((component) => vertices.filter((vertex) => component.has(vertex.id)));
}
