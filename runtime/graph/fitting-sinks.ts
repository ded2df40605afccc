/** Whether the sinks of a program fit to the job that it becomes: asked before anything of it starts. */

import type { CheckpointSettings } from "../../core/checkpoints.ts";
import { MillraceError } from "../../core/errors.ts";
import type { OperatorId } from "../../core/ids.ts";
import type { StreamNode } from "../../core/node.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";

/**
 * What may go wrong, a text a sink.
 * @throws MillraceError what keeps one from working, with its operator
 */
export function checkSinks(
  { nodes }: StreamGraph,
  checkpoints: Pick<CheckpointSettings, "intervalMs" | "timeoutMs"> | undefined,
): readonly string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return nodes.flatMap(({ id, spec }) => {
    if (spec.kind !== "sink" || spec.sink.fits === undefined) return [];
    try {
      return spec.sink.fits({ checkpoints, bounded: isBounded(id, byId) }) ?? [];
    } catch (error) {
      throw error instanceof MillraceError ? ofOperator(error, id) : error;
    }
  });
}

function ofOperator({ code, message, cause }: MillraceError, operator: OperatorId): MillraceError {
  return new MillraceError(code, message, { operator, cause });
}

/** Whether every source from which records come to an operator ends by itself. */
function isBounded(id: OperatorId, byId: ReadonlyMap<OperatorId, StreamNode>): boolean {
  const seen = new Set<OperatorId>();
  const left = [id];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const node = byId.get(next);
    if (node === undefined || seen.has(next)) continue;
    seen.add(next);
    if (node.spec.kind === "source" && !node.spec.source.bounded) return false;
    left.push(...node.inputs.map(({ from }) => from));
  }
  return true;
}
