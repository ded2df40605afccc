/** A job's checkpoints as REST shows them, in Flink's words. */

import type { CheckpointsView, CheckpointView, RestoredCheckpointView } from "../rest/views.ts";
import type { CheckpointEntry, RestoredEntry } from "./checkpoint-stats.ts";
import type { JobManager } from "./job-manager.ts";

export function checkpointsView({ checkpoints: { stats } }: JobManager): CheckpointsView {
  const { restored, completed, failed } = stats.counts;
  const { latest, inProgress } = stats;
  return {
    counts: { restored, total: inProgress + completed + failed, in_progress: inProgress, completed, failed },
    latest: {
      completed: viewOr(latest.completed),
      savepoint: viewOr(latest.savepoint),
      failed: viewOr(latest.failed),
      restored: stats.restored === undefined ? null : restoredView(stats.restored),
    },
    history: stats.entries.map(checkpointView).reverse(),
  };
}

function viewOr(entry: CheckpointEntry | undefined): CheckpointView | null {
  return entry === undefined ? null : checkpointView(entry);
}

function checkpointView(entry: CheckpointEntry): CheckpointView {
  const { checkpoint, region, status, savepoint, beganMs, endedMs, bytes, slots, acknowledged, path, failure } = entry;
  return {
    id: checkpoint,
    region,
    status,
    is_savepoint: savepoint,
    checkpoint_type: savepoint ? "SAVEPOINT" : entry.unaligned ? "UNALIGNED_CHECKPOINT" : "CHECKPOINT",
    trigger_timestamp: beganMs,
    state_size: bytes,
    processed_data: entry.alignedBytes,
    persisted_data: entry.inFlightBytes,
    copies: entry.copies ?? null,
    end_to_end_duration: endedMs === undefined ? -1 : endedMs - beganMs,
    num_slots: slots,
    num_acknowledged_slots: acknowledged,
    external_path: path ?? null,
    failure_message: failure ?? null,
  };
}

function restoredView({ checkpoint, region, atMs, savepoint, path }: RestoredEntry): RestoredCheckpointView {
  return {
    id: checkpoint,
    region,
    restore_timestamp: atMs,
    is_savepoint: savepoint,
    external_path: path ?? null,
  };
}
