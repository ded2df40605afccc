/**
 * The windows of a program as the subtasks of a job have them: those whose records are aggregated before they are sent take
 * partials. So does, for once, one to which partials may be in flight in the checkpoint that is restored, whatever the
 * parallelism is now.
 */

import type { OperatorId } from "../../core/ids.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import { windowsModule } from "../../operators/window/load-windows.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { OperatorSnapshot } from "./operator-snapshot.ts";

export function withPartialWindows(
  graph: StreamGraph,
  { edges }: Pick<JobGraph, "edges">,
  restored: ReadonlyMap<OperatorId, OperatorSnapshot> | undefined,
): StreamGraph {
  const nodes = graph.nodes.map((node) => {
    if (node.spec.kind !== "window") return node;
    const { takesPartials, takingPartials } = windowsModule();
    const isSentPartials = edges.some(
      ({ toOperator, preAggregated }) => toOperator === node.id && preAggregated !== undefined,
    );
    const hasInFlight = (restored?.get(node.id)?.inFlight ?? []).length > 0;
    return isSentPartials || (hasInFlight && takesPartials(node)) ? takingPartials(node) : node;
  });
  return { ...graph, nodes };
}
