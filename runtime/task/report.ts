/** The state of a slot's subtasks as plain data, for the control plane. */

import type { OperatorId } from "../../core/ids.ts";
import type { SubtaskReport } from "../protocol.ts";
import type { DeployedSubtask } from "./deploy.ts";

export function reportSubtasks(deployed: readonly DeployedSubtask[]): SubtaskReport[] {
  return deployed.map(({ placement, subtask }) => ({
    vertex: placement.vertex,
    subtask: placement.subtask,
    source: subtask.isSource,
    phase: subtask.phase,
    recordsIn: subtask.recordsIn,
    recordsOut: subtask.recordsOut,
    bytesOut: subtask.bytesOut,
    watermark: subtask.watermark,
    backpressured: subtask.backpressured,
    operators: subtask.chain.hosts.map((host) => ({ operator: host.operator as OperatorId, ...host.metrics.read() })),
  }));
}
