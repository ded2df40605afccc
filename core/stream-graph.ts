/** The logical program: all nodes of a job, and what makes it valid. Works on data alone, wherever that came from. */

import { checkReadersOfChangelogs } from "./changelog-readers.ts";
import { MillraceError } from "./errors.ts";
import type { OperatorId } from "./ids.ts";
import type { StreamNode } from "./node.ts";

export interface StreamGraph {
  readonly jobName: string;
  readonly nodes: readonly StreamNode[];
}

/**
 * @throws MillraceError APPEND_ONLY_SINK, CHANGELOG_INPUT, DUPLICATE_NAME, EMPTY_JOB, FOREIGN_STREAM (an edge from nowhere), GRAPH_CYCLE or
 * UNFINISHED_STREAM, naming the operators.
 */
export function validateGraph(graph: StreamGraph): void {
  const byId = indexNodes(graph);
  for (const node of graph.nodes) {
    for (const edge of node.inputs) {
      if (!byId.has(edge.from)) {
        throw new MillraceError(
          "FOREIGN_STREAM",
          `"${node.id}" of job "${graph.jobName}" reads from "${edge.from}", which is not part of this job; use streams of this builder's env only`,
          { operator: node.id },
        );
      }
    }
  }
  checkAcyclic(graph, byId);
  checkFinished(graph);
  checkReadersOfChangelogs(byId);
}

function indexNodes(graph: StreamGraph): ReadonlyMap<OperatorId, StreamNode> {
  const byId = new Map<OperatorId, StreamNode>();
  for (const node of graph.nodes) {
    if (byId.has(node.id))
      throw new MillraceError(
        "DUPLICATE_NAME",
        `job "${graph.jobName}" has two operators named "${node.id}"; rename one`,
        { operator: node.id },
      );
    byId.set(node.id, node);
  }
  return byId;
}

/** Depth-first search from every node; a node met again on the current path closes a cycle. */
function checkAcyclic(graph: StreamGraph, byId: ReadonlyMap<OperatorId, StreamNode>): void {
  const done = new Set<OperatorId>();
  const path: OperatorId[] = [];
  const onPath = new Set<OperatorId>();
  const visit = (node: StreamNode): void => {
    if (done.has(node.id)) return;
    if (onPath.has(node.id)) {
      const cycle = [...path.slice(path.indexOf(node.id)), node.id].reverse();
      throw new MillraceError(
        "GRAPH_CYCLE",
        `job "${graph.jobName}" contains a cycle: ${cycle.map((id) => `"${id}"`).join(" → ")}; a stream cannot feed itself, write to a topic or file and read it back`,
        { operator: node.id },
      );
    }
    path.push(node.id);
    onPath.add(node.id);
    for (const edge of node.inputs) visit(byId.get(edge.from) as StreamNode);
    path.pop();
    onPath.delete(node.id);
    done.add(node.id);
  };
  for (const node of graph.nodes) visit(node);
}

function checkFinished(graph: StreamGraph): void {
  if (!graph.nodes.some((node) => node.spec.kind === "sink")) {
    throw new MillraceError(
      "EMPTY_JOB",
      `job "${graph.jobName}" has no sink, so it would compute nothing; end a stream with .to(print()) or another sink`,
    );
  }
  const consumed = new Set(graph.nodes.flatMap((node) => node.inputs.map((edge) => edge.from)));
  for (const node of graph.nodes) {
    if (node.spec.kind !== "sink" && !consumed.has(node.id)) {
      throw new MillraceError(
        "UNFINISHED_STREAM",
        `the stream of "${node.id}" in job "${graph.jobName}" goes nowhere; end it with .to(sink) or remove the operator`,
        { operator: node.id },
      );
    }
  }
}
