/**
 * The memory backend: all keyed state of one subtask's operator on the heap. It fulfils `core/state-backend.ts`.
 *
 * Handles share one entry per key (`keyed-entries.ts`), tables have panes with indexes of their own (`memory-table.ts`),
 * and both are saved as blocks (`state-block.ts`): all at once, or at a barrier in steps, what has changed or everything.
 * Restored states and tables exist before they are declared and are saved again if they never are, so a job that leaves
 * a state out for a while does not lose it.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateDescriptor, StateHandle } from "../../core/state.ts";
import type {
  KeyedStateBackend,
  StateCapture,
  StateSnapshot,
  StateTable,
  TableDescriptor,
} from "../../core/state-backend.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { Ageing, noClock, type RecordTime, type StateClock } from "./ageing.ts";
import { RunningCapture, type Steps } from "./capture.ts";
import type { Panes } from "./capture-numbers.ts";
import { beginColumn, wholeColumn } from "./capture-states.ts";
import { beginTable, wholeTable } from "./capture-tables.ts";
import { convertedBlock } from "./convert-block.ts";
import { type Capturing, Epochs } from "./epochs.ts";
import type { Convert } from "./evolve-type.ts";
import { type Handle, handleOf } from "./handles.ts";
import { KeyGroups } from "./key-groups.ts";
import { KeyedEntries } from "./keyed-entries.ts";
import { MemoryPane } from "./memory-pane.ts";
import { MemoryTable } from "./memory-table.ts";
import { type Repeats, restoreDrops, restoreStates, restoreTable } from "./restore-rows.ts";
import type { Spill } from "./spill.ts";
import {
  type BlockHeader,
  blocksWithin,
  corrupt,
  intersects,
  openBlock,
  type PassingSection,
  passes,
  readHeader,
  type Section,
} from "./state-block.ts";
import type { StateColumn, StateKind } from "./state-column.ts";
import { listPlan, mapPlan, valuePlan } from "./state-rows.ts";
import { dropBlocks, dropsPlan, tablePlan } from "./table-plans.ts";

export interface MemoryBackendOptions {
  /** Names the operator in errors. */
  readonly operator: string;
  readonly keyGroups: KeyGroupRange;
  /** Of the whole job. */
  readonly keyGroupCount: number;
  /** Deep-freezes what handles store and return, so that changing it throws. For tests. */
  readonly freezeValues?: boolean;
  /** For states with a time to live. */
  readonly clock?: StateClock;
  /** False: no checkpoint will be taken of it, so that not all changes have to be marked. */
  readonly capturing?: boolean;
}

const plans = {
  value: valuePlan,
  reducing: valuePlan,
  list: listPlan,
  map: mapPlan,
  table: tablePlan,
  drops: dropsPlan,
};

export function createMemoryBackend(options: MemoryBackendOptions): KeyedStateBackend {
  return new MemoryBackend(options, undefined);
}

/** The same with values on disk beyond a memory budget (`level-backend.ts`). */
export function createSpillingBackend(options: MemoryBackendOptions, spill: Spill): KeyedStateBackend {
  return new MemoryBackend(options, spill);
}

class MemoryBackend implements KeyedStateBackend {
  readonly keyGroups: KeyGroupRange;
  readonly #operator: string;
  readonly #clock: StateClock;
  readonly #record: RecordTime = { timestamp: NO_TIMESTAMP };
  readonly #epochs: Epochs;
  readonly #owned: KeyGroups;
  readonly #entries: KeyedEntries;
  readonly #handles = new Map<string, Handle>();
  readonly #tables = new Map<string, MemoryTable>();
  #running: RunningCapture | undefined;

  readonly #spill: Spill | undefined;

