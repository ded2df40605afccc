/**
 * Stages of a batch: what runs at the same time. The law: an edge that blocks leads from a stage to a later one, any other
 * edge stays in its stage, so a stage that begins has all of its input on disk.
 *
 *   source → map ═╗                       ═ blocks: written sorted by key, read when its stage is over
 *                 ╠═► window → map ═╗     → records go on as they come
 *   source ═══════╝                 ╠═► join → sink
 *   source ═════════════════════════╝
 *     stage 1           stage 2         stage 3
 */

import { MillraceError } from "../../core/errors.ts";
import type { VertexId } from "../../core/ids.ts";
import { createExecutionGraph, type ExecutionGraph } from "./execution-graph.ts";
import type { JobEdge, JobGraph, JobVertex } from "./job-graph.ts";

export interface Stage {
  /** From 0 on, in the order in which they run. */
  readonly index: number;
  /** The vertices of the stage, and all edges of the job. */
  readonly jobGraph: JobGraph;
  readonly executionGraph: ExecutionGraph;
}

/** @throws NOT_BATCH where records of two stages meet in an operator without keys. */
export function stagesOf(graph: JobGraph): readonly Stage[] {
  const stageOf = numbers(graph);
  for (const vertex of graph.vertices) checkInputs(vertex, graph, stageOf);
  const count = Math.max(...stageOf.values()) + 1;
  return Array.from({ length: count }, (_, index) => {
    const vertices = graph.vertices.filter(({ id }) => stageOf.get(id) === index);
    const jobGraph = { ...graph, vertices };
    return { index, jobGraph, executionGraph: createExecutionGraph(jobGraph) };
  });
}

/** The stage of each vertex: behind those of all edges that block, and that of its other inputs. */
function numbers({ vertices, edges }: JobGraph): ReadonlyMap<VertexId, number> {
  const stageOf = new Map<VertexId, number>();
  const at = (id: VertexId): number => stageOf.get(id) ?? 0;
  // Vertices come in the order of the program, in which what is read stands before its readers.
  for (const { id } of vertices) {
    const inputs = edges.filter(({ to }) => to === id);
    stageOf.set(id, Math.max(0, ...inputs.map(({ from, blocking }) => at(from) + (blocking === true ? 1 : 0))));
  }
  return stageOf;
}

function checkInputs({ id }: JobVertex, { jobName, edges }: JobGraph, stageOf: ReadonlyMap<VertexId, number>): void {
  for (const { from, fromOperator, toOperator, blocking } of edges.filter(({ to }) => to === id)) {
    if (blocking === true || stageOf.get(from) === stageOf.get(id)) continue;
    throw new MillraceError(
      "NOT_BATCH",
      `job "${jobName}" cannot be executed as a batch: "${toOperator}" takes records of "${fromOperator}" together with those of a later stage, without a key; write them to two sinks, or key the stream before. Or execute it as "streaming"`,
      { operator: toOperator },
    );
  }
}

/** The stage that writes an edge. REQUIRES: the edge's vertices are in the stages. */
export function writerOf({ from }: JobEdge, stages: readonly Stage[]): number {
  return stages.findIndex(({ jobGraph }) => jobGraph.vertices.some(({ id }) => id === from));
}
