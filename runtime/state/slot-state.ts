/**
 * The state backends of one slot: on the heap, or with one LevelDB and one memory budget for all of them.
 *
 * The database is scratch (`spill-database.ts`). Whoever runs the slot waits for `overdue` between two batches of records.
 */

import type { KeyedStateBackend } from "../../core/state-backend.ts";
import type { StateSettings } from "../../core/state-options.ts";
import { createMemoryBackend, createSpillingBackend, type MemoryBackendOptions } from "./memory-backend.ts";
import { Spill, SpillBudget } from "./spill.ts";
import type { SpillDatabase } from "./spill-database.ts";

export interface SlotState {
  createBackend(options: MemoryBackendOptions): KeyedStateBackend;
  /** Settles when the disk has caught up; undefined: it has. Rejects with STATE_SPILL. */
  readonly overdue: Promise<void> | undefined;
  /** REQUIRES: the backends are closed. Removes what is on disk. */
  close(): Promise<void>;
}

export const memoryState: SlotState = {
  createBackend: createMemoryBackend,
  overdue: undefined,
  close: async () => {},
};

/** @param folder the slot's own; it is made, and gone at the end. @throws STATE_SPILL */
export async function openSlotState({ backend, memoryBytes }: StateSettings, folder: string): Promise<SlotState> {
  if (backend === "memory") return memoryState;
  // Loaded by those only who spill.
  const { openSpillDatabase } = await import("./spill-database.ts");
  return new SpillingState(await openSpillDatabase(folder), memoryBytes);
}

class SpillingState implements SlotState {
  readonly #database: SpillDatabase;
  readonly #budget: SpillBudget;

  constructor(database: SpillDatabase, budgetBytes: number) {
    this.#database = database;
    this.#budget = new SpillBudget(budgetBytes);
  }

  get overdue(): Promise<void> | undefined {
    return this.#database.overdue;
  }

  createBackend(options: MemoryBackendOptions): KeyedStateBackend {
    return createSpillingBackend(options, new Spill(this.#database, this.#budget));
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
