/** What an operator keeps beside keyed state and timers: its watermark, by which it judges lateness, and operator state. */

import { keyGroupsOfSubtask } from "../../core/key-group.ts";
import type { OperatorStateMode } from "../../core/operator.ts";
import { plainBytes, plainValue } from "../state/plain-bytes.ts";
import { intersects } from "../state/state-block.ts";

export interface OperatorRest {
  readonly watermark: number;
  readonly lists: readonly OperatorList[];
}

interface OperatorList {
  readonly name: string;
  readonly mode: OperatorStateMode;
  readonly elements: readonly unknown[];
}

export function restBytes(rest: OperatorRest): Uint8Array {
  return plainBytes(rest);
}

/**
 * What one subtask gets of what all former ones kept: lists dealt out in turn ("split") or whole ("replicated"), and the
 * least of the watermarks of those whose keys and splits it may get: any of them, or, where its input comes by key, those
 * that had some of its key groups. `parts`: by their subtasks; `keyGroups`: how many there are, where it comes by key.
 */
export function dealtRest(
  parts: readonly Uint8Array[],
  subtask: number,
  parallelism: number,
  keyGroups?: number | undefined,
): OperatorRest {
  const rests = parts.map((part) => plainValue(part) as OperatorRest); // of `restBytes`
  const lists = new Map<string, OperatorList>();
  for (const list of rests.flatMap((rest) => rest.lists)) {
    const elements = [...(lists.get(list.name)?.elements ?? []), ...list.elements];
    lists.set(list.name, { ...list, elements });
  }
  const former = rests.filter((_, at) => {
    if (keyGroups === undefined) return true;
    const own = keyGroupsOfSubtask(subtask, keyGroups, parallelism);
    return intersects(keyGroupsOfSubtask(at, keyGroups, parts.length), own);
  });
  return {
    watermark: former.reduce((least, { watermark }) => Math.min(least, watermark), Number.POSITIVE_INFINITY),
    lists: [...lists.values()].map((list) => {
      const dealt = list.elements.filter((_, at) => list.mode === "replicated" || at % parallelism === subtask);
      return { ...list, elements: dealt };
    }),
  };
}
