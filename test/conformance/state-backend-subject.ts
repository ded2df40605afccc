/** What the parts of the state backend suite share: how to open the backend under test, and what to put into it. */

import { expect } from "vitest";
import type { Key } from "../../core/key.ts";
import { type KeyGroupRange, keyGroupsOfSubtask } from "../../core/key-group.ts";
import type { TimerDomain } from "../../core/operator.ts";
import { reducingState } from "../../core/state.ts";
import type { KeyedStateBackend, StateCapture, StateSnapshot } from "../../core/state-backend.ts";

/** Few, so that a key group soon has more rows than a block. */
export const KEY_GROUPS = 5;

export interface BackendOptions {
  readonly operator: string;
  readonly keyGroups: KeyGroupRange;
  readonly keyGroupCount: number;
  readonly clock?: (domain: TimerDomain) => number;
}

export type BackendFactory = (options: BackendOptions) => KeyedStateBackend;

export const sum = reducingState<number>((a, b) => a + b);

export const keysOfEveryKind: readonly Key[] = [
  0,
  1,
  -1,
  0.5,
  2 ** 31,
  2 ** 53,
  -1e300,
  Number.POSITIVE_INFINITY,
  "1",
  "",
  "n1",
  "s1",
  "\0n1",
  "naïve",
  "\ud800",
  "x".repeat(40),
  1n,
  -1n,
  2n ** 80n,
  true,
  false,
  new Date(1),
  [1],
  ["1"],
  [1, "1"],
  ["11"],
  [new Date(1), 1n, true],
]; // prettier-ignore

/** The backend of one subtask of several. */
export function open(factory: BackendFactory, subtask = 0, parallelism = 1): KeyedStateBackend {
  return factory({
    operator: "op",
    keyGroups: keyGroupsOfSubtask(subtask, KEY_GROUPS, parallelism),
    keyGroupCount: KEY_GROUPS,
  });
}

/** A subtask's backend with what the snapshots hold in its key groups. */
export function restored(
  factory: BackendFactory,
  snapshots: readonly StateSnapshot[],
  subtask = 0,
  parallelism = 1,
): KeyedStateBackend {
  const backend = open(factory, subtask, parallelism);
  for (const snapshot of snapshots) backend.restore(snapshot);
  return backend;
}

export function misuse(act: () => unknown): void {
  expect(act).toThrow(expect.objectContaining({ code: "STATE_MISUSE", operator: "op" }));
}

/** Drives a capture to its end, and changes a key behind each step, each of the keys once. */
export function drivenAmidChanges(
  capture: StateCapture,
  keys: number,
  change: (key: number) => void,
): { readonly blocks: readonly Uint8Array[]; readonly changed: ReadonlySet<number> } {
  const blocks: Uint8Array[] = [];
  const changed = new Set<number>();
  for (let step = 0; !capture.done; step++) {
    const block = capture.step();
    if (block !== undefined) blocks.push(block);
    const key = (step * 37) % keys;
    if (changed.has(key)) continue;
    changed.add(key);
    change(key);
  }
  return { blocks, changed };
}
