/**
 * What a keyed state backend must do. Fulfilled by `runtime/state/memory`, later by LevelDB and by the Flink bridge;
 * `test/conformance/state-backend.ts` holds every implementation to it.
 *
 * Two views on the same store: handles for user functions, which follow the current key, and tables for the engine's own
 * accumulators (window panes, models), which are addressed by namespace and key and may be changed in place.
 * Everything lives in key groups, is snapshotted by key group, and a restored backend continues exactly.
 */

import type { Key } from "./key.ts";
import type { KeyBatch } from "./key-batch.ts";
import type { KeyGroupRange } from "./key-group.ts";
import type { PaneRows, RowsKind } from "./pane-rows.ts";
import type { StateDescriptor, StateHandle } from "./state.ts";

export interface KeyedStateBackend {
  readonly keyGroups: KeyGroupRange;

  /**
   * Selects the key that handles read and write. States that age in event time go by the record's timestamp where it is
   * ahead of the watermark; without one, by the watermark. @throws BAD_KEY
   */
  setCurrentKey(key: Key, timestamp?: number): void;

  /** @throws STATE_MISUSE before the first `setCurrentKey`. */
  readonly currentKey: Key;

  /**
   * The handle of a state; the same name always gives the same handle.
   * @throws STATE_MISUSE when the name is in use with another kind of state.
   */
  state<D extends StateDescriptor>(name: string, descriptor: D): StateHandle<D>;

  /** The engine's accumulators of that name. The same name always gives the same table. */
  table(name: string, descriptor: TableDescriptor): StateTable;

  /** Is never saved: for what an operator can compute again from its state. */
  scratch(descriptor: TableDescriptor): ScratchPane;

  /** All keys that have a value in the named state, in no particular order. */
  keys(name: string): Iterable<Key>;

  /** Everything, as self-contained bytes per key group; the backend may be changed afterwards without harm. */
  snapshot(): StateSnapshot;

  /** Adds what a snapshot holds in this backend's key groups. REQUIRES: called before any use. */
  restore(snapshot: StateSnapshot): void;

  /**
   * Begins a capture at a barrier: of what has changed since the checkpoint that was confirmed last, or of everything. The
   * state may be used and changed while the capture is driven; it does not see that. Short: what it does at once is a few
   * microseconds a pane, and the whole of tables whose keys are key groups.
   * REQUIRES: ids rise; the capture before has been driven to its end or aborted.
   */
  capture(checkpoint: number, options?: { readonly full?: boolean }): StateCapture;

  /**
   * The checkpoint is complete: captures that begin from now on are deltas to it. Without effect for one that is not in
   * flight. A savepoint, whose blocks others may delete, is aborted instead: no capture must build on it.
   */
  confirm(checkpoint: number): void;

  /** The checkpoint came to nothing: what it held will be in the next one. Ends its capture if that is running. */
  abort(checkpoint: number): void;

  /**
   * Applies one captured block in this backend's key groups. All blocks of a checkpoint that is no delta come first, then
   * those of each delta to it, each capture's in the order in which they were made.
   * REQUIRES: called before any use. @param where names the block in errors. @param convert what each of its values
   * becomes: of lists and maps each element. @throws STATE_CORRUPT, STATE_MISFIT when `convert` throws
   */
  restoreBlock(block: Uint8Array, where: string, convert?: (value: unknown) => unknown): void;

  /** What was restored is that checkpoint: captures may be deltas to it. Without it the first one takes everything. */
  restored(checkpoint: number): void;

  close(): void;
}

/** A capture under way, driven a few milliseconds at a time by whoever owns the thread. */
export interface StateCapture {
  readonly checkpoint: number;
  /** The checkpoint to which the blocks are a delta; undefined: they are everything. */
  readonly base: number | undefined;
  /** Whether all steps have been made. */
  readonly done: boolean;
  /**
   * Works for about a millisecond. Returns a block when one is complete, in memory of its own, which may be handed over to
   * another thread. @throws BAD_RECORD for what cannot be saved.
   */
  step(): Uint8Array<ArrayBuffer> | undefined;
  /** Ends it before it is done. What it gave so far is of no use. */
  cancel(): void;
}

/** Snapshotted bytes of one operator, by key group; groups without state are absent. */
export type StateSnapshot = ReadonlyMap<number, readonly Uint8Array[]>;

