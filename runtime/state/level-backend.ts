/**
 * The level backend: state larger than memory. It is the memory backend, with the values of states and tables within a
 * budget of bytes; what exceeds it is in files (`spill-database.ts`) and is read back, synchronously, when it is used.
 *
 * In memory stay the keys, 20 to 100 bytes each with what is known of them, and the float64 columns of tables; so it
 * pays for values that are larger than that. A list or map of one key is read and written whole, and the values of a
 * window are in memory while it fires.
 */

import type { KeyedStateBackend } from "../../core/state-backend.ts";
import { createSpillingBackend, type MemoryBackendOptions } from "./memory-backend.ts";
import { Spill, SpillBudget } from "./spill.ts";
import type { SpillDatabase } from "./spill-database.ts";

export interface LevelBackendOptions extends MemoryBackendOptions {
  /** Of the slot; several backends may share it. Its `overdue` is to be awaited at ends of batches. */
  readonly database: SpillDatabase;
  /** What values may take in memory, about. */
  readonly budgetBytes: number;
}

export function createLevelBackend({ database, budgetBytes, ...options }: LevelBackendOptions): KeyedStateBackend {
  return createSpillingBackend(options, new Spill(database, new SpillBudget(budgetBytes)));
}
