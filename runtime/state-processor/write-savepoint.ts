/**
 * Writes a savepoint that a program has described. It is like any other: complete in itself, of a job's name, restored by
 * `run` and `submit --from`.
 *
 *   1. Of each operator that is taken over, range by range of key groups: what it holds is restored, mapped, captured.
 *   2. What states are filled with is captured some thousand entries at a time. Of two values of a key the later one holds.
 *   3. Blocks are written as they come, the manifest last.
 */

import { randomUUID } from "node:crypto";
import { MillraceError } from "../../core/errors.ts";
import { hashKey, type Key } from "../../core/key.ts";
import { keyGroupOf } from "../../core/key-group.ts";
import type { StateDescriptor } from "../../core/state.ts";
import type { KeyedStateBackend } from "../../core/state-backend.ts";
import { continuedLineage, newLineage } from "../checkpoints/lineage.ts";
import { absoluteLocation, openCheckpointStore } from "../checkpoints/open-store.ts";
import type { FoundSavepoint } from "../checkpoints/savepoint-folder.ts";
import { encodeManifest } from "../state/checkpoint-manifest.ts";
import { type CheckpointStore, checkpointName } from "../state/checkpoint-store.ts";
import { CheckpointWriter } from "../state/checkpoint-writer.ts";
import type { Convert } from "../state/evolve-type.ts";
import { createMemoryBackend } from "../state/memory-backend.ts";
import { TimerRows } from "../state/timer-rows.ts";
import { changedManifest, type KeptOperator } from "./changed-manifest.ts";
import { restoredRanges } from "./saved-range.ts";
import type { SavepointTimer } from "./savepoint.ts";
import { StoredValues } from "./stored-values.ts";

/** Entries that are captured together: enough that blocks are full, and no more than fits into memory easily. */
const FILL_ENTRIES = 10_000;

/** By which name it writes blocks. */
const WRITER = "state-processor";

export type Entries<T> = Iterable<T> | AsyncIterable<T>;

/** A state of the old savepoint whose values become others. */
export interface MappedState {
  readonly operator: string;
  readonly name: string;
  /** By `stateKey`. */
  readonly state: string;
  readonly convert: Convert | undefined;
  readonly descriptor: StateDescriptor;
  readonly becomes: StateDescriptor;
  readonly change: (value: unknown, key: Key) => unknown;
}

/** What fills a state, or the timers of an operator, by its name in the new savepoint. */
export type Fill =
  | FilledState
  | { readonly kind: "timers"; readonly operator: string; readonly timers: Entries<SavepointTimer> };

interface FilledState {
  readonly kind: "state";
  readonly operator: string;
  readonly name: string;
  readonly descriptor: StateDescriptor;
  readonly entries: Entries<{ readonly key: Key; readonly value: unknown }>;
}

export interface SavepointPlan {
  /** What it is like; undefined: nothing. */
  readonly found: FoundSavepoint | undefined;
  readonly job: string;
  readonly keyGroups: number;
  readonly kept: readonly KeptOperator[];
  readonly mapped: readonly MappedState[];
  readonly fills: readonly Fill[];
}

/** @throws SAVEPOINT_FAILED, BAD_KEY, BAD_RECORD, BAD_OPTION, CHECKPOINT_STORE, and what reading the old one fails with */
export async function writeSavepoint(folder: string, plan: SavepointPlan): Promise<void> {
  checkNames(plan);
  const store = await openCheckpointStore(absoluteLocation(folder));
  try {
    await writeInto(store, folder, plan);
  } finally {
    await store.close();
  }
}