/** The columns of a table: numbers for the engine's fixed accumulators, and one value of any plain kind. */
export interface TableDescriptor {
  /** How many float64 columns each entry has; they start at zero. An entry's numbers lie side by side. */
  readonly numbers: number;
  /** Whether each entry also has a value (undefined until set). */
  readonly values: boolean;
  /**
   * How an entry's key finds its key group: by hash, or the key is itself the number of the key group, for state that
   * an operator shards by its own rule. Such entries may be changed by slots that were kept: each checkpoint takes all.
   */
  readonly keyGroup?: "hash" | "key";
  /** What is in an entry's value: rows, which are kept and found by `rows` of the pane, and no other way. REQUIRES: values. */
  readonly rows?: RowsKind;
  /**
   * Makes what holds the values of a pane together, changed by way of the pane's `held`. Where values may go to disk they are values
   * as ever, and where nothing is made. REQUIRES: values. @param slots how many entries there will be, if that is known, or 0.
   */
  readonly held?: (slots: number) => HeldAccumulators | undefined;
}

/** What else would be the values of a pane's entries, held together by slot. */
export interface HeldAccumulators {
  /** Whether what `valueOf` gives is nobody else's: whoever keeps it need not copy it. */
  readonly givesCopies: boolean;
  /** The value of a slot as it is saved: plain data. */
  valueOf(slot: number): unknown;
  /** Puts this in the place of what a slot has. @param value as `valueOf` gives it; undefined: nothing was set. */
  setValue(slot: number, value: unknown): void;
  /** Lets go of its memory, as the collector comes late to numbers. REQUIRES: nobody uses it any more. */
  giveBack?(): void;
}

/** Accumulators by namespace (a pane's end, a session's start, …) and key. */
export interface StateTable {
  /** The pane of a namespace, made when it does not exist. */
  pane(namespace: number): StatePane;
  /** The pane of a namespace if it exists. */
  find(namespace: number): StatePane | undefined;
  /** Namespaces that exist, ascending. */
  namespaces(): readonly number[];
  /** Forgets a namespace and all its entries. REQUIRES: nobody uses its pane any more. */
  drop(namespace: number): void;
}

/**
 * The entries of one namespace, in dense slots 0 … size-1 in order of insertion.
 * `numbers` and `values` are read again after every `slotOf` and `slotsOf`, which may replace them by longer ones.
 */
export interface StatePane {
  readonly size: number;
  /**
   * The slot of a key, made when it does not exist. Says that the entry is about to be changed: ask again after each return
   * to the host, as a checkpoint may have been taken meanwhile. @throws BAD_KEY
   */
  slotOf(key: Key): number;
  /**
   * The slots of many keys, each as by `slotOf` in their order, into the first places of `slots`; faster, as their cache
   * misses overlap. REQUIRES: at most 1024 keys. @throws BAD_KEY, with all keys before that one added
   */
  slotsOf(keys: KeyBatch, slots: Int32Array): void;
  /**
   * Adds an entry for a key, without looking whether there is one: what looks keys up by itself need not do so twice. The
   * first search behind it makes up for that. @returns its slot, `size` as it was. REQUIRES: the key has none, and is of the
   * backend's key groups, as another pane has found. @throws BAD_KEY
   */
  append(key: Key): number;
  /** The slot of a key, or -1. */
  find(key: Key): number;
  /**
   * The slots of many keys, or -1, into the first places of `slots`; faster, as their cache misses overlap. Brings no value
   * into memory. @throws BAD_KEY
   */
  findAll(keys: KeyBatch, slots: Int32Array): void;
  /** The entry in a slot is about to be changed, as `slotOf` of its key says it. */
  changing(slot: number): void;
  /** The value in a slot is about to be read. */
  reading(slot: number): void;
  keyAt(slot: number): Key;
  /**
   * The keys of the `count` slots from a place in `slots` on, into the first places of `into`; faster, as their cache misses
   * overlap. Brings no value into memory. REQUIRES: all are in use.
   */
  keysAt(slots: Int32Array, from: number, count: number, into: Key[]): void;
  /**
   * Column c of slot s at numbers[c][s * stride], to be changed in place. An entry's numbers lie side by side in memory, so
   * that reading all of them waits for memory once: column c is also at numbers[0][s * stride + c].
   */
  readonly numbers: readonly Float64Array[];
  /** As many as there are columns; 1 where there are none. */
  readonly stride: number;
  /**
   * The value of slot s at values[s], to be changed in place or replaced. Plain data, typed arrays included. It is there
   * once `slotOf`, `slotsOf`, `changing`, `reading`, `find` or `keyAt` was called for s, until the table is asked for a pane
   * or the backend for a key, or 1024 other slots were asked for by `slotOf` or `changing`: it may be on disk otherwise.
   */
  readonly values: unknown[];
  /** Of tables of rows: those of all slots. */
  readonly rows: PaneRows | undefined;
  /** What holds all values; undefined: they are in `values`. It follows `slotOf` and `changing` as those do. */
  readonly held: HeldAccumulators | undefined;
  /** What is held together is in `values` from now on. */
  unhold(): void;
}

/** A pane of no table. */
export interface ScratchPane extends StatePane {
  /** Forgets all entries; the memory of many is let go of at once. */
  clear(): void;
}
