/**
 * The execution graph: every vertex as parallel subtasks, placed on slots, and every edge as channels between them.
 *
 * Placement: each sharing group of vertices (`regions.ts`) has slots of its own, as many as its largest vertex has
 * subtasks. Edges of a batch that block, and those of its other stages, have no channels. In a group, a slot holds at most
 * one subtask of each vertex, and a forward edge stays in its slot: vertices that such edges connect go to the same slots.
 * (Between groups it connects slots one to one.) Those with as many subtasks as there are slots have subtask i on the i-th
 * slot; smaller ones go to the slots with the least work.
 */

import type { OperatorId, VertexId } from "../../core/ids.ts";
import type { JobEdge, JobGraph, JobVertex } from "./job-graph.ts";
import { type SharingGroup, sharingGroups } from "./regions.ts";

export interface ExecutionGraph {
  readonly slots: number;
  readonly subtasks: readonly SubtaskPlacement[];
  readonly channels: readonly ChannelPlacement[];
}

export interface SubtaskPlacement {
  readonly vertex: VertexId;
  readonly subtask: number;
  readonly slot: number;
}

export interface ChannelPlacement {
  readonly index: number;
  readonly edge: number;
  readonly fromSubtask: number;
  readonly toSubtask: number;
  readonly fromSlot: number;
  readonly toSlot: number;
}

export function createExecutionGraph(graph: JobGraph): ExecutionGraph {
  const { slots, subtasks } = placeSubtasks(graph);
  const slotOf = (vertex: VertexId, subtask: number): number =>
    (subtasks.find((placed) => placed.vertex === vertex && placed.subtask === subtask) as SubtaskPlacement).slot;
  const channels: ChannelPlacement[] = [];
  for (const edge of graph.edges) {
    if (edge.blocking === true || !graph.vertices.some(({ id }) => id === edge.from)) continue;
    for (const [fromSubtask, toSubtask] of channelPairs(edge, graph)) {
      channels.push({
        index: channels.length,
        edge: edge.index,
        fromSubtask,
        toSubtask,
        fromSlot: slotOf(edge.from, fromSubtask),
        toSlot: slotOf(edge.to, toSubtask),
      });
    }
  }
  return { slots, subtasks, channels };
}

/** Which slot has which subtask of an operator; -1: none. */
export function slotsOf(
  { vertices }: Pick<JobGraph, "vertices">,
  { subtasks }: Pick<ExecutionGraph, "subtasks">,
  operator: OperatorId,
): (subtask: number) => number {
  const vertex = vertices.find(({ operators }) => operators.some(({ id }) => id === operator))?.id;
  return (subtask) => subtasks.find((each) => each.vertex === vertex && each.subtask === subtask)?.slot ?? -1;
}

function placeSubtasks(graph: JobGraph): Pick<ExecutionGraph, "slots" | "subtasks"> {
  const slotsOf = new Map<VertexId, readonly number[]>();
  let slots = 0;
  for (const group of sharingGroups(graph)) {
    for (const [vertex, chosen] of placeGroup(group, graph)) {
      slotsOf.set(
        vertex,
        chosen.map((slot) => slots + slot),
      );
    }
    slots += slotsOfGroup(group);
  }
  const subtasks = graph.vertices.flatMap((vertex) =>
    (slotsOf.get(vertex.id) as readonly number[]).map((slot, subtask) => ({ vertex: vertex.id, subtask, slot })),
  );
  return { slots, subtasks };
}

function slotsOfGroup({ vertices }: SharingGroup): number {
  return Math.max(...vertices.map((vertex) => vertex.parallelism));
}

/** For each vertex of the group the slots of its subtasks, counted from the group's first. */
function placeGroup(group: SharingGroup, graph: JobGraph): ReadonlyMap<VertexId, readonly number[]> {
  const load = new Array<number>(slotsOfGroup(group)).fill(0);
  const slotsOf = new Map<VertexId, readonly number[]>();
  for (const vertex of group.vertices) {
    const together = slotsOf.get(vertex.id);
    const chosen = together ?? leastLoaded(load, vertex.parallelism);
    if (together === undefined) for (const id of connectedByForward(vertex.id, group, graph)) slotsOf.set(id, chosen);
    for (const slot of chosen) load[slot] = (load[slot] as number) + 1 / vertex.parallelism;
  }
  return slotsOf;
}

function leastLoaded(load: readonly number[], count: number): readonly number[] {
  const all = load.map((_, slot) => slot);
  if (count === all.length) return all;
  return all.sort((a, b) => (load[a] as number) - (load[b] as number) || a - b).slice(0, count);
}

/** The vertex and all of its group that forward edges connect it to, in either direction. */
function connectedByForward(vertex: VertexId, group: SharingGroup, graph: JobGraph): ReadonlySet<VertexId> {
  const members = new Set(group.vertices.map(({ id }) => id));
  const connected = new Set([vertex]);
  // A set is walked over with what is added on the way.
  for (const id of connected) {
    for (const { partitioning, from, to } of graph.edges) {
      if (partitioning !== "forward" || !members.has(from) || !members.has(to)) continue;
      if (from === id) connected.add(to);
      if (to === id) connected.add(from);
    }
  }
  return connected;
}

/** Which subtasks an edge connects: [producer, consumer] pairs. */
function channelPairs(edge: JobEdge, graph: JobGraph): [number, number][] {
  const producers = parallelismOf(edge.from, graph);
  const consumers = parallelismOf(edge.to, graph);
  const pairs: [number, number][] = [];
  for (let from = 0; from < producers; from++) {
    for (let to = 0; to < consumers; to++) if (connects(edge, from, to, producers, consumers)) pairs.push([from, to]);
  }
  return pairs;
}

function connects(edge: JobEdge, from: number, to: number, producers: number, consumers: number): boolean {
  switch (edge.partitioning) {
    case "forward":
      return from === to;
    case "global":
      return to === 0;
    case "rescale":
      return producers >= consumers
        ? Math.floor((from * consumers) / producers) === to
        : Math.floor((to * producers) / consumers) === from;
    default:
      return true;
  }
}

function parallelismOf(vertex: VertexId, graph: JobGraph): number {
  return (graph.vertices.find((candidate) => candidate.id === vertex) as JobVertex).parallelism;
}
