/**
 * From what the slots of a region say of a checkpoint to its manifest, and from a manifest to what slots go on from.
 *
 *   operators[].rest    what each subtask keeps beside its blocks, in the order of subtasks
 *   positions[vertex]   of a source: the cut of its enumerator, and the splits that its readers had begun
 *   markers[operator]   of a two-phase sink: for each subtask its list of parts that were prepared and not committed
 *
 * All of it is bytes of `plain-bytes.ts`; those of positions and markers hold the values that the readers below return.
 */

import type { OperatorId, VertexId } from "../../core/ids.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { SubtaskSnapshot } from "../protocol.ts";
import type { ChainLink, CheckpointManifest, Opaque, OperatorRecord } from "../state/checkpoint-manifest.ts";
import { joinedStates } from "../state/joined-states.ts";
import { plainBytes, plainValue } from "../state/plain-bytes.ts";

/** What one worker has written of an operator. */
export type WrittenBlocks = Pick<OperatorRecord, "operator" | "states" | "blocks">;

/** What one worker has written, and the stores that have it. */
export interface HeldBlocks {
  readonly written: readonly WrittenBlocks[];
  readonly holders?: readonly string[];
}

export interface SourcePosition {
  /** What the dealer of its splits goes on from. */
  readonly enumerator: Uint8Array;
  /** `{ split, position }` of each split that was being read. */
  readonly current: readonly Uint8Array[];
}

export interface ManifestParts {
  readonly checkpoint: number;
  readonly lineage: string;
  readonly savepoint: boolean;
  readonly createdAtMs: number;
  readonly chain: readonly ChainLink[];
  readonly jobGraph: Pick<JobGraph, "vertices" | "keyGroups">;
  readonly written: readonly WrittenBlocks[];
  /** The stores that have what each worker has written; undefined: everyone reaches the same store. */
  readonly holders?: CheckpointManifest["holders"] | undefined;
  /** Of every subtask the last snapshot. */
  readonly subtasks: readonly SubtaskSnapshot[];
  /** The cut of every source's enumerator. */
  readonly cuts: ReadonlyMap<VertexId, Uint8Array>;
}

export function manifestOf(parts: ManifestParts): CheckpointManifest {
  const { checkpoint, lineage, savepoint, createdAtMs, chain, jobGraph, cuts } = parts;
  const subtasks = parts.subtasks.toSorted((a, b) => a.subtask - b.subtask);
  return {
    checkpoint,
    lineage,
    savepoint,
    createdAtMs,
    keyGroups: jobGraph.keyGroups,
    chain,
    operators: operatorRecords({ ...parts, subtasks }),
    ...(parts.holders === undefined ? {} : { holders: parts.holders }),
    positions: Object.fromEntries(
      [...cuts].map(([source, cut]) => [source, opaque(positionOf(source, cut, subtasks))]),
    ),
    markers: markersOf(subtasks),
  };
}

/** Several regions' manifests of the same checkpoint as one. REQUIRES: at least one; none builds on others. */
export function joinManifests(manifests: readonly CheckpointManifest[]): CheckpointManifest {
  return {
    ...(manifests[0] as CheckpointManifest),
    operators: manifests.flatMap(({ operators }) => operators),
    positions: Object.assign({}, ...manifests.map(({ positions }) => positions)),
    markers: Object.assign({}, ...manifests.map(({ markers }) => markers)),
  };
}

/** What each former subtask of an operator kept beside its blocks. */
export function restsOf(manifest: CheckpointManifest, operator: OperatorId): readonly Uint8Array[] {
  const records = manifest.operators.filter((record) => record.operator === operator);
  return records.flatMap(({ rest }) => rest.map(bytesOf));
}

/** What a source goes on from; undefined when the checkpoint knows nothing of it. */
export function positionIn(manifest: CheckpointManifest, source: VertexId): SourcePosition | undefined {
  const position = manifest.positions[source];
  return position === undefined ? undefined : (plainValue(bytesOf(position)) as SourcePosition); // written by `manifestOf`
}

/** The lists of prepared parts of a sink's former subtasks. */
export function preparedIn(manifest: CheckpointManifest, operator: OperatorId): readonly Uint8Array[] {
  const marker = manifest.markers[operator];
  return marker === undefined ? [] : (plainValue(bytesOf(marker)) as readonly Uint8Array[]); // written by `manifestOf`
}

function operatorRecords({ jobGraph, written, subtasks }: ManifestParts): readonly OperatorRecord[] {
  const rests = Map.groupBy(
    subtasks.flatMap(({ operators }) => operators),
    ({ operator }) => operator,
  );
  const blocks = Map.groupBy(written, ({ operator }) => operator);
  return jobGraph.vertices.flatMap(({ operators, parallelism }) =>
    operators.flatMap(({ id, declared }) => {
      const rest = rests.get(id)?.map((each) => opaque(each.rest)) ?? [];
      const own = blocks.get(id) ?? [];
      if (rest.length + own.length === 0) return [];
      return [{ operator: id, parallelism, ...(declared === undefined ? {} : { declared }), ...joined(own), rest }];
    }),
  );
}

/** What workers have written of one operator. */
function joined(written: readonly WrittenBlocks[]): Pick<OperatorRecord, "states" | "blocks"> {
  return {
    states: joinedStates(written.flatMap(({ states }) => states)),
    blocks: written.flatMap(({ blocks }) => blocks),
  };
}

function positionOf(source: VertexId, enumerator: Uint8Array, subtasks: readonly SubtaskSnapshot[]): Uint8Array {
  const readers = subtasks.filter(({ vertex }) => vertex === source);
  const current = readers.flatMap((reader) => reader.source?.current ?? []);
  return plainBytes({ enumerator, current } satisfies SourcePosition);
}

function markersOf(subtasks: readonly SubtaskSnapshot[]): Readonly<Record<string, Opaque>> {
  const commits = Map.groupBy(
    subtasks.flatMap((subtask) => subtask.commits),
    ({ operator }) => operator,
  );
  return Object.fromEntries(
    [...commits].map(([operator, parts]) => [operator, opaque(plainBytes(parts.map(({ prepared }) => prepared)))]),
  );
}

function opaque(bytes: Uint8Array): Opaque {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

function bytesOf(text: Opaque): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "base64"));
}

/** By writer, where all that it wrote is. */
export function holdersIn(
  acknowledgements: readonly HeldBlocks[],
): Readonly<Record<string, readonly string[]>> | undefined {
  const held = acknowledgements.flatMap(({ holders, written }) =>
    holders === undefined
      ? []
      : written.flatMap(({ blocks }) => blocks.map(({ worker }) => [worker, holders] as const)),
  );
  return held.length === 0 ? undefined : Object.fromEntries(held);
}
