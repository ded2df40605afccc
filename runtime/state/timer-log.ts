/**
 * What checkpoints have to know of one domain's timers, which only come and go. A timer's order tells when it came, as
 * orders rise; so what came since a checkpoint are the timers from an order on, and only these and what went since are kept.
 *
 * Logged is what came since the confirmed checkpoint, and what went of timers that a checkpoint may hold, or that a
 * running capture has to take as they were. Both are forgotten when a later checkpoint is confirmed.
 */

import type { Key } from "../../core/key.ts";
import type { Capturing, Epochs } from "./epochs.ts";

export interface GoneTimer {
  readonly key: Key;
  readonly keyGroup: number;
  readonly time: number;
  readonly order: number;
  /** The epoch in which it fired or was deleted. */
  readonly goneAt: number;
}

/** Timers in columns, by order of registration or in a heap's order. */
export interface TimerColumns {
  readonly slots: ArrayLike<number>;
  readonly times: ArrayLike<number>;
  readonly orders: ArrayLike<number>;
  readonly length: number;
}

export class TimerLog {
  readonly #epochs: Epochs;
  /** The first order of each epoch that has ended and is not confirmed; of the confirmed one in `#since`. */
  readonly #firstOrders = new Map<number, number>();
  #since = 0;
  #cameSlots: number[] = [];
  #cameTimes: number[] = [];
  #cameOrders: number[] = [];
  #gone: GoneTimer[] = [];
  #newestBarrier = 0;

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  /** Whether what comes and goes has to be logged. */
  get isOpen(): boolean {
    return this.#epochs.mayBeSaved(0);
  }

  came(slot: number, time: number, order: number): void {
    this.#cameSlots.push(slot);
    this.#cameTimes.push(time);
    this.#cameOrders.push(order);
  }

  /** Whether a timer that goes has to be told to checkpoints: it is as old as the newest barrier. */
  isTold(order: number): boolean {
    return order < this.#newestBarrier;
  }

  went(timer: GoneTimer): void {
    this.#gone.push(timer);
  }

  /** Restored timers with orders below this are the confirmed checkpoint's. */
  restoredBelow(order: number): void {
    this.#since = order;
    this.#newestBarrier = order;
  }

  /** The barrier: what came since the checkpoint that the capture builds on, and what went. */
  begin({ after, upTo }: Capturing, nextOrder: number): { readonly firstOrder: number; readonly came: TimerColumns } {
    this.#forget();
    const firstOrder = after < 0 ? 0 : after === this.#epochs.confirmed ? this.#since : 0;
    this.#firstOrders.set(upTo, nextOrder);
    this.#newestBarrier = nextOrder;
    const came = {
      slots: this.#cameSlots,
      times: this.#cameTimes,
      orders: this.#cameOrders,
      length: this.#cameOrders.length,
    };
    return { firstOrder, came };
  }

  /** What went between the barriers, whether it is in the checkpoint that the delta builds on or in one since. */
  goneBetween({ after, upTo }: Capturing): readonly GoneTimer[] {
    return this.#gone.filter(({ goneAt }) => goneAt > after && goneAt <= upTo);
  }

  /** Those that a capture has to take although they went after its barrier, at position `from` of the log and behind. */
  goneAfter(upTo: number, firstOrder: number, nextOrder: number): readonly GoneTimer[] {
    return this.#gone.filter(({ goneAt, order }) => goneAt > upTo && order >= firstOrder && order < nextOrder);
  }

  /** Drops what the confirmed checkpoint made superfluous. The arrays are replaced: captures go on with the old ones. */
  #forget(): void {
    const { confirmed } = this.#epochs;
    const since = this.#firstOrders.get(confirmed);
    if (since === undefined) return;
    this.#since = since;
    for (const epoch of this.#firstOrders.keys()) if (epoch <= confirmed) this.#firstOrders.delete(epoch);
    const from = this.#cameOrders.findIndex((order) => order >= since);
    const rest = from < 0 ? this.#cameOrders.length : from;
    this.#cameSlots = this.#cameSlots.slice(rest);
    this.#cameTimes = this.#cameTimes.slice(rest);
    this.#cameOrders = this.#cameOrders.slice(rest);
    this.#gone = this.#gone.filter(({ goneAt }) => goneAt > confirmed);
  }
}
