/**
 * The threads of a worker's slots. Each runs the task of one slot and ends with its region's, so that nothing of one job's
 * globals is left for another's.
 *
 * When a submission is announced some are started before there is a task for them, as a thread takes longer to load the
 * engine than a program:
 *
 *   prepare ──► spare ──take──► a slot's
 *               │  ▲ │
 *               │  └─┘ prepare: waits longer
 *               └─ its time is over, endSpares ──► ended
 *
 * What makes threads is loaded with the first of them only: an idle worker is small.
 */

import { SLOT_SPARE_MS } from "../../core/limits.ts";
import type { SlotPool, SlotRunner } from "./slot-pool.ts";

export interface SlotThreadsOptions {
  /** What threads have as environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly callAfter: (ms: number, callback: () => void) => () => void;
}

export interface SlotThreadOptions {
  /** How large the JavaScript heap may grow; absent: as Node decides. */
  readonly slotHeapMb: number | undefined;
  /** Gets the error of a thread whose slot has ended already. */
  readonly onStrayError: (error: Error) => void;
}

/** A pool of one thread. */
interface Spare {
  readonly pool: SlotPool;
  onStrayError: (error: Error) => void;
}

export class SlotThreads {
  readonly #options: SlotThreadsOptions;
  readonly #spares: Spare[] = [];
  readonly #ending = new Set<Promise<void>>();
  #cancelEnd: () => void = () => {};
  /** How often spares were ended: who was about to start some then, does not. */
  #ends = 0;

  constructor(options: SlotThreadsOptions) {
    this.#options = options;
  }

  /** How many wait for a task. */
  get spares(): number {
    return this.#spares.length;
  }

  /** Sees to it that at least `count` threads wait for a task, for a while. */
  async prepare(count: number): Promise<void> {
    const ends = this.#ends;
    const { SlotPool } = await import("./slot-pool.ts");
    if (this.#ends !== ends) return;
    while (this.#spares.length < count) this.#spares.push(this.#started(SlotPool, undefined));
    this.#cancelEnd();
    this.#cancelEnd = this.#options.callAfter(SLOT_SPARE_MS, () => void this.endSpares());
  }

  /** `count` pools of one thread, which nothing has run in. The caller closes them. */
  async take(count: number, { slotHeapMb, onStrayError }: SlotThreadOptions): Promise<readonly SlotRunner[]> {
    const { SlotPool } = await import("./slot-pool.ts");
    return Array.from({ length: count }, () => {
      const prepared = slotHeapMb === undefined ? this.#spares.shift() : undefined;
      const thread = prepared ?? this.#started(SlotPool, slotHeapMb);
      thread.onStrayError = onStrayError;
      return thread.pool;
    });
  }

  /** Resolves when no spare is left, nor one that was being ended. */
  async endSpares(): Promise<void> {
    this.#ends++;
    this.#cancelEnd();
    for (const { pool } of this.#spares.splice(0)) {
      const ending = pool.close().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
    await Promise.all(this.#ending);
  }

  #started(Pool: typeof SlotPool, slotHeapMb: number | undefined): Spare {
    const thread: Spare = {
      pool: new Pool({
        slots: 1,
        slotHeapMb,
        loadsAhead: "for-bundles",
        env: this.#options.env,
        onStrayError: (error) => thread.onStrayError(error),
      }),
      onStrayError: () => {},
    };
    return thread;
  }
}
