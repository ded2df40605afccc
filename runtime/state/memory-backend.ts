/**
 * The memory backend: all keyed state of one subtask's operator on the heap. It fulfils `core/state-backend.ts`.
 *
 * Handles share one entry per key (`keyed-entries.ts`), tables have panes with indexes of their own (`memory-table.ts`),
 * and both are written as blocks by key group (`memory-snapshot.ts`). Restored states and tables exist before they are
 * declared and are written again if they never are, so a job that leaves a state out for a while does not lose it.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateDescriptor, StateHandle } from "../../core/state.ts";
import type { KeyedStateBackend, StateSnapshot, StateTable, TableDescriptor } from "../../core/state-backend.ts";
import { type Handle, handleOf } from "./handles.ts";
import { KeyGroups } from "./key-groups.ts";
import { ABSENT, KeyedEntries } from "./keyed-entries.ts";
import {
  readStates,
  readTable,
  type StatesContent,
  type TableContent,
  writeStates,
  writeTable,
} from "./memory-snapshot.ts";
import { MemoryTable } from "./memory-table.ts";
import { readBlocks, SnapshotWriter } from "./snapshot-block.ts";

export interface MemoryBackendOptions {
  /** Names the operator in errors. */
  readonly operator: string;
  readonly keyGroups: KeyGroupRange;
  /** Of the whole job. */
  readonly keyGroupCount: number;
  /** Deep-freezes what handles store and return, so that changing it throws. For tests. */
  readonly freezeValues?: boolean;
}

export function createMemoryBackend(options: MemoryBackendOptions): KeyedStateBackend {
  return new MemoryBackend(options);
}

class MemoryBackend implements KeyedStateBackend {
  readonly keyGroups: KeyGroupRange;
  readonly #operator: string;
  readonly #owned: KeyGroups;
  readonly #entries: KeyedEntries;
  readonly #handles = new Map<string, Handle>();
  readonly #tables = new Map<string, MemoryTable>();

  constructor({ operator, keyGroups, keyGroupCount, freezeValues = false }: MemoryBackendOptions) {
    this.keyGroups = keyGroups;
    this.#operator = operator;
    this.#owned = new KeyGroups(keyGroups, keyGroupCount, operator);
    this.#entries = new KeyedEntries(operator, this.#owned, freezeValues);
  }

  setCurrentKey(key: Key): void {
    this.#entries.select(key);
  }

  get currentKey(): Key {
    return this.#entries.currentKey;
  }

  state<D extends StateDescriptor>(name: string, descriptor: D): StateHandle<D> {
    const column = this.#entries.columns.get(name) ?? this.#entries.addColumn(name, descriptor.kind);
    if (column.kind !== descriptor.kind) {
      throw this.#misuse(
        `the state "${name}" is a ${column.kind} state, but it was asked for as a ${descriptor.kind} state`,
      );
    }
    let handle = this.#handles.get(name);
    if (handle === undefined) {
      handle = handleOf(this.#entries, column, descriptor);
      this.#handles.set(name, handle);
    }
    return handle as StateHandle<D>; // of the descriptor's kind, as checked above; its element types are the declarer's
  }

  table(name: string, descriptor: TableDescriptor): StateTable {
    const table = this.#tableOf(name, descriptor);
    const { numbers, values, keyGroup = "hash" } = table.descriptor;
    if (
      numbers !== descriptor.numbers ||
      values !== descriptor.values ||
      keyGroup !== (descriptor.keyGroup ?? "hash")
    ) {
      throw this.#misuse(
        `the table "${name}" is ${JSON.stringify({ numbers, values, keyGroup })}, but it was asked for as ${JSON.stringify(descriptor)}`,
      );
    }
    return table;
  }

  keys(name: string): Iterable<Key> {
    const keys: Key[] = [];
    for (const [slot, cell] of this.#entries.columns.get(name)?.cells.entries() ?? []) {
      if (cell !== ABSENT) keys.push(this.#entries.index.keyAt(slot));
    }
    return keys;
  }

  snapshot(): StateSnapshot {
    const writer = new SnapshotWriter(this.#operator);
    writeStates(this.#entries, writer);
    for (const table of this.#tables.values()) writeTable(table, writer);
    return writer.finish();
  }

  restore(snapshot: StateSnapshot): void {
    for (const { content } of readBlocks(snapshot, "states", this.keyGroups, this.#operator)) {
      const states = content as StatesContent;
      const column = this.#entries.columns.get(states.name) ?? this.#entries.addColumn(states.name, states.kind);
      readStates(states, column, this.#entries);
    }
    this.#entries.deselect();
    for (const { content } of readBlocks(snapshot, "table", this.keyGroups, this.#operator)) {
      const rows = content as TableContent;
      this.table(rows.name, rows.descriptor); // refuses a second shape of the same table
      readTable(rows, this.#tableOf(rows.name, rows.descriptor), this.#operator);
    }
  }

  close(): void {
    this.#entries.deselect();
    this.#handles.clear();
    this.#tables.clear();
  }

  #tableOf(name: string, descriptor: TableDescriptor): MemoryTable {
    const existing = this.#tables.get(name);
    if (existing !== undefined) return existing;
    const table = new MemoryTable(name, descriptor, this.#operator, this.#owned);
    this.#tables.set(name, table);
    return table;
  }

  #misuse(fault: string): MillraceError {
    return new MillraceError("STATE_MISUSE", `in "${this.#operator}" ${fault}. Give the other one a name of its own`, {
      operator: this.#operator,
    });
  }
}
