/**
 * Which streams are changelogs, as far as the graph tells, and which sinks may take them.
 *
 * The law: what only appends gets no changelog, unless the program says that the changes themselves are what it wants. A
 * reader of the output could not tell rows that were replaced from those that stand. What a function makes of changes
 * are records of the program's own.
 */

import { MillraceError } from "./errors.ts";
import type { OperatorId } from "./ids.ts";
import type { OperatorSpec, StreamNode } from "./node.ts";

/** Whether the operator's main output is a changelog. */
function emitsChanges(spec: OperatorSpec): boolean {
  switch (spec.kind) {
    case "aggregate":
    case "topN":
      return spec.emit === "changes";
    case "deduplicate":
      return spec.keep === "last";
    case "changelog":
    case "regularJoin":
      return true;
    default:
      return false;
  }
}

/** The operator whose changelog comes to a node, through what lets records pass as they are; undefined: none does. */
function changelogBefore(node: StreamNode, byId: ReadonlyMap<OperatorId, StreamNode>): OperatorId | undefined {
  for (const { from, side } of node.inputs) {
    const origin = byId.get(from);
    if (origin === undefined || side !== undefined) continue;
    if (emitsChanges(origin.spec)) return origin.id;
    const passes = origin.spec.kind === "filter" || origin.spec.kind === "timestamps";
    const before = passes ? changelogBefore(origin, byId) : undefined;
    if (before !== undefined) return before;
  }
  return undefined;
}

/** REQUIRES: an acyclic graph. @throws APPEND_ONLY_SINK */
export function checkSinksOfChangelogs(byId: ReadonlyMap<OperatorId, StreamNode>): void {
  for (const node of byId.values()) {
    const { spec } = node;
    if (spec.kind !== "sink" || spec.sink.appendOnly !== true || spec.changesAsRecords === true) continue;
    const changelog = changelogBefore(node, byId);
    if (changelog !== undefined) throw refused(changelog, spec.sink.name, node.id);
  }
}

function refused(changelog: OperatorId, sink: string, operator: OperatorId): MillraceError {
  return new MillraceError(
    "APPEND_ONLY_SINK",
    `"${changelog}" gives a changelog, and the sink "${sink}" would only append it, rows that were replaced among those that stand; use a sink that keeps a table (toJsonlTable, collectTable, toKafkaUpserts), or .to(sink, { changesAsRecords: true }) if the changes themselves are wanted`,
    { operator },
  );
}
