/** Who deals out a source's splits where slots do it: the slot of its first subtask. */

import type { VertexId } from "../../core/ids.ts";
import type { ExecutionGraph } from "./execution-graph.ts";
import type { JobGraph } from "./job-graph.ts";

/** The sources with the slots that run their enumerators. A vertex that no edge leads to is a source. */
export function dealersOf(jobGraph: JobGraph, { subtasks }: ExecutionGraph): ReadonlyMap<VertexId, number> {
  const fed = new Set(jobGraph.edges.map(({ to }) => to));
  const first = subtasks.filter(({ vertex, subtask }) => subtask === 0 && !fed.has(vertex));
  return new Map(first.map(({ vertex, slot }) => [vertex, slot]));
}