async function writeInto(store: CheckpointStore, folder: string, plan: SavepointPlan): Promise<void> {
  const { found, job, keyGroups, kept, mapped, fills } = plan;
  const { length } = [...(await store.manifests()), ...(await store.checkpointsWithBlocks())];
  if (length > 0)
    throw new MillraceError("SAVEPOINT_FAILED", `${folder} holds a savepoint already; name another folder`);
  const was = found?.opened.manifest;
  const name = checkpointName(was?.checkpoint ?? 1);
  const out = new CheckpointWriter(store, name, WRITER);
  if (found !== undefined) for (const operator of kept) await copyOperator(found, operator, mapped, out);
  for (const fill of fills)
    await (fill.kind === "state" ? fillState(fill, keyGroups, out) : fillTimers(fill, keyGroups, out));
  await out.flush();
  const lineage = was === undefined ? newLineage(job, randomUUID()) : continuedLineage(was.lineage, job, randomUUID);
  const manifest = changedManifest({
    ...{ was, lineage, keyGroups, createdAtMs: Date.now(), kept, written: out.records() },
    described: [
      ...mapped.map(({ operator, name: state, becomes: descriptor }) => {
        return { operator: kept.find((each) => each.was === operator)?.is ?? operator, name: state, descriptor };
      }),
      ...fills.filter((fill) => fill.kind === "state"),
    ],
  });
  await store.writeManifest(name, encodeManifest(manifest));
}

function checkNames({ kept }: SavepointPlan): void {
  const twice = kept.find(({ is }, at) => kept.findIndex((other) => other.is === is) !== at);
  if (twice === undefined) return;
  throw new MillraceError("BAD_OPTION", `two operators of the savepoint would be called "${twice.is}"; rename one`);
}

async function copyOperator(
  found: FoundSavepoint,
  { was, is, removed }: KeptOperator,
  mapped: readonly MappedState[],
  out: CheckpointWriter,
): Promise<void> {
  const changes = mapped.filter(({ operator, state }) => operator === was && !removed.has(state));
  const conversions = new Map(
    changes.flatMap(({ state, convert }) => (convert === undefined ? [] : [[state, convert]])),
  );
  const wants = (state: string): boolean => !removed.has(state);
  for await (const { backend, timers } of restoredRanges({ ...found, operator: was }, { wants, conversions })) {
    for (const change of changes) applyChange(backend, change);
    await putAll(backend, is, out);
    for (const block of timers.blocks()) await put(out, is, block);
  }
}

function applyChange(backend: KeyedStateBackend, { name, descriptor, change }: MappedState): void {
  const values = new StoredValues(backend, name, descriptor);
  for (const key of [...values.keys()]) {
    const value = change(values.get(key), key);
    if (value === undefined) values.clear(key);
    else values.set(key, value);
  }
}

async function fillState(
  { operator, name, descriptor, entries }: FilledState,
  keyGroupCount: number,
  out: CheckpointWriter,
): Promise<void> {
  const keyGroups = { first: 0, last: keyGroupCount - 1 };
  for await (const lot of inLots(entries)) {
    const backend = createMemoryBackend({ operator, keyGroups, keyGroupCount });
    const values = new StoredValues(backend, name, descriptor);
    for (const { key, value } of lot) values.set(key, value);
    await putAll(backend, operator, out);
    backend.close();
  }
}

async function fillTimers(
  { operator, timers }: Extract<Fill, { readonly kind: "timers" }>,
  keyGroups: number,
  out: CheckpointWriter,
): Promise<void> {
  let order = 0;
  for await (const lot of inLots(timers)) {
    for (const domain of ["event", "processing"] as const) {
      const rows = new TimerRows(domain, operator, false);
      for (const { key, domain: of, timestamp } of lot)
        if (of === domain) rows.add(keyGroupOf(hashKey(key, operator), keyGroups), key, timestamp, order++, true);
      for (const block of rows.blocks()) await put(out, operator, block);
    }
  }
}

async function putAll(backend: KeyedStateBackend, operator: string, out: CheckpointWriter): Promise<void> {
  const capture = backend.capture(1, { full: true });
  while (!capture.done) await put(out, operator, capture.step());
}

async function put(out: CheckpointWriter, operator: string, block: Uint8Array | undefined): Promise<void> {
  if (block !== undefined) out.add(operator, block);
  if (out.isFull) await out.flush();
}

async function* inLots<T>(entries: Entries<T>): AsyncGenerator<readonly T[]> {
  let lot: T[] = [];
  for await (const entry of entries) {
    lot.push(entry);
    if (lot.length < FILL_ENTRIES) continue;
    yield lot;
    lot = [];
  }
  if (lot.length > 0) yield lot;
}
