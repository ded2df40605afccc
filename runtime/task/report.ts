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
    bytesIn: subtask.bytesIn,
    bytesOut: subtask.bytesOut,
    busyMs: subtask.times.busyMs,
    idleMs: subtask.times.idleMs,
    backpressuredMs: subtask.times.backpressuredMs,
    watermark: subtask.watermark,
    backpressured: subtask.backpressured,
    operators: subtask.chain.hosts.map((host) => ({ operator: host.operator as OperatorId, ...host.metrics.read() })),
  }));
}
