/**
 * Which streams are changelogs, as far as the graph tells, and what may read them.
 *
 * The law: what takes its records for rows that stand gets no changelog, in which some say that a row is gone. A sink that
 * only appends would write rows that were replaced among those that stand, unless the program says that the changes
 * themselves are what it wants; an aggregate would count them. What reads changes as such (`aggregateChanges`,
 * `topNChanges`, `joinChanges`) needs to be told of every row that goes, unless it can tell rows apart by itself. What a
 * function makes of changes are records of the program's own.
 */

import { MillraceError } from "./errors.ts";
import type { OperatorId } from "./ids.ts";
import type { EdgeSpec, OperatorSpec, StreamNode } from "./node.ts";

/** A changelog with all of its changes, or without rows as they were before an update. */
interface Changelog {
  readonly operator: OperatorId;
  readonly emits: "changes" | "upserts";
}

/** What the operator's main output is, if it is a changelog. */
function emittedBy(spec: OperatorSpec): Changelog["emits"] | undefined {
  switch (spec.kind) {
    case "aggregate":
      return spec.emit === "changes" ? "changes" : undefined;
    case "topN":
      return spec.emit === "watermark" ? undefined : spec.emit;
    case "deduplicate":
      return spec.keep === "last" ? spec.emit : undefined;
    case "aggregateChanges":
    case "topNChanges":
      return spec.emit;
    case "changelog":
    case "regularJoin":
      return "changes";
    default:
      return undefined;
  }
}

/** Operators that take their records for rows that stand. What functions make of changes is theirs to say. */
const rowReaders: ReadonlySet<OperatorSpec["kind"]> = new Set([
  ...(["aggregate", "topN", "deduplicate", "changelog", "pattern", "window", "generalWindow"] as const),
  ...(["windowJoin", "intervalJoin", "innerJoin", "temporalJoin"] as const),
]);

/** The changelog that comes by an edge, through what lets records pass as they are; undefined: none does. */
function changelogOf({ from, side }: EdgeSpec, byId: ReadonlyMap<OperatorId, StreamNode>): Changelog | undefined {
  const origin = byId.get(from);
  if (origin === undefined || side !== undefined) return undefined;
  const emits = emittedBy(origin.spec);
  if (emits !== undefined) return { operator: origin.id, emits };
  const passes = origin.spec.kind === "filter" || origin.spec.kind === "timestamps";
  return passes ? firstOf(origin.inputs, byId) : undefined;
}

function firstOf(edges: readonly EdgeSpec[], byId: ReadonlyMap<OperatorId, StreamNode>): Changelog | undefined {
  for (const edge of edges) {
    const changelog = changelogOf(edge, byId);
    if (changelog !== undefined) return changelog;
  }
  return undefined;
}

/** REQUIRES: an acyclic graph. @throws APPEND_ONLY_SINK, CHANGELOG_INPUT */
export function checkReadersOfChangelogs(byId: ReadonlyMap<OperatorId, StreamNode>): void {
  for (const node of byId.values())
    for (const edge of node.inputs) {
      const changelog = changelogOf(edge, byId);
      if (changelog !== undefined) checkReader(node, edge, changelog);
    }
}

function checkReader({ id, spec }: StreamNode, { port }: EdgeSpec, { operator, emits }: Changelog): void {
  if (spec.kind === "sink") {
    if (spec.sink.appendOnly === true && spec.changesAsRecords !== true) throw appended(operator, spec.sink.name, id);
    return;
  }
  // The second input of a temporal join are versions of rows, of which the last one of a time counts: changes say the same.
  const isVersions = spec.kind === "temporalJoin" && port === 2;
  const ofRows = rowReaders.has(spec.kind) || (spec.kind === "regularJoin" && !spec.ofChanges);
  if (ofRows && !isVersions) throw takenForRows(operator, spec.kind, id);
  if (emits === "upserts" && needsRowsBefore(spec, port)) throw withoutRowsBefore(operator, id);
}

/** Whether a row that is replaced has to be taken out by a change of its own. */
function needsRowsBefore(spec: OperatorSpec, port: EdgeSpec["port"]): boolean {
  if (spec.kind === "regularJoin") return (port === 2 ? spec.rightRow : spec.leftRow) === undefined;
  return spec.kind === "aggregateChanges" || (spec.kind === "topNChanges" && spec.id === undefined);
}

function appended(changelog: OperatorId, sink: string, operator: OperatorId): MillraceError {
  return new MillraceError(
    "APPEND_ONLY_SINK",
    `"${changelog}" gives a changelog, and the sink "${sink}" would only append it, rows that were replaced among those that stand; use a sink that keeps a table (toJsonlTable, collectTable, toKafkaUpserts), or .to(sink, { changesAsRecords: true }) if the changes themselves are wanted`,
    { operator },
  );
}

function takenForRows(changelog: OperatorId, kind: OperatorSpec["kind"], operator: OperatorId): MillraceError {
  return new MillraceError(
    "CHANGELOG_INPUT",
    `"${changelog}" gives a changelog, and "${operator}" (${kind}) takes each record for a row that stands, so that rows that were replaced or deleted would count; use aggregateChanges, topNChanges or joinChanges, or make records of the changes by map if they themselves are wanted`,
    { operator },
  );
}

function withoutRowsBefore(changelog: OperatorId, operator: OperatorId): MillraceError {
  return new MillraceError(
    "CHANGELOG_INPUT",
    `"${changelog}" gives upserts, and "${operator}" has to be told of rows that are replaced; let "${changelog}" emit "changes", or say what tells rows apart (id of topNChanges, leftRow and rightRow of joinChanges)`,
    { operator },
  );
}
