/**
 * The values of a pane under a memory budget. Operators read `values[slot]` directly, so a value has to be in memory from
 * the moment its slot was asked for until they are done with it: the slots asked for lately are held, and only when a
 * slot leaves that ring, with whatever its value has become, does the value count and may it go to disk.
 */

import { SPILLED, type Spill, SpillSpace } from "./spill.ts";
import { spilledBytes, spilledValue } from "./spilled-value.ts";
import { notSaveable } from "./state-block.ts";

/** Several times as many as operators ask for before they use them. A power of two. */
const HELD_SLOTS = 1024;

export class LatelyUsed {
  readonly #values: unknown[];
  readonly #spill: Spill;
  readonly #space: SpillSpace;
  /** The slots that were asked for last, in a ring; and by slot, at which count it was last. */
  readonly #ring = new Int32Array(HELD_SLOTS).fill(-1);
  readonly #askedAt: number[] = [];
  #asked = 0;

  constructor(values: unknown[], spill: Spill, operator: string) {
    this.#values = values;
    this.#spill = spill;
    this.#space = new SpillSpace(spill, {
      valueAt: (slot) => values[slot],
      isHeld: (slot) => (this.#askedAt[slot] ?? 0) > this.#asked - HELD_SLOTS,
      place: (slot, value) => {
        values[slot] = value;
      },
      encode: (value) => {
        try {
          return spilledBytes(value);
        } catch (cause) {
          throw notSaveable("table", "values", operator, cause);
        }
      },
      decode: spilledValue,
    });
  }

  /** The slot's value is about to be read. It stays in memory until another slot is changed. */
  read(slot: number): void {
    if (this.#values[slot] === SPILLED) this.#space.load(slot);
    else this.#space.used(slot);
  }

  /** The slot's value is about to be changed. */
  change(slot: number): void {
    if (this.#values[slot] === SPILLED) this.#space.load(slot);
    const place = this.#asked & (HELD_SLOTS - 1);
    const left = this.#ring[place] as number;
    this.#ring[place] = slot;
    this.#askedAt[slot] = ++this.#asked;
    if (left >= 0 && (this.#askedAt[left] as number) <= this.#asked - HELD_SLOTS) this.#space.changed(left);
    this.#spill.relieve();
  }

  /** The value, without reading it into memory. */
  peek(slot: number): unknown {
    return this.#values[slot] === SPILLED ? this.#space.peek(slot) : this.#values[slot];
  }

  /** Holds nothing any more. */
  release(): void {
    for (const slot of this.#ring) if (slot >= 0) this.#space.changed(slot);
    this.#ring.fill(-1);
    this.#asked += HELD_SLOTS;
  }

  close(): void {
    this.#spill.remove(this.#space);
  }
}
