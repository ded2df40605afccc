/**
 * One subtask's part in a checkpoint: what was taken at the barrier, and what its slot and the control plane get of it.
 *
 * All of it is taken in one step, so that nothing comes between the state and what sinks prepare; what they wait for is
 * over when `snapshot` is asked for.
 */

import type { OperatorId } from "../../core/ids.ts";
import type { StateCapture } from "../../core/state-backend.ts";
import type { JobEnd, SourceSnapshot, SubtaskSnapshot } from "../protocol.ts";
import { plainBytes } from "../state/plain-bytes.ts";
import type { Chain } from "./chain.ts";
import type { OperatorCut } from "./operator-snapshot.ts";
import { RetainedCapture } from "./retained-capture.ts";
import type { Subtask } from "./subtask.ts";

export interface SubtaskCut {
  readonly checkpoint: number;
  readonly operators: readonly OperatorCut[];
  /** What gathers what was in flight. */
  readonly inFlight: readonly OperatorCapture[];
  readonly source: SourceSnapshot | undefined;
  /** What has come while its barriers were aligned. */
  readonly alignedBytes: number;
  readonly finished: boolean;
}

/** Whether checkpoints may be cut, as the slot has heard of them. */
export interface Checkpoints {
  /** "unknown": its message has not come yet; "over": it is complete or came to nothing, or a later one has begun. */
  stateOf(checkpoint: number): "unknown" | "begun" | "over";
  /** Somebody waits for one that begins from now on. */
  want(): void;
  /** Whether it has to be self-contained. REQUIRES: begun */
  isFull(checkpoint: number): boolean;
  /** How the job ends with it; undefined: it goes on. REQUIRES: begun */
  endsBy(checkpoint: number): JobEnd | undefined;
  /** The subtask has been cut, and what it waited for is over. */
  cut(subtask: Subtask, snapshot: OwnSnapshot, captures: readonly OperatorCapture[], checkpoint: number): void;
}

/** All but the subtask's name, which only its slot knows. */
export type OwnSnapshot = Omit<SubtaskSnapshot, "vertex" | "subtask">;

export interface OperatorCapture {
  readonly operator: OperatorId;
  /** `waits`: there is nothing to do for it at the moment. */
  readonly capture: StateCapture & { readonly waits?: boolean };
}

/** REQUIRES: what the barrier waited for is over. */
export function snapshotOf(cut: SubtaskCut, chain: Chain): OwnSnapshot {
  const commits = chain.hosts.flatMap((host) => {
    const parts = host.instance?.prepared?.() ?? [];
    return parts.length === 0 ? [] : [{ operator: host.operator as OperatorId, prepared: plainBytes(parts) }];
  });
  return {
    finished: cut.finished,
    operators: cut.operators.map(({ operator, rest }) => ({ operator: operator as OperatorId, rest })),
    ...(cut.source === undefined ? {} : { source: cut.source }),
    ...(cut.alignedBytes === 0 ? {} : { alignedBytes: cut.alignedBytes }),
    commits,
  };
}

/** REQUIRES: as `snapshotOf`. `wake`: what waits for its input has got some. */
export function capturesOf(cut: SubtaskCut, chain: Chain, wake: () => void): readonly OperatorCapture[] {
  const state = cut.operators.flatMap(({ operator, captures }) =>
    captures.map((capture) => ({ operator: operator as OperatorId, capture })),
  );
  return [...state, ...cut.inFlight, ...retainedIn(chain, cut.checkpoint, wake)];
}

function retainedIn({ hosts }: Chain, checkpoint: number, wake: () => void): readonly OperatorCapture[] {
  return hosts.flatMap(({ operator, keyGroupCount, instance }) => {
    const parts = instance?.retained?.() ?? [];
    return parts.map((part) => {
      const capture = new RetainedCapture(part, { checkpoint, operator, keyGroupCount, wake });
      return { operator: operator as OperatorId, capture };
    });
  });
}
