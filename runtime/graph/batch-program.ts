/**
 * Which programs can be executed as a batch: those whose sources end, and whose keyed operators need no more than all
 * records of a key, in order of their times, and then the end of time.
 */

import { MillraceError } from "../../core/errors.ts";
import type { OperatorSpec, StreamNode } from "../../core/node.ts";
import type { StreamGraph } from "../../core/stream-graph.ts";

/** Keyed operators of which a key's result follows from its own records alone. */
const byKey: ReadonlySet<OperatorSpec["kind"]> = new Set([
  ...(["reduce", "aggregate", "window", "generalWindow", "process", "coProcess"] as const),
  ...(["deduplicate", "topN", "changelog", "pattern"] as const),
  ...(["intervalJoin", "windowJoin", "innerJoin", "temporalJoin"] as const),
]);

/** Operators without state of keys: a record goes in, and what it makes comes out. */
const byRecord: ReadonlySet<OperatorSpec["kind"]> = new Set([
  ...(["source", "map", "filter", "flatMap", "timestamps", "mapBatches", "asyncMap", "lookupJoin", "sink"] as const),
]);

/**
 * Whether an operator that takes whole keys gives the same where they come in any order, and keeps no more than some numbers of
 * each: then records need not be sorted if that fits into memory.
 */
export function aggregatesByHash(node: StreamNode): boolean {
  const { spec } = node;
  if (spec.kind !== "aggregate" && spec.kind !== "window") return false;
  return takesWholeKeys(node) && spec.aggregate.columns !== undefined;
}

/** About how many bytes all records of the program's sources are; undefined: of some it is not known. */
export function inputBytes(graph: StreamGraph, workingDirectory: string): number | undefined {
  let sum = 0;
  for (const { spec } of graph.nodes) {
    if (spec.kind !== "source") continue;
    const bytes = spec.source.sizeBytes?.(workingDirectory);
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

/** Whether an operator takes all records of a key together. */
export function takesWholeKeys({ spec, inputs }: StreamNode): boolean {
  return (
    (byKey.has(spec.kind) || (spec.kind === "custom" && spec.keyed)) &&
    inputs.every(({ partitioning }) => partitioning.kind === "hash")
  );
}

/** @throws NOT_BATCH, which says what is in the way and what to do. */
export function checkBatch(graph: StreamGraph): void {
  for (const node of graph.nodes) {
    const reason = refusal(node);
    if (reason === undefined) continue;
    const message = `job "${graph.jobName}" cannot be executed as a batch: ${reason}. Or execute it as "streaming"`;
    throw new MillraceError("NOT_BATCH", message, { operator: node.id });
  }
}

function refusal(node: StreamNode): string | undefined {
  const { id, spec } = node;
  if (spec.kind === "source" && !spec.source.bounded)
    return `the source "${id}" has no end, so that no stage behind it would begin; bound it`;
  if (processingTime(spec))
    return `"${id}" goes by processing time, which says nothing of records that are all there; go by event time`;
  if (takesWholeKeys(node) || byRecord.has(spec.kind)) return undefined;
  if ((spec.kind === "process" && spec.key === undefined) || (spec.kind === "custom" && !spec.keyed)) return undefined;
  return `"${id}" (${spec.kind}) has no form for it; take a window, an aggregate, a process function or an inner join in its place`;
}

function processingTime(spec: OperatorSpec): boolean {
  if (spec.kind === "pattern") return spec.time === "processing";
  if (spec.kind === "generalWindow" || spec.kind === "windowJoin")
    return "time" in spec.window && spec.window.time === "processing";
  return false;
}
