/** The snapshots of an operator's subtasks as one subtask of another parallelism is restored from them. */

import type { StateSnapshot } from "../../core/state-backend.ts";
import type { OperatorSnapshot } from "../task/operator-snapshot.ts";

/**
 * Keyed state and timers whole, as a subtask takes the key groups that are its own; "split" lists dealt out in turn,
 * "replicated" ones whole; the least of the watermarks.
 */
export function mergeSnapshots(
  parts: readonly OperatorSnapshot[],
  subtask: number,
  parallelism: number,
): OperatorSnapshot {
  const lists = new Map<string, OperatorSnapshot["lists"] extends ReadonlyMap<string, infer List> ? List : never>();
  for (const part of parts) {
    for (const [name, { mode, elements }] of part.lists) {
      lists.set(name, { mode, elements: [...(lists.get(name)?.elements ?? []), ...elements] });
    }
  }
  for (const [name, { mode, elements }] of lists) {
    if (mode === "split") lists.set(name, { mode, elements: elements.filter((_, i) => i % parallelism === subtask) });
  }
  return {
    watermark: Math.min(...parts.map((part) => part.watermark)),
    keyed: united(parts.map((part) => part.keyed)),
    timers: united(parts.map((part) => part.timers)),
    lists,
  };
}

function united(parts: readonly (StateSnapshot | undefined)[]): StateSnapshot | undefined {
  const groups = new Map<number, readonly Uint8Array[]>();
  for (const part of parts) {
    for (const [group, blocks] of part ?? []) groups.set(group, [...(groups.get(group) ?? []), ...blocks]);
  }
  return groups.size === 0 ? undefined : groups;
}
