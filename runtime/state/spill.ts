/**
 * Which values are in memory: within a budget of bytes, those used lately. A backend has one `Spill`; each state and each
 * pane with values has a `SpillSpace` of it, by slot.
 *
 * Values wait in a queue for their eviction; one that was used since it was queued gets a second turn. A value that has
 * not changed since it was read from disk is dropped, another one is put there. Keys, marks and float64 columns stay in
 * memory: so there are no lookups of keys that do not exist, and captures see what has changed without reading it.
 */

import type { SpillDatabase } from "./spill-database.ts";

/** Stands for a value that is on disk. */
export const SPILLED = Symbol("spilled");

/** Bytes that several backends have together: each evicts its own values only, as others may hold on to theirs. */
export class SpillBudget {
  readonly bytes: number;
  readonly #spills = new Set<Spill>();
  residentBytes = 0;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  join(spill: Spill): void {
    this.#spills.add(spill);
  }

  /** What each may keep when all want more than there is. */
  get share(): number {
    return this.bytes / this.#spills.size;
  }
}

export class Spill {
  readonly database: SpillDatabase;
  readonly #budget: SpillBudget;
  /** Spaces that have values in memory, as the next one to evict from is taken in turn. */
  readonly #spaces = new Set<SpillSpace>();
  #residentBytes = 0;

  constructor(database: SpillDatabase, budget: SpillBudget) {
    this.database = database;
    this.#budget = budget;
    budget.join(this);
  }

  /** A value has become so much larger, or smaller. */
  resized(bytes: number): void {
    this.#residentBytes += bytes;
    this.#budget.residentBytes += bytes;
  }

