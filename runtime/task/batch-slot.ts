/**
 * What a slot of a batch has in place of channels: the runs that its subtasks write and read, and operators that take whole
 * keys.
 *
 *   <folder of a stage's attempt>/<edge>-<from>-<to>-<run>      a run; run in six digits, so that names sort
 *                                 merged-<vertex>-<subtask>-<n> one of many, made by their reader
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../core/assert.ts";
import type { VertexId } from "../../core/ids.ts";
import type { KeySelector } from "../../core/key.ts";
import { BATCH_RUN_BYTES } from "../../core/limits.ts";
import type { StreamNode } from "../../core/node.ts";
import type { Operator } from "../../core/operator.ts";
import type { Partitioning } from "../../core/partitioning.ts";
import { FinalAggregate } from "../../operators/final/final-aggregate.ts";
import { FinalChangelog } from "../../operators/final/final-changelog.ts";
import { FinalDeduplicate } from "../../operators/final/final-deduplicate.ts";
import { FinalReduce } from "../../operators/final/final-reduce.ts";
import { FinalTopN } from "../../operators/final/final-top-n.ts";
import { HashedAggregate } from "../../operators/final/hashed-aggregate.ts";
import type { OutputChannel } from "../exchange/channel.ts";
import { KeyOrder } from "../exchange/sorted/key-order.ts";
import type { Run } from "../exchange/sorted/merged-runs.ts";
import { SortedOutput } from "../exchange/sorted/sorted-output.ts";
import { takesWholeKeys } from "../graph/batch-program.ts";
import type { JobEdge, JobGraph } from "../graph/job-graph.ts";
import type { SlotBatch } from "../protocol.ts";
import type { Chain } from "./chain.ts";
import { KeyPortions, type PortionedParts } from "./key-portions.ts";
import { SortedInput } from "./sorted-input.ts";
import type { SubtaskGate } from "./subtask-gate.ts";

/** Makes operators by key; undefined: one is the same as of a stream. */
export function wholeKeysOperators({ edges }: JobGraph): (parts: PortionedParts) => Operator | undefined {
  const sorted = new Set(edges.filter(({ blocking }) => blocking === true).map(({ toOperator }) => toOperator));
  return (parts) => {
    const { node, host } = parts;
    if (!takesWholeKeys(node)) return undefined;
    if (sorted.has(node.id)) return sortedOperator(parts);
    return node.spec.kind === "aggregate" ? new HashedAggregate(node.spec, host) : undefined;
  };
}

/** The operator by key that a stage begins with. */
function sortedOperator(parts: PortionedParts): Operator | undefined {
  const { node, host } = parts;
  const { spec } = node;
  switch (spec.kind) {
    case "reduce":
      return new FinalReduce(spec, host);
    case "aggregate":
      return new FinalAggregate(spec, host);
    case "deduplicate":
      return new FinalDeduplicate(spec, host);
    case "changelog":
      return new FinalChangelog(spec, host);
    case "topN":
      return spec.emit === "watermark" ? new KeyPortions(parts) : new FinalTopN(spec, host);
    case "custom":
      // It has fields of its own, which one for each portion would forget.
      return undefined;
    default:
      return new KeyPortions(parts);
  }
}

export interface BlockedEdge {
  readonly edge: JobEdge;
  readonly subtask: number;
  /** By key. */
  readonly partitioning: Partitioning;
  readonly failure: (cause: unknown, value: unknown) => Error;
}

/** The outgoing side of an edge that blocks, one for each consumer. */
export function sortedOutputs(
  { writes, consumers: consumersOf }: SlotBatch,
  { edge, subtask, partitioning, failure }: BlockedEdge,
): OutputChannel[] {
  const consumers = consumersOf[edge.index] as number;
  return Array.from({ length: consumers }, (_, to) => {
    const pathOf = (run: number): string => join(writes, `${edge.index}-${subtask}-${to}-${padded(run)}`);
    const runBytes = BATCH_RUN_BYTES / consumers;
    const order = new KeyOrder(keyOf(partitioning), edge.toOperator);
    return new SortedOutput({ order, fields: edge.fields, pathOf, runBytes, failure });
  });
}

export interface SortedVertex {
  readonly jobGraph: JobGraph;
  readonly head: StreamNode;
  readonly vertex: VertexId;
  readonly subtask: number;
}

/** The input of a vertex whose edges block; undefined where they do not. */
export function sortedInput(
  { reads, writes }: SlotBatch,
  { jobGraph, head, vertex, subtask }: SortedVertex,
  chain: Chain,
  gate: SubtaskGate,
): SortedInput | undefined {
  const edges = jobGraph.edges.filter(({ to, blocking }) => to === vertex && blocking === true);
  if (edges.length === 0) return undefined;
  const runs = edges.flatMap((edge) => runsOf(edge, subtask, reads[edge.index] as string, head));
  const ports = new Map(edges.map(({ index, input }) => [index, head.inputs[input]?.port]));
  const mergedPath = (number: number): string =>
    join(writes, `merged-${jobGraph.vertices.findIndex(({ id }) => id === vertex)}-${subtask}-${number}`);
  return new SortedInput({ operator: head.id, runs, ports, mergedPath }, chain, gate);
}

function runsOf({ index, input }: JobEdge, subtask: number, folder: string, head: StreamNode): Run[] {
  const order = new KeyOrder(keyOf(head.inputs[input]?.partitioning), head.id);
  const mine = new RegExp(`^${index}-\\d+-${subtask}-\\d+$`);
  const names = readdirSync(folder).filter((name) => mine.test(name));
  const producer = (name: string): number => Number(name.split("-")[1]);
  const inOrder = names.sort((a, b) => producer(a) - producer(b) || (a < b ? -1 : 1));
  return inOrder.map((name) => ({ path: join(folder, name), edge: index, order }));
}

function keyOf(partitioning: Partitioning | undefined): KeySelector {
  assert(partitioning?.kind === "hash", "an edge that blocks is by key");
  return partitioning.key;
}

function padded(run: number): string {
  return String(run).padStart(6, "0");
}
