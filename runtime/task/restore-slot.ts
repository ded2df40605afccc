/**
 * From a checkpoint to what a slot's operators go on from, before any of them is made: each gets the blocks of its own key
 * groups, whatever the parallelism was, its share of operator state, and, if it is a sink, what was prepared.
 *
 * Backends are not told that what they hold is that checkpoint: the first capture of an attempt takes everything.
 */

import type { OperatorId, VertexId } from "../../core/ids.ts";
import { type KeyGroupRange, keyGroupsOfSubtask } from "../../core/key-group.ts";
import type { PreparedPart, RestoredSink } from "../../core/sink.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";
import { positionIn, preparedIn, restsOf, type SourcePosition } from "../checkpoints/manifest-parts.ts";
import { decideUpgrade, type OperatorUpgrade, stateKey, type Upgrade } from "../checkpoints/upgrade.ts";
import type { SubtaskPlacement } from "../graph/execution-graph.ts";
import type { JobVertex } from "../graph/job-graph.ts";
import type { SlotDeployment, SlotRestore } from "../protocol.ts";
import { type OpenCheckpoint, openCheckpoint, readOperator, readPassing } from "../state/checkpoint-reader.ts";
import { type CheckpointReads, checkpointNumber } from "../state/checkpoint-store.ts";
import { readOutputBlock } from "../state/output-block.ts";
import { plainValue } from "../state/plain-bytes.ts";
import type { SlotState } from "../state/slot-state.ts";
import { dealtRest } from "./operator-rest.ts";
import type { OperatorSnapshot, RestoredState } from "./operator-snapshot.ts";
import { restoreInFlight } from "./restore-in-flight.ts";
import { TimerQueue } from "./timer-queue.ts";

export type RestoredSubtasks = ReadonlyMap<SubtaskPlacement, ReadonlyMap<OperatorId, OperatorSnapshot>>;

/** @throws STATE_CORRUPT, CHECKPOINT_FORMAT, CHECKPOINT_STORE */
export async function restoreSlot(
  deployment: SlotDeployment,
  { opened, upgrade }: RestoredFrom,
  store: CheckpointReads,
  state: SlotState,
): Promise<RestoredSubtasks> {
  const subtasks = new Map<SubtaskPlacement, ReadonlyMap<OperatorId, OperatorSnapshot>>();
  for (const placement of deployment.executionGraph.subtasks) {
    if (placement.slot !== deployment.slot) continue;
    const vertex = deployment.jobGraph.vertices.find(({ id }) => id === placement.vertex) as JobVertex;
    const edges = deployment.jobGraph.edges.filter(({ to }) => to === vertex.id);
    const operators = new Map<OperatorId, OperatorSnapshot>();
    for (const { id } of vertex.operators) {
      const share = {
        ...{ operator: id, subtask: placement.subtask, parallelism: vertex.parallelism },
        upgrade: upgrade.of(id),
        keyed: edges.length > 0 && edges.every(({ partitioning }) => partitioning === "hash"),
      };
      operators.set(id, await restoreOperatorOf(share, deployment, opened, store, state));
    }
    subtasks.set(placement, operators);
  }
  return subtasks;
}

/** A checkpoint, and what of it becomes what. */
export interface RestoredFrom {
  readonly opened: OpenCheckpoint;
  readonly upgrade: Upgrade;
}

/** @throws what reading fails with */
export async function openRestored(
  { jobGraph }: Pick<SlotDeployment, "jobGraph">,
  { checkpoint, upgrade }: SlotRestore,
  store: CheckpointReads,
): Promise<RestoredFrom> {
  const opened = await openCheckpoint(store, checkpoint);
  // That nothing is refused, and whose it is, was looked at before anything was started.
  return { opened, upgrade: decideUpgrade(opened, jobGraph, { ...upgrade, otherJob: true }) };
}

/** Where a source goes on; undefined: it begins. */
export function restoredPosition({ opened, upgrade }: RestoredFrom, source: VertexId): SourcePosition | undefined {
  // A source is the first operator of its vertex, which has its name.
  const from = upgrade.of(source as unknown as OperatorId);
  const { was } = from;
  if (was === undefined || from.isDropped("position", "position")) return undefined;
  return positionIn(opened.manifest, was as VertexId);
}

