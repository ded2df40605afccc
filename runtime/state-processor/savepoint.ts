/**
 * A savepoint, or the newest checkpoint of a folder, as data: its operators, and of each the states, tables and timers, read
 * range by range of key groups, so that memory is bounded by the range and not by the state.
 */

import type { Key } from "../../core/key.ts";
import type { TimerDomain } from "../../core/operator.ts";
import type { StateDescriptor } from "../../core/state.ts";
import type { StatePane, StateTable, TableDescriptor } from "../../core/state-backend.ts";
import type { TypeDescription } from "../../core/types.ts";
import { type HeldOperator, type HeldState, heldOperators } from "../checkpoints/held-state.ts";
import { jobOf } from "../checkpoints/lineage.ts";
import { type FoundSavepoint, savepointFolder } from "../checkpoints/savepoint-folder.ts";
import { verifyCheckpoint } from "../state/checkpoint-reader.ts";
import { notFound } from "./not-found.ts";
import { conversionTo, restoredRanges, type SavedOperator } from "./saved-range.ts";
import { changesOf, type SavepointChanges } from "./savepoint-changes.ts";
import { type StateEntry, type StoredValue, StoredValues } from "./stored-values.ts";

/** One state of an operator. */
export interface SavepointState {
  readonly name: string;
  /** "value", "list", "map", "reducing", "table", "timers"; or "position", "list of the operator", "prepared output". */
  readonly kind: string;
  /** What the program said of its values. */
  readonly type: TypeDescription | undefined;
}

export interface SavepointTimer {
  readonly key: Key;
  readonly domain: TimerDomain;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

/** An entry of a table: of the panes of a window, the namespace is the pane's local start. */
export interface TableRow {
  readonly namespace: number;
  readonly key: Key;
  readonly numbers: readonly number[];
  readonly value: unknown;
}

/**
 * Opens what is in a folder, and reads all of it once, so that what is damaged is known before anything is used.
 * @throws NOT_FOUND, STATE_CORRUPT, CHECKPOINT_FORMAT, CHECKPOINT_STORE
 */
export async function openSavepoint(folder: string): Promise<Savepoint> {
  const found = await savepointFolder(folder);
  try {
    await verifyCheckpoint(found.store, found.opened);
    return new Savepoint(found);
  } catch (error) {
    await found.store.close();
    throw error;
  }
}

export class Savepoint implements AsyncDisposable {
  readonly operators: readonly SavepointOperator[];
  readonly #found: FoundSavepoint;

  /** For `openSavepoint`. */
  constructor(found: FoundSavepoint) {
    this.#found = found;
    this.operators = heldOperators(found.opened).map((held) => new SavepointOperator(found, held));
  }

  /** The name of the job that it is of. */
  get job(): string {
    return jobOf(this.#found.opened.manifest.lineage);
  }

  /** The number that the job has given to it. */
  get checkpoint(): number {
    return this.#found.opened.manifest.checkpoint;
  }

  get createdAt(): Date {
    return new Date(this.#found.opened.manifest.createdAtMs);
  }

  get keyGroups(): number {
    return this.#found.opened.manifest.keyGroups;
  }

  /** @throws NOT_FOUND */
  operator(name: string): SavepointOperator {
    const found = this.operators.find((operator) => operator.name === name);
    if (found !== undefined) return found;
    throw notFound(
      `it has no operator "${name}"`,
      this.operators.map((operator) => operator.name),
    );
  }

  /** Only a savepoint in LevelDB keeps something open until then. */
  async close(): Promise<void> {
    await this.#found.store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A savepoint that is like this one but for what is changed; it is made by `write`. @param job of another job */
  change({ job }: { readonly job?: string } = {}): SavepointChanges {
    return changesOf(this.#found, job);
  }
}

export class SavepointOperator {
  readonly name: string;
  readonly states: readonly SavepointState[];
  readonly #held: HeldOperator;
  readonly #saved: SavedOperator;

  constructor({ store, opened }: FoundSavepoint, held: HeldOperator) {
    this.name = held.operator;
    this.states = held.states.map(({ name, section, declared }) => ({ name, kind: section, type: declared?.type }));
    this.#held = held;
    this.#saved = { store, opened, operator: this.name };
  }

  /** How many subtasks it had. */
  get parallelism(): number {
    return this.#saved.opened.manifest.operators.find(({ operator }) => operator === this.name)?.parallelism ?? 1;
  }

  /** The keys that have a value in a state, each once, in no particular order. @throws NOT_FOUND */
  async *keys(state: string): AsyncGenerator<Key> {
    const { key: wanted } = this.#state(state);
    for await (const { backend } of restoredRanges(this.#saved, { wants: (key) => key === wanted }))
      yield* backend.keys(state);
  }

  /**
   * What a state holds, key by key, as its descriptor says; where that has another schema than the one it was saved with,
   * converted as a job would. @throws NOT_FOUND, STATE_MISUSE for another kind of state, UPGRADE_REFUSED, STATE_MISFIT
   */
  async *read<const D extends StateDescriptor>(state: string, descriptor: D): AsyncGenerator<StateEntry<D>> {
    const held = this.#state(state);
    const convert = conversionTo(this.name, held, descriptor);
    const conversions = new Map(convert === undefined ? [] : [[held.key, convert]]);
    for await (const { backend } of restoredRanges(this.#saved, { wants: (key) => key === held.key, conversions })) {
      const values = new StoredValues(backend, state, descriptor);
      for (const key of values.keys()) yield { key, value: values.get(key) as StoredValue<D> }; // as the descriptor says
    }
  }

  /** The rows of a table: of a window's `"panes"`, or of a `"reduce"`. @throws NOT_FOUND */
  async *table(state: string): AsyncGenerator<TableRow> {
    const { key: wanted } = this.#state(state);
    for await (const { backend, tables } of restoredRanges(this.#saved, { wants: (key) => key === wanted })) {
      const descriptor = tables.get(state);
      if (descriptor !== undefined) yield* rowsOf(backend.table(state, descriptor), descriptor);
    }
  }

  /** In the order in which they were registered, one part of the keys behind the other. */
  async *timers(): AsyncGenerator<SavepointTimer> {
    for await (const { timers } of restoredRanges(this.#saved, { wants: (key) => key === "timers" }))
      for (const { key, domain, time } of timers.timers()) yield { key, domain, timestamp: time };
  }

  #state(name: string): HeldState {
    const found = this.#held.states.find((state) => state.name === name);
    if (found !== undefined) return found;
    throw notFound(
      `the operator "${this.name}" has no state "${name}"`,
      this.states.map((state) => state.name),
    );
  }
}

function* rowsOf(table: StateTable, { numbers, values }: TableDescriptor): Generator<TableRow> {
  for (const namespace of table.namespaces()) {
    const pane: StatePane = table.pane(namespace);
    for (let slot = 0; slot < pane.size; slot++) {
      const row = Array.from(
        { length: numbers },
        (_, at) => (pane.numbers[at] as Float64Array)[slot * pane.stride] as number,
      );
      yield { namespace, key: pane.keyAt(slot), numbers: row, value: values ? pane.values[slot] : undefined };
    }
  }
}