  /** Evicts until the budget is kept. REQUIRES: nobody holds on to a place of a value. @throws STATE_SPILL, BAD_RECORD */
  relieve(): void {
    if (!this.#exceeds) return;
    for (const space of this.#spaces) {
      while (this.#exceeds && space.evictNext());
      if (!this.#exceeds) return;
    }
  }

  get #exceeds(): boolean {
    const budget = this.#budget;
    return budget.residentBytes > budget.bytes && this.#residentBytes > budget.share;
  }

  add(space: SpillSpace): void {
    this.#spaces.add(space);
  }

  /** The values of a space are gone. */
  remove(space: SpillSpace): void {
    if (!this.#spaces.delete(space)) return;
    this.resized(-space.bytes);
    space.close();
  }
}

/** Where a space's values are in memory, and how they become bytes. */
export interface SpillHost {
  /** The value in a slot, or undefined where there is none to evict. */
  valueAt(slot: number): unknown;
  /** Whether somebody may hold on to the value's place. */
  isHeld(slot: number): boolean;
  /** Puts SPILLED, or a value that was read, into a slot. */
  place(slot: number, value: unknown): void;
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const QUEUED = 1;
const USED = 2;
const ON_DISK = 4;
const QUEUE_MIN = 16;

export class SpillSpace {
  readonly #spill: Spill;
  readonly #host: SpillHost;
  readonly #space: number;
  /** By slot: QUEUED, USED, ON_DISK. */
  #flags = new Uint8Array(QUEUE_MIN);
  /** By slot: estimated bytes of a value in memory. */
  #sizes = new Uint32Array(QUEUE_MIN);
  /** A ring of slots. */
  #queue = new Int32Array(QUEUE_MIN);
  #head = 0;
  #length = 0;
  bytes = 0;

  constructor(spill: Spill, host: SpillHost) {
    this.#spill = spill;
    this.#host = host;
    this.#space = spill.database.newSpace();
    spill.add(this);
  }

  /** A value in memory is used. */
  used(slot: number): void {
    if (slot < this.#flags.length) this.#flags[slot] = (this.#flags[slot] as number) | USED;
  }

  /** A value in memory is new, or about to be changed: what is on disk no longer holds. */
  changed(slot: number): void {
    this.#reserve(slot);
    this.#forgetOnDisk(slot);
    this.#resize(slot, estimateBytes(this.#host.valueAt(slot)));
    this.#flags[slot] = (this.#flags[slot] as number) | USED;
    this.#enqueue(slot);
  }

  /** A value is gone. */
  cleared(slot: number): void {
    if (slot >= this.#flags.length) return;
    this.#resize(slot, 0);
    this.#forgetOnDisk(slot);
  }

  /** All of its values are gone. */
  close(): void {
    this.#spill.database.forgetAll(this.#space);
  }

  #forgetOnDisk(slot: number): void {
    const flags = this.#flags[slot] as number;
    if ((flags & ON_DISK) === 0) return;
    this.#flags[slot] = flags & ~ON_DISK;
    this.#spill.database.forget(this.#space, slot);
  }

  /** Reads a value into memory and returns it. REQUIRES: it is SPILLED. */
  load(slot: number): unknown {
    const bytes = this.#spill.database.get(this.#space, slot);
    const value = this.#host.decode(bytes);
    this.#host.place(slot, value);
    this.#resize(slot, estimateBytes(value));
    this.#flags[slot] = (this.#flags[slot] as number) | USED | ON_DISK;
    this.#enqueue(slot);
    return value;
  }

  /** A value's content, which stays on disk. REQUIRES: it is SPILLED. */
  peek(slot: number): unknown {
    return this.#host.decode(this.#spill.database.get(this.#space, slot));
  }

  /** Evicts one value. False when none is in memory. */
  evictNext(): boolean {
    // Each is looked at twice at most: once for its second turn.
    for (let left = 2 * this.#length; left > 0 && this.#length > 0; left--) {
      const slot = this.#dequeue();
      const flags = this.#flags[slot] as number;
      const value = this.#host.valueAt(slot);
      if (value === undefined || value === SPILLED) continue;
      if ((flags & USED) !== 0 || this.#host.isHeld(slot)) {
        this.#flags[slot] = flags & ~USED;
        this.#enqueue(slot);
        continue;
      }
      if ((flags & ON_DISK) === 0) this.#spill.database.put(this.#space, slot, this.#host.encode(value));
      this.#flags[slot] = flags | ON_DISK;
      this.#host.place(slot, SPILLED);
      this.#resize(slot, 0);
      return true;
    }
    return false;
  }

  #resize(slot: number, bytes: number): void {
    const change = bytes - (this.#sizes[slot] as number);
    this.#sizes[slot] = bytes;
    this.bytes += change;
    this.#spill.resized(change);
  }

  #enqueue(slot: number): void {
    if (((this.#flags[slot] as number) & QUEUED) !== 0) return;
    this.#flags[slot] = (this.#flags[slot] as number) | QUEUED;
    if (this.#length === this.#queue.length) this.#growQueue();
    this.#queue[(this.#head + this.#length++) & (this.#queue.length - 1)] = slot;
  }

  #dequeue(): number {
    const slot = this.#queue[this.#head] as number;
    this.#head = (this.#head + 1) & (this.#queue.length - 1);
    this.#length--;
    this.#flags[slot] = (this.#flags[slot] as number) & ~QUEUED;
    return slot;
  }

  #growQueue(): void {
    const longer = new Int32Array(2 * this.#queue.length);
    for (let i = 0; i < this.#length; i++)
      longer[i] = this.#queue[(this.#head + i) & (this.#queue.length - 1)] as number;
    this.#queue = longer;
    this.#head = 0;
  }

  #reserve(slot: number): void {
    if (slot < this.#flags.length) return;
    const capacity = Math.max(2 * this.#flags.length, slot + 1);
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags);
    this.#flags = flags;
    const sizes = new Uint32Array(capacity);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
  }
}

/** How far an estimate looks into a value: deep enough for records, bounded for large ones. */
const ESTIMATED_PARTS_MAX = 64;
const POINTER_BYTES = 8;
const OBJECT_BYTES = 24;

/** About how many bytes a value takes on the heap. */
export function estimateBytes(value: unknown): number {
  let parts = 0;
  const visit = (part: unknown): number => {
    if (typeof part === "string") return OBJECT_BYTES + part.length;
    if (typeof part !== "object" || part === null) return POINTER_BYTES;
    if (ArrayBuffer.isView(part)) return 3 * OBJECT_BYTES + part.byteLength;
    const size = Array.isArray(part) ? part.length : part instanceof Map || part instanceof Set ? part.size : 0;
    if (size > ESTIMATED_PARTS_MAX) return OBJECT_BYTES + size * (POINTER_BYTES + OBJECT_BYTES);
    let sum = OBJECT_BYTES;
    const members = part instanceof Map ? [...part.keys(), ...part.values()] : Object.values(part);
    for (const member of members) {
      sum += POINTER_BYTES;
      if (++parts < ESTIMATED_PARTS_MAX) sum += visit(member);
    }
    return sum;
  };
  return visit(value);
}
