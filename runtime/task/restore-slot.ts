/**
 * From a checkpoint to what a slot's operators go on from, before any of them is made: each gets the blocks of its own key
 * groups, whatever the parallelism was, its share of operator state, and, if it is a sink, what was prepared.
 *
 * Backends are not told that what they hold is that checkpoint: the first capture of an attempt takes everything.
 */

import type { OperatorId } from "../../core/ids.ts";
import { type KeyGroupRange, keyGroupsOfSubtask } from "../../core/key-group.ts";
import type { PreparedPart, RestoredSink } from "../../core/sink.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";
import { preparedIn, restsOf } from "../checkpoints/manifest-parts.ts";
import type { SubtaskPlacement } from "../graph/execution-graph.ts";
import type { JobVertex } from "../graph/job-graph.ts";
import type { SlotDeployment } from "../protocol.ts";
import { type OpenCheckpoint, readOperator } from "../state/checkpoint-reader.ts";
import { type CheckpointReads, checkpointNumber } from "../state/checkpoint-store.ts";
import { createMemoryBackend } from "../state/memory-backend.ts";
import { plainValue } from "../state/plain-bytes.ts";
import type { OperatorSnapshot, RestoredState } from "./operator-host.ts";
import { dealtRest } from "./operator-rest.ts";
import { TimerQueue } from "./timer-queue.ts";

export type RestoredSubtasks = ReadonlyMap<SubtaskPlacement, ReadonlyMap<OperatorId, OperatorSnapshot>>;

/** @throws STATE_CORRUPT, CHECKPOINT_FORMAT, CHECKPOINT_STORE */
export async function restoreSlot(
  deployment: SlotDeployment,
  opened: OpenCheckpoint,
  store: CheckpointReads,
): Promise<RestoredSubtasks> {
  const subtasks = new Map<SubtaskPlacement, ReadonlyMap<OperatorId, OperatorSnapshot>>();
  for (const placement of deployment.executionGraph.subtasks) {
    if (placement.slot !== deployment.slot) continue;
    const vertex = deployment.jobGraph.vertices.find(({ id }) => id === placement.vertex) as JobVertex;
    const operators = new Map<OperatorId, OperatorSnapshot>();
    for (const { id } of vertex.operators) {
      const share = { operator: id, subtask: placement.subtask, parallelism: vertex.parallelism };
      operators.set(id, await restoreOperatorOf(share, deployment, opened, store));
    }
    subtasks.set(placement, operators);
  }
  return subtasks;
}

interface Share {
  readonly operator: OperatorId;
  readonly subtask: number;
  readonly parallelism: number;
}

async function restoreOperatorOf(
  share: Share,
  deployment: SlotDeployment,
  opened: OpenCheckpoint,
  store: CheckpointReads,
): Promise<OperatorSnapshot> {
  const { operator, subtask, parallelism } = share;
  const rests = restsOf(opened.manifest, operator);
  const rest = dealtRest(rests, subtask, parallelism);
  return {
    watermark: rests.length === 0 ? Number.NEGATIVE_INFINITY : rest.watermark,
    keyed: undefined,
    timers: undefined,
    lists: new Map(rest.lists.map(({ name, mode, elements }) => [name, { mode, elements }])),
    sink: restoredSink(opened, operator),
    live: await restoreState(share, deployment, opened, store),
  };
}

function restoredSink({ name, manifest }: OpenCheckpoint, operator: OperatorId): RestoredSink {
  const parts = preparedIn(manifest, operator).flatMap((bytes) => plainValue(bytes) as readonly PreparedPart[]);
  return { checkpoint: checkpointNumber(name), parts: parts.toSorted((a, b) => a.checkpoint - b.checkpoint) };
}

async function restoreState(
  { operator, subtask, parallelism }: Share,
  { jobGraph, freeze }: SlotDeployment,
  opened: OpenCheckpoint,
  store: CheckpointReads,
): Promise<RestoredState> {
  const clock: RestoredState["clock"] = { now: () => Number.NEGATIVE_INFINITY };
  const keyGroups: KeyGroupRange = keyGroupsOfSubtask(subtask, jobGraph.keyGroups, parallelism);
  const common = { operator, keyGroups, keyGroupCount: jobGraph.keyGroups };
  let backend: KeyedStateBackend | undefined;
  let timers: TimerQueue | undefined;
  for await (const { block, header, where } of readOperator(store, opened, operator, keyGroups)) {
    if (header.shape.section === "timers") {
      timers ??= new TimerQueue(common);
      timers.restoreBlock(block, where);
    } else {
      backend ??= createMemoryBackend({ ...common, freezeValues: freeze, clock: (domain) => clock.now(domain) });
      backend.restoreBlock(block, where);
    }
  }
  timers?.restored(undefined);
  return { backend, timers, clock };
}
