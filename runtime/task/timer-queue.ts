/**
 * The timers of one subtask's operator: registered by key, domain and time, fired in order of time, ties in order of
 * registration. They are part of the state and are saved as it is: at once by key group, or at a barrier in steps, what
 * came and went since the confirmed checkpoint (`state/timer-log.ts`), in the blocks of `state/state-block.ts`.
 */

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Key } from "../../core/key.ts";
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { Gate, Timer, TimerDomain } from "../../core/operator.ts";
import type { StateCapture, StateSnapshot } from "../../core/state-backend.ts";
import type { Steps } from "../state/capture.ts";
import { RunningCapture } from "../state/capture.ts";
import { type Capturing, Epochs } from "../state/epochs.ts";
import { KeyGroups } from "../state/key-groups.ts";
import { KeyIndex } from "../state/key-index.ts";
import { blocksWithin, corrupt, intersects, readHeader } from "../state/state-block.ts";
import { TimerLog } from "../state/timer-log.ts";
import { TimerFold, TimerRows } from "../state/timer-rows.ts";
import { TimerHeap } from "./timer-heap.ts";

export interface TimerQueueOptions {
  /** Names the operator in errors. */
  readonly operator: string;
  readonly keyGroups: KeyGroupRange;
  /** Of the whole job. */
  readonly keyGroupCount: number;
}

const domains: readonly TimerDomain[] = ["event", "processing"];

export class TimerQueue {
  readonly #operator: string;
  readonly #keyGroups: KeyGroups;
  readonly #epochs = new Epochs();
  readonly #event = new TimerHeap();
  readonly #processing = new TimerHeap();
  readonly #logs = { event: new TimerLog(this.#epochs), processing: new TimerLog(this.#epochs) };
  /** Keys that have timers. */
  readonly #index: KeyIndex;
  /** By slot of a key: its key group, and how many timers it has in both domains. */
  readonly #groups: number[] = [];
  readonly #counts: number[] = [];
  #nextOrder = 0;
  #running: RunningCapture | undefined;
  /** What blocks have said so far, until `restored`. */
  #restoring: TimerFold | undefined;

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
    const log = this.#logs[domain];
    if (log.isOpen) log.came(slot, timestamp + 0, this.#nextOrder);
    this.#nextOrder++;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
  }