interface Share {
  readonly operator: OperatorId;
  readonly subtask: number;
  readonly parallelism: number;
  readonly upgrade: OperatorUpgrade;
  /** Its input comes by key. */
  readonly keyed: boolean;
}

async function restoreOperatorOf(
  share: Share,
  deployment: SlotDeployment,
  opened: OpenCheckpoint,
  store: CheckpointReads,
  state: SlotState,
): Promise<OperatorSnapshot> {
  const { subtask, parallelism, upgrade, keyed } = share;
  const rests = upgrade.was === undefined ? [] : restsOf(opened.manifest, upgrade.was as OperatorId);
  const rest = dealtRest(rests, subtask, parallelism, keyed ? deployment.jobGraph.keyGroups : undefined);
  const lists = rest.lists.filter(({ name }) => !upgrade.isDropped("list of the operator", name));
  return {
    watermark: rests.length === 0 ? Number.NEGATIVE_INFINITY : rest.watermark,
    keyed: undefined,
    timers: undefined,
    lists: new Map(lists.map(({ name, mode, elements }) => [name, { mode, elements }])),
    sink: restoredSink(opened, upgrade, store),
    live: await restoreState(share, deployment, opened, store, state),
    inFlight: await restoreInFlightOf(share, opened, store),
    keys: upgrade.keys,
  };
}

function restoredSink(opened: OpenCheckpoint, upgrade: OperatorUpgrade, store: CheckpointReads): RestoredSink {
  const { name, manifest } = opened;
  const { was } = upgrade;
  const left = was === undefined || upgrade.isDropped("prepared output", "prepared output");
  const prepared = left ? [] : preparedIn(manifest, was as OperatorId);
  const parts = prepared.flatMap((bytes) => plainValue(bytes) as readonly PreparedPart[]);
  return {
    checkpoint: checkpointNumber(name),
    parts: parts.toSorted((a, b) => a.checkpoint - b.checkpoint),
    retained: (part) => ({ [Symbol.asyncIterator]: () => retainedPieces(opened, was ?? "", part, store) }),
  };
}

/** Read when it is needed, which is after an outage: then the sink opens, and the store answers still. */
async function* retainedPieces(
  opened: OpenCheckpoint,
  was: string,
  name: string,
  store: CheckpointReads,
): AsyncGenerator<Uint8Array> {
  const all = { first: 0, last: opened.manifest.keyGroups - 1 };
  for await (const { block, where } of readPassing(store, opened, was, all, { section: "output", name }))
    yield* readOutputBlock(block, where, was);
}

async function restoreInFlightOf(
  share: Share,
  opened: OpenCheckpoint,
  store: CheckpointReads,
): Promise<OperatorSnapshot["inFlight"] & {}> {
  const { was } = share.upgrade;
  if (was === undefined || share.upgrade.isDropped("inFlight", "")) return [];
  return await restoreInFlight({ ...share, was }, opened, store);
}

async function restoreState(
  { operator, subtask, parallelism, upgrade }: Share,
  { jobGraph, freeze }: SlotDeployment,
  opened: OpenCheckpoint,
  store: CheckpointReads,
  state: SlotState,
): Promise<RestoredState> {
  const clock: RestoredState["clock"] = { now: () => Number.NEGATIVE_INFINITY };
  const keyGroups: KeyGroupRange = keyGroupsOfSubtask(subtask, jobGraph.keyGroups, parallelism);
  const common = { operator, keyGroups, keyGroupCount: jobGraph.keyGroups };
  let backend: KeyedStateBackend | undefined;
  let timers: TimerQueue | undefined;
  const { was, conversions } = upgrade;
  if (was === undefined) return { backend, timers, clock };
  for await (const { block, header, where } of readOperator(store, opened, was, keyGroups)) {
    const { section } = header.shape;
    if (upgrade.isDropped(section, header.name)) continue;
    if (section === "timers") {
      timers ??= new TimerQueue(common);
      timers.restoreBlock(block, where);
    } else {
      backend ??= state.createBackend({ ...common, freezeValues: freeze, clock: (domain) => clock.now(domain) });
      backend.restoreBlock(block, where, conversions.get(stateKey(section, header.name)));
      // What does not fit into memory is on its way to the disk, which may be slower than what it is read from.
      const { overdue } = state;
      if (overdue !== undefined) await overdue;
    }
  }
  timers?.restored(undefined);
  return { backend, timers, clock };
}