  constructor(options: MemoryBackendOptions, spill: Spill | undefined) {
    const { operator, keyGroups, keyGroupCount, freezeValues = false, clock, capturing } = options;
    this.#epochs = new Epochs(capturing);
    this.#spill = spill;
    this.keyGroups = keyGroups;
    this.#operator = operator;
    this.#clock = clock ?? noClock(operator);
    this.#owned = new KeyGroups(keyGroups, keyGroupCount, operator);
    this.#entries = new KeyedEntries(operator, this.#owned, freezeValues, this.#epochs, spill);
  }

  setCurrentKey(key: Key, timestamp = NO_TIMESTAMP): void {
    this.#record.timestamp = timestamp;
    this.#entries.select(key);
  }

  get currentKey(): Key {
    return this.#entries.currentKey;
  }

  state<D extends StateDescriptor>(name: string, descriptor: D): StateHandle<D> {
    let handle = this.#handles.get(name);
    const column = this.#columnOf(name, descriptor.kind);
    if (column.kind !== descriptor.kind) {
      throw this.#misuse(
        `the state "${name}" is a ${column.kind} state, but it was asked for as a ${descriptor.kind} state`,
      );
    }
    if (handle === undefined) {
      const ageing = descriptor.ttl === undefined ? undefined : new Ageing(descriptor.ttl, this.#clock, this.#record);
      column.age(ageing, this.#epochs.current);
      if (descriptor.packed === true) column.pack();
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
    if (descriptor.rows !== undefined || descriptor.held !== undefined) table.hold(descriptor);
    return table;
  }

  scratch(descriptor: TableDescriptor): MemoryPane {
    return new MemoryPane(descriptor, this.#operator, this.#owned, new Epochs(false));
  }

  keys(name: string): Iterable<Key> {
    const column = this.#entries.columns.get(name);
    if (column === undefined) return [];
    return Array.from(this.#entries.presentSlots(column), (slot) => this.#entries.index.keyAt(slot));
  }

  snapshot(): StateSnapshot {
    const groups = new Map<number, Uint8Array[]>();
    const everything: Capturing = { checkpoint: 0, after: -1, upTo: this.#epochs.current, base: undefined };
    for (const block of this.#snapshotSteps(everything)) {
      if (block === undefined) continue;
      const { first } = readHeader(block, "a new block", this.#operator).keyGroups;
      const blocks = groups.get(first);
      if (blocks === undefined) groups.set(first, [block]);
      else blocks.push(block);
    }
    return new Map([...groups].sort(([a], [b]) => a - b));
  }

  *#snapshotSteps(everything: Capturing): Steps {
    for (const column of this.#entries.columns.values()) yield* wholeColumn(this.#entries, column, everything);
    for (const table of this.#tables.values()) yield* wholeTable(table, panesOf(table), true);
  }

  capture(checkpoint: number, { full = false }: { readonly full?: boolean } = {}): StateCapture {
    assert(this.#running === undefined, `"${this.#operator}" is asked for a capture while one is running`);
    const capturing = this.#epochs.begin(checkpoint, full);
    const columns = [...this.#entries.columns.values()];
    const slots = this.#entries.index.slots;
    const states = columns.map((column) => beginColumn(this.#entries, column, capturing, slots));
    const tables = [...this.#tables.values()].map((table) => this.#beginTable(table, capturing));
    const steps = this.#captureSteps(states, tables);
    this.#running = new RunningCapture(capturing, steps, () => {
      for (const column of columns) column.endCapture();
      for (const { panes } of tables) for (const [, pane] of panes) pane.endCapture();
      this.#running = undefined;
    });
    return this.#running;
  }

  /** What has to be done at the barrier itself: a list of panes, and the whole of tables whose operators keep slots. */
  #beginTable(table: MemoryTable, capturing: Capturing): TableCapture {
    const panes = panesOf(table);
    const dropped = capturing.after < 0 ? [] : table.droppedAfter(capturing.after);
    const drops = dropBlocks(table, dropped, this.keyGroups);
    if (table.named) return { panes: [], steps: [drops, [...wholeTable(table, panes, false)]] };
    return { panes, steps: [drops, beginTable(table, panes, capturing)] };
  }

  *#captureSteps(states: readonly Steps[], tables: readonly TableCapture[]): Steps {
    for (const { steps } of tables) for (const part of steps) yield* part;
    for (const steps of states) yield* steps;
    yield* this.#entries.freeEnded();
  }

  confirm(checkpoint: number): void {
    this.#epochs.confirm(checkpoint);
  }

  abort(checkpoint: number): void {
    if (this.#running?.checkpoint === checkpoint) this.#running.cancel();
    this.#epochs.abort(checkpoint);
  }

  restore(snapshot: StateSnapshot): void {
    for (const { block, where, header } of blocksWithin(snapshot, this.keyGroups, this.#operator))
      this.#restoreBlock(block, header, where, "refused");
    this.#entries.deselect();
  }

  restoreBlock(block: Uint8Array, where: string, convert?: Convert): void {
    const header = readHeader(block, where, this.#operator);
    if (intersects(header.keyGroups, this.keyGroups)) this.#restoreBlock(block, header, where, "allowed", convert);
    this.#entries.deselect();
  }

  restored(checkpoint: number): void {
    this.#epochs.restored(checkpoint);
  }

  #restoreBlock(block: Uint8Array, header: BlockHeader, where: string, repeats: Repeats, convert?: Convert): void {
    const { section } = header.shape;
    if (section === "timers" || passes(section)) return;
    const saved = openBlock(block, plans[section], where, this.#operator);
    const opened = convert === undefined ? saved : convertedBlock(saved, convert, this.#operator);
    if (section === "drops") {
      const table = this.#tables.get(header.name);
      if (table !== undefined) restoreDrops(opened, table, this.keyGroups);
    } else if (section === "table") {
      const { numbers, values, named } = header.shape;
      const descriptor: TableDescriptor = { numbers, values, keyGroup: named ? "key" : "hash" };
      this.table(header.name, descriptor); // refuses a second shape of the same table
      restoreTable(opened, this.#tableOf(header.name, descriptor), this.keyGroups, repeats);
    } else restoreStates(opened, this.#restoredColumn(header, section), this.#entries, this.keyGroups, repeats);
  }

  #restoredColumn(
    { name, shape }: BlockHeader,
    kind: Exclude<Section, "table" | "drops" | "timers" | PassingSection>,
  ): StateColumn {
    const column = this.#columnOf(name, kind);
    if (column.kind !== kind)
      throw corrupt(this.#operator, `the state "${name}" is saved both as a ${column.kind} and as a ${kind}`);
    if (shape.stamps !== undefined) column.stampBy(shape.stamps);
    return column;
  }

  close(): void {
    this.#running?.cancel();
    this.#entries.deselect();
    this.#handles.clear();
    this.#tables.clear();
  }

  #columnOf(name: string, kind: StateKind): StateColumn {
    return this.#entries.columns.get(name) ?? this.#entries.addColumn(name, kind);
  }

  #tableOf(name: string, descriptor: TableDescriptor): MemoryTable {
    const existing = this.#tables.get(name);
    if (existing !== undefined) return existing;
    const table = new MemoryTable(name, descriptor, this.#operator, this.#owned, this.#epochs, this.#spill);
    this.#tables.set(name, table);
    return table;
  }

  #misuse(fault: string): MillraceError {
    return new MillraceError("STATE_MISUSE", `in "${this.#operator}" ${fault}. Give the other one a name of its own`, {
      operator: this.#operator,
    });
  }
}

interface TableCapture {
  /** Panes that keep rows for the capture. */
  readonly panes: Panes;
  readonly steps: readonly Iterable<Uint8Array<ArrayBuffer> | undefined>[];
}

function panesOf(table: MemoryTable): Panes {
  return table.namespaces().map((namespace) => [namespace, table.pane(namespace)] as const);
}
