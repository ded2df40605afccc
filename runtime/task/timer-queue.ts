/**
 * The timers of one subtask's operator: registered by key, domain and time, fired in order of time, ties in order of
 * registration. They are part of the state and are snapshotted by key group in the blocks of `state/snapshot-block.ts`.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Gate, Timer, TimerDomain } from "../../core/operator.ts";
import type { StateSnapshot } from "../../core/state-backend.ts";
import { KeyGroups } from "../state/key-groups.ts";
import { KeyIndex } from "../state/key-index.ts";
import { RowsByGroup } from "../state/rows-by-group.ts";
import { corrupt, type KeyColumn, keyColumn, readBlocks, SnapshotWriter } from "../state/snapshot-block.ts";
import { TimerHeap } from "./timer-heap.ts";

export interface TimerQueueOptions {
  /** Names the operator in errors. */
  readonly operator: string;
  readonly keyGroups: KeyGroupRange;
  /** Of the whole job. */
  readonly keyGroupCount: number;
}

/** Payload of section "timers": timer i is `keys[i]` at `times[i]`; `orders` tell which was registered first. */
interface TimersContent {
  readonly domain: TimerDomain;
  readonly keys: KeyColumn;
  readonly times: Float64Array;
  readonly orders: Float64Array;
}

interface SavedTimer {
  readonly domain: TimerDomain;
  readonly keyGroup: number;
  readonly key: Key;
  readonly time: number;
  readonly order: number;
}

const domains: readonly TimerDomain[] = ["event", "processing"];

export class TimerQueue {
  readonly #operator: string;
  readonly #keyGroups: KeyGroups;
  readonly #event = new TimerHeap();
  readonly #processing = new TimerHeap();
  /** Keys that have timers. */
  readonly #index: KeyIndex;
  /** By slot of a key: its key group, and how many timers it has in both domains. */
  readonly #groups: number[] = [];
  readonly #counts: number[] = [];
  #nextOrder = 0;

  constructor({ operator, keyGroups, keyGroupCount }: TimerQueueOptions) {
    this.#operator = operator;
    this.#keyGroups = new KeyGroups(keyGroups, keyGroupCount, operator);
    this.#index = new KeyIndex(operator);
  }

  /** How many timers are registered in both domains. */
  get size(): number {
    return this.#event.size + this.#processing.size;
  }

  /** Places kept for keys: no more than have ever had timers at one time. */
  get keySlots(): number {
    return this.#index.slots;
  }

  /** Registers a timer; one that is registered already stays as it is. @throws BAD_KEY, STATE_MISUSE for a time that is NaN */
  register(key: Key, domain: TimerDomain, timestamp: number): void {
    if (timestamp !== timestamp) throw this.#noTime(key);
    const found = this.#index.find(key);
    const slot = found >= 0 ? found : this.#addKey(key);
    if (!this.#heap(domain).add(slot, timestamp + 0, this.#nextOrder)) return; // -0 + 0 is 0
    this.#nextOrder++;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
  }

  /** Does nothing when there is no such timer. @throws BAD_KEY */
  delete(key: Key, domain: TimerDomain, timestamp: number): void {
    const slot = this.#index.find(key);
    if (slot >= 0 && this.#heap(domain).delete(slot, timestamp + 0)) this.#release(slot);
  }

  /** The earliest time in a domain, or Infinity. */
  next(domain: TimerDomain): number {
    return this.#heap(domain).next();
  }

  /**
   * Fires what is due at `time` or before, timers that are registered meanwhile included. A timer is gone when it fires.
   * A `fire` that always registers the next timer at or before `time` makes this run until the gate blocks.
   * @returns false when the gate was blocked while something is still due: call again when it is open.
   */
  advance(domain: TimerDomain, time: number, fire: (timer: Timer) => void, gate: Gate): boolean {
    const heap = this.#heap(domain);
    while (heap.settle() && heap.topTime <= time) {
      if (gate.blocked) return false;
      const slot = heap.topSlot;
      const timer: Timer = { timestamp: heap.topTime, domain, key: this.#index.keyAt(slot) };
      heap.removeTop();
      this.#release(slot);
      fire(timer);
    }
    return true;
  }

  /** All timers as self-contained bytes per key group. */
  snapshot(): StateSnapshot {
    const writer = new SnapshotWriter(this.#operator);
    for (const domain of domains) this.#write(domain, writer);
    return writer.finish();
  }

  /**
   * Adds the timers of a snapshot that are in own key groups. Ties keep their order within a subtask that was saved.
   * REQUIRES: called before any use. @throws STATE_CORRUPT
   */
  restore(snapshot: StateSnapshot): void {
    const saved: SavedTimer[] = [];
    for (const { keyGroup, content } of readBlocks(snapshot, "timers", this.#keyGroups.range, this.#operator)) {
      const { domain, keys, times, orders } = content as TimersContent;
      for (const [row, key] of keys.entries()) {
        saved.push({ domain, keyGroup, key, time: times[row] as number, order: orders[row] as number });
      }
    }
    saved.sort((a, b) => a.order - b.order || a.keyGroup - b.keyGroup);
    for (const { key, domain, time } of saved) {
      const size = this.size;
      this.register(key, domain, time);
      if (this.size === size)
        throw corrupt(this.#operator, `the ${domain} timer of the key ${String(key)} at ${time} is held twice`);
    }
  }

  #heap(domain: TimerDomain): TimerHeap {
    return domain === "event" ? this.#event : this.#processing;
  }

  #addKey(key: Key): number {
    const group = this.#keyGroups.ownGroupOf(key);
    const slot = this.#index.slotOf(key);
    this.#groups[slot] = group;
    this.#counts[slot] = 0;
    return slot;
  }

  #release(slot: number): void {
    const left = (this.#counts[slot] as number) - 1;
    this.#counts[slot] = left;
    if (left === 0) this.#index.remove(slot);
  }

  #write(domain: TimerDomain, writer: SnapshotWriter): void {
    const slots: number[] = [];
    const times: number[] = [];
    const orders: number[] = [];
    const rowsByGroup = new RowsByGroup();
    this.#heap(domain).forEach((slot, time, order) => {
      rowsByGroup.add(this.#groups[slot] as number, slots.length);
      slots.push(slot);
      times.push(time);
      orders.push(order);
    });
    for (const [group, rows] of rowsByGroup.chunks()) {
      const content: TimersContent = {
        domain,
        keys: keyColumn(rows.map((row) => this.#index.keyAt(slots[row] as number))),
        times: new Float64Array(rows.map((row) => times[row] as number)),
        orders: new Float64Array(rows.map((row) => orders[row] as number)),
      };
      writer.add(group, "timers", content, `the ${domain} timers`);
    }
  }

  #noTime(key: Key): MillraceError {
    return new MillraceError(
      "STATE_MISUSE",
      `"${this.#operator}" registered a timer of the key ${String(key)} at NaN. Give it a time`,
      {
        operator: this.#operator,
      },
    );
  }
}
