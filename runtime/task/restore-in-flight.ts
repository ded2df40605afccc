/**
 * From a checkpoint to what was in flight to an operator, and from that to the input that takes it in first.
 *
 * At the same parallelism a subtask gets what was on its own way. At another one it reads all that may be for it, and its
 * filters tell: by the key's group, as the partitioner in front of the operator does, or one subtask for each log.
 */

import type { OperatorId } from "../../core/ids.ts";
import { hashKey } from "../../core/key.ts";
import { keyGroupOf, keyGroupsOfSubtask, subtaskOfKeyGroup } from "../../core/key-group.ts";
import type { StreamNode } from "../../core/node.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";
import type { SubtaskPlacement } from "../graph/execution-graph.ts";
import type { JobGraph, JobVertex } from "../graph/job-graph.ts";
import { type OpenCheckpoint, readInFlight } from "../state/checkpoint-reader.ts";
import type { CheckpointReads } from "../state/checkpoint-store.ts";
import { type InFlightElement, inFlightName, readInFlightBlock } from "../state/in-flight-block.ts";
import type { Chain } from "./chain.ts";
import { everything, InFlightReplay, type ReplayTarget, type RestoredLog } from "./in-flight-replay.ts";
import type { OperatorSnapshot } from "./operator-snapshot.ts";
import { RestoredInput } from "./restored-input.ts";
import type { SubtaskGate } from "./subtask-gate.ts";
import type { SubtaskInput } from "./subtask-input.ts";

/** Whose share of what was in flight. */
export interface InFlightShare {
  /** The operator's name in the checkpoint. */
  readonly was: string;
  readonly subtask: number;
  readonly parallelism: number;
}

/** @throws STATE_CORRUPT, CHECKPOINT_STORE */
export async function restoreInFlight(
  { was, subtask, parallelism }: InFlightShare,
  opened: OpenCheckpoint,
  store: CheckpointReads,
): Promise<readonly RestoredLog[]> {
  const { operators, keyGroups } = opened.manifest;
  const before = operators.find(({ operator }) => operator === was)?.parallelism ?? parallelism;
  const logs = new Map<string, { name: ReturnType<typeof inFlightName>; elements: InFlightElement[] }>();
  const own = keyGroupsOfSubtask(subtask, keyGroups, parallelism);
  for await (const { block, header, where } of readInFlight(store, opened, was, own)) {
    const name = inFlightName(header.name, where, was);
    if (before === parallelism && name.subtask !== subtask) continue;
    const log = logs.get(header.name) ?? { name, elements: [] };
    logs.set(header.name, log);
    log.elements.push(...readInFlightBlock(block, where, was));
  }
  return [...logs.values()].map(({ name, elements }) => ({ ...name, parallelism: before, elements }));
}

export interface RestoredInFlight {
  readonly jobGraph: Pick<JobGraph, "keyGroups">;
  readonly graph: StreamGraph;
  readonly vertex: JobVertex;
  readonly placement: SubtaskPlacement;
  readonly chain: Chain;
  readonly gate: SubtaskGate;
  readonly operators: ReadonlyMap<OperatorId, OperatorSnapshot>;
}

/** The input, behind what was in flight to the operators of the chain. */
export function behindInFlight(restored: RestoredInFlight, input: SubtaskInput): SubtaskInput {
  const { jobGraph, graph, vertex, placement, chain, gate, operators } = restored;
  const { subtask } = placement;
  const replays = vertex.operators.toReversed().flatMap(({ id: operator }) => {
    const logs = operators.get(operator)?.inFlight ?? [];
    const node = graph.nodes.find(({ id }) => id === operator);
    if (logs.length === 0 || node === undefined) return [];
    const filter = filterOf(node, subtask, vertex.parallelism, jobGraph.keyGroups);
    const entry = chain.entryOf(operator);
    const target: ReplayTarget = {
      ...{ operator, gate, filter },
      pushOf: (input) => entry.pushOf(node.inputs[input]?.port),
      watermark: (timestamp) => entry.watermark(timestamp),
      batchEnd: () => chain.batchEnd(),
    };
    const about = inFlightAbout(node, subtask, vertex.parallelism, jobGraph.keyGroups);
    return [{ operator, subtask, about, replay: new InFlightReplay(logs, target) }];
  });
  return replays.length === 0 ? input : new RestoredInput(replays, input, gate);
}

/** The key groups of whoever may get what is in flight to the operator after a restart. */
export function inFlightAbout({ inputs }: StreamNode, subtask: number, parallelism: number, keyGroups: number) {
  const keyed = inputs.every(({ partitioning }) => partitioning.kind === "hash");
  return keyed ? keyGroupsOfSubtask(subtask, keyGroups, parallelism) : { first: 0, last: keyGroups - 1 };
}

function filterOf(node: StreamNode, subtask: number, parallelism: number, keyGroups: number): ReplayTarget["filter"] {
  const filters = node.inputs.map(({ partitioning }) => {
    if (partitioning.kind !== "hash") return undefined;
    const { select } = partitioning.key;
    return (value: unknown): boolean => {
      const group = keyGroupOf(hashKey(select(value), node.id), keyGroups);
      return subtaskOfKeyGroup(group, keyGroups, parallelism) === subtask;
    };
  });
  return (log, input) => {
    if (log.parallelism === parallelism) return everything;
    const filter = filters[input];
    if (filter !== undefined) return filter;
    return log.subtask % parallelism === subtask ? everything : undefined;
  };
}
