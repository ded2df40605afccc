/**
 * Rows of `collectTo` sinks and restarts: those that came behind the barrier of the checkpoint from which a job goes on will
 * come again, so they are dropped. A sink's writers say at each barrier how many they have handed over.
 *
 * Whoever keeps the rows notes from which attempt and slot each lot of them came, in order. A barrier never cuts a lot.
 */

import type { OperatorId } from "../../core/ids.ts";
import { type CollectedMark, collectedMark } from "../../core/sink.ts";
import type { CheckpointManifest } from "../state/checkpoint-manifest.ts";
import { plainValue } from "../state/plain-bytes.ts";
import { preparedIn } from "./manifest-parts.ts";

/** Rows that came together. */
export interface RowsLot {
  readonly attempt: number;
  readonly slot: number;
  readonly rows: number;
}

/** What of a sink's rows a checkpoint holds. */
export interface HeldRows {
  readonly attempt: number;
  /** Of this attempt; slots that are not named had ended before, with all that they gave. */
  readonly bySlot: ReadonlyMap<number, number>;
}

/** Which lots stay; undefined: all that there are were before the checkpoint. */
export function keptLots<Lot extends RowsLot>(lots: readonly Lot[], held: HeldRows | undefined): readonly Lot[] {
  if (held === undefined) return lots;
  const seen = new Map<number, number>();
  return lots.filter(({ attempt, slot, rows }) => {
    if (attempt !== held.attempt) return attempt < held.attempt;
    const upTo = (seen.get(slot) ?? 0) + rows;
    seen.set(slot, upTo);
    return upTo <= (held.bySlot.get(slot) ?? Number.POSITIVE_INFINITY);
  });
}

/** What a checkpoint holds of the rows of a sink; undefined when none of its writers had more to say. */
export function heldRows(
  manifest: CheckpointManifest,
  sink: OperatorId,
  slotOf: (subtask: number) => number,
): HeldRows | undefined {
  const marks = preparedIn(manifest, sink).flatMap((bytes) => newestMark(bytes) ?? []);
  const attempt = Math.max(...marks.map((mark) => mark.attempt));
  if (marks.length === 0) return undefined;
  return { attempt, bySlot: new Map(marks.map((mark) => [slotOf(mark.subtask), mark.rows])) };
}

/** Whether sinks publish something when the checkpoint is complete: rows that are collected can be taken back. */
export function publishes(manifest: CheckpointManifest): boolean {
  return Object.keys(manifest.markers).some((sink) => publishesBy(manifest, sink as OperatorId));
}

/** Whether this sink does. */
export function publishesBy(manifest: CheckpointManifest, sink: OperatorId): boolean {
  return preparedIn(manifest, sink).some((bytes) =>
    partsOf(bytes).some(({ prepared }) => collectedMark(prepared) === undefined),
  );
}

function newestMark(bytes: Uint8Array): CollectedMark | undefined {
  return collectedMark(partsOf(bytes).toSorted((a, b) => b.checkpoint - a.checkpoint)[0]?.prepared);
}

/** What a slot has written as a list of `PreparedPart`. */
function partsOf(bytes: Uint8Array): readonly { readonly checkpoint: number; readonly prepared: unknown }[] {
  return plainValue(bytes) as readonly { readonly checkpoint: number; readonly prepared: unknown }[];
}