  /** Does nothing when there is no such timer. @throws BAD_KEY */
  delete(key: Key, domain: TimerDomain, timestamp: number): void {
    const slot = this.#index.find(key);
    if (slot < 0) return;
    const heap = this.#heap(domain);
    const order = this.#logs[domain].isOpen ? heap.orderOf(slot, timestamp + 0) : -1;
    if (heap.delete(slot, timestamp + 0)) this.#release(slot, domain, timestamp + 0, order);
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
      const order = heap.topOrder;
      heap.removeTop();
      this.#release(slot, domain, timer.timestamp, order);
      fire(timer);
    }
    return true;
  }

  /** All timers as self-contained bytes per key group. */
  snapshot(): StateSnapshot {
    const groups = new Map<number, Uint8Array[]>();
    for (const domain of domains) {
      const rows = new TimerRows(domain, this.#operator, true);
      this.#heap(domain).forEach((slot, time, order) => {
        rows.add(this.#groups[slot] as number, this.#index.keyAt(slot), time, order, true);
      });
      for (const block of rows.blocks()) {
        if (block === undefined) continue;
        const { first } = readHeader(block, "a new block", this.#operator).keyGroups;
        groups.set(first, [...(groups.get(first) ?? []), block]);
      }
    }
    return new Map([...groups].sort(([a], [b]) => a - b));
  }

  /**
   * Adds the timers of a snapshot that are in own key groups. Ties keep their order within a subtask that was saved.
   * REQUIRES: called before any use. @throws STATE_CORRUPT
   */
  restore(snapshot: StateSnapshot): void {
    for (const { block, where, header } of blocksWithin(snapshot, this.#keyGroups.range, this.#operator)) {
      if (header.shape.section === "timers") this.#fold.restoreBlock(block, where, "refused");
    }
    this.restored(undefined);
  }

  /** As `KeyedStateBackend.capture`, of the timers. */
  capture(checkpoint: number, { full = false }: { readonly full?: boolean } = {}): StateCapture {
    assert(this.#running === undefined, `"${this.#operator}" is asked for a capture of timers while one is running`);
    const capturing = this.#epochs.begin(checkpoint, full);
    const nextOrder = this.#nextOrder;
    const parts = domains.map((domain) => this.#captureSteps(domain, capturing, nextOrder));
    this.#running = new RunningCapture(capturing, flat(parts), () => {
      this.#running = undefined;
    });
    return this.#running;
  }

  #captureSteps(domain: TimerDomain, capturing: Capturing, nextOrder: number): Steps {
    const log = this.#logs[domain];
    const heap = this.#heap(domain);
    const { firstOrder, came } = log.begin(capturing, nextOrder);
    // A log says what came; without one, at the first checkpoint, the heap's copy does.
    const columns = capturing.after < 0 ? heap.copy() : came;
    const rows = new TimerRows(domain, this.#operator, false);
    const collect = function* (this: TimerQueue): Steps {
      // Tombstones come first: a timer may have been registered again.
      if (capturing.after >= 0)
        for (const { key, keyGroup, time, order } of log.goneBetween(capturing))
          rows.add(keyGroup, key, time, order, false);
      for (let i = 0; i < columns.length; i++) {
        const slot = columns.slots[i] as number;
        const time = columns.times[i] as number;
        const order = columns.orders[i] as number;
        if (order >= firstOrder && order < nextOrder && heap.orderOf(slot, time) === order)
          rows.add(this.#groups[slot] as number, this.#index.keyAt(slot), time, order, true);
        if (i % 4096 === 4095) yield undefined;
      }
      yield undefined;
      for (const { key, keyGroup, time, order } of log.goneAfter(capturing.upTo, firstOrder, nextOrder))
        rows.add(keyGroup, key, time, order, true);
      yield* rows.blocks();
    };
    return collect.call(this);
  }

  /** As `KeyedStateBackend.confirm`. */
  confirm(checkpoint: number): void {
    this.#epochs.confirm(checkpoint);
  }

  /** As `KeyedStateBackend.abort`. */
  abort(checkpoint: number): void {
    if (this.#running?.checkpoint === checkpoint) this.#running.cancel();
    this.#epochs.abort(checkpoint);
  }

  /** As `KeyedStateBackend.restoreBlock`. REQUIRES: `restored` is called after the last one. */
  restoreBlock(block: Uint8Array, where: string): void {
    const { keyGroups } = readHeader(block, where, this.#operator);
    if (intersects(keyGroups, this.#keyGroups.range)) this.#fold.restoreBlock(block, where);
  }

  /**
   * Registers what was restored. With a checkpoint, captures may be deltas to it; but when several subtasks' timers have
   * come together, whose orders say nothing of each other, the first capture takes everything.
   */
  restored(checkpoint: number | undefined): void {
    const saved = this.#fold.timers();
    this.#restoring = undefined;
    const distinct = saved.every(({ order }, i) => i === 0 || order !== saved[i - 1]?.order);
    const keepOrders = checkpoint !== undefined && distinct;
    for (const { key, domain, time, order } of saved) {
      if (keepOrders) this.#nextOrder = order;
      const size = this.size;
      this.register(key, domain, time);
      if (this.size === size)
        throw corrupt(this.#operator, `the ${domain} timer of the key ${String(key)} at ${time} is held twice`);
    }
    if (!keepOrders) return;
    this.#epochs.restored(checkpoint);
    for (const domain of domains) this.#logs[domain].restoredBelow(this.#nextOrder);
  }

  get #fold(): TimerFold {
    this.#restoring ??= new TimerFold(this.#operator, this.#keyGroups.range);
    return this.#restoring;
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

  #release(slot: number, domain: TimerDomain, time: number, order: number): void {
    const log = this.#logs[domain];
    if (log.isOpen && log.isTold(order)) {
      const keyGroup = this.#groups[slot] as number;
      log.went({ key: this.#index.keyAt(slot), keyGroup, time, order, goneAt: this.#epochs.current });
    }
    const left = (this.#counts[slot] as number) - 1;
    this.#counts[slot] = left;
    if (left === 0) this.#index.remove(slot);
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

function* flat(parts: readonly Steps[]): Steps {
  for (const part of parts) yield* part;
}
