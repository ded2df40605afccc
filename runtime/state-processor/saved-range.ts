/** A range of an operator's key groups, restored from a checkpoint into a backend of its own. */

import { MillraceError } from "../../core/errors.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateDescriptor } from "../../core/state.ts";
import type { KeyedStateBackend, TableDescriptor } from "../../core/state-backend.ts";
import { type HeldState, stateKey } from "../checkpoints/held-state.ts";
import { type OpenCheckpoint, readOperator } from "../state/checkpoint-reader.ts";
import type { CheckpointReads } from "../state/checkpoint-store.ts";
import { type Convert, evolve } from "../state/evolve-type.ts";
import { createMemoryBackend } from "../state/memory-backend.ts";
import { rangesOf } from "../state/merge-checkpoint.ts";
import { TimerFold } from "../state/timer-rows.ts";

/** Bytes of blocks that are held as objects at a time, which take some times more. */
const RANGE_BYTES = 16 * 1024 * 1024;

export interface SavedOperator {
  readonly store: CheckpointReads;
  readonly opened: OpenCheckpoint;
  readonly operator: string;
}

export interface RestoredRange {
  readonly backend: KeyedStateBackend;
  readonly timers: TimerFold;
  /** What its tables look like. */
  readonly tables: ReadonlyMap<string, TableDescriptor>;
}

/** What of an operator is restored; states by `stateKey`. */
export interface Wanted {
  readonly wants: (state: string) => boolean;
  readonly conversions?: ReadonlyMap<string, Convert>;
}

/** All of an operator, a range of key groups behind the other. Each is of use until the next one is asked for. */
export async function* restoredRanges(saved: SavedOperator, wanted: Wanted): AsyncGenerator<RestoredRange> {
  for (const range of rangesOf(saved.opened, saved.operator, RANGE_BYTES)) {
    const restored = await restoredRange(saved, range, wanted);
    try {
      yield restored;
    } finally {
      restored.backend.close();
    }
  }
}

async function restoredRange(
  { store, opened, operator }: SavedOperator,
  range: KeyGroupRange,
  { wants, conversions }: Wanted,
): Promise<RestoredRange> {
  const { keyGroups: keyGroupCount } = opened.manifest;
  const backend = createMemoryBackend({ operator, keyGroups: range, keyGroupCount });
  const timers = new TimerFold(operator, range);
  const tables = new Map<string, TableDescriptor>();
  for await (const { block, header, where } of readOperator(store, opened, operator, range)) {
    const { section, numbers, values, named } = header.shape;
    const state = stateKey(section, header.name);
    if (!wants(state)) continue;
    if (section === "timers") timers.restoreBlock(block, where);
    else backend.restoreBlock(block, where, conversions?.get(state));
    if (section === "table") tables.set(header.name, { numbers, values, keyGroup: named ? "key" : "hash" });
  }
  return { backend, timers, tables };
}

/** What values become that are asked for by a descriptor. @throws STATE_MISUSE for another kind, UPGRADE_REFUSED */
export function conversionTo(operator: string, held: HeldState, descriptor: StateDescriptor): Convert | undefined {
  const { name, section, declared } = held;
  if (section !== descriptor.kind)
    throw new MillraceError(
      "STATE_MISUSE",
      `"${name}" of "${operator}" is a ${section} state, but it was asked for as a ${descriptor.kind} state`,
      { operator },
    );
  if (declared?.type === undefined || descriptor.type === undefined) return undefined;
  const evolution = evolve(declared.type, descriptor.type);
  if (evolution.kind !== "refused") return evolution.kind === "converted" ? evolution.convert : undefined;
  throw new MillraceError(
    "UPGRADE_REFUSED",
    `the state "${name}" of "${operator}" was asked for with another schema than it was saved with: ${evolution.changes.join("; ")}. ` +
      "Ask for it with the schema that it was saved with",
    { operator },
  );
}
