/**
 * The simulated world: virtual time, chance from a seed, and what happens when. Everything that processes, disks and
 * networks do is an event of it.
 *
 *  1. The earliest event happens, with all that follows from it at once: every promise that it settles.
 *  2. Files and timers of user code, which are not simulated, are waited for: to the world they take no time.
 *  3. Whoever sleeps in the memory of the process that was at work is looked at: it may have been woken.
 *  4. Time moves to the next event.
 *
 * The law: an event belongs to one process at most, and nothing of another process happens within it. So a process can end
 * between any two events, and the same seed gives the same run on any machine.
 */

import { AssertionFailure } from "../../../core/assert.ts";
import { OutsideWorld } from "../outside-world.ts";
import { SeededRandom } from "../seeded-random.ts";
import { EventQueue, type Planned } from "./event-queue.ts";
import type { SimulatedProcess } from "./process.ts";
import { Trace } from "./trace.ts";

interface WorldEvent extends Planned {
  readonly act: () => void;
  /** Whose it is; undefined: the world's own. */
  readonly process: SimulatedProcess | undefined;
  readonly label: string;
  cancelled: boolean;
}

/** A run has so many events at the most: far more than any run takes that comes to an end. */
const EVENTS_MAX = 500_000;

export class World {
  readonly random: SeededRandom;
  readonly trace = new Trace();
  readonly #queue = new EventQueue<WorldEvent>();
  #serial = 0;
  /** Milliseconds since the world began, with fractions. */
  nowMs = 0;
  /** Whose event happens at the moment. */
  current: SimulatedProcess | undefined;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Plans an event. @returns what cancels it. */
  after(ms: number, label: string, act: () => void, process?: SimulatedProcess): () => void {
    const event = { atMs: this.nowMs + ms, serial: this.#serial++, act, process, label, cancelled: false };
    this.#queue.add(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** In [least, most). */
  between(least: number, most: number): number {
    return least + this.random.next() * (most - least);
  }

  /** A whole number from least to most. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.random.next() * (most - least + 1));
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  /** Runs `start` and then what follows from it, until the time has come or enough is done. */
  async run(start: () => void, untilMs: number, enough: () => boolean): Promise<void> {
    using outside = new OutsideWorld();
    await outside.enter(async () => {
      start();
      await this.#settle(outside);
      for (
        let next = this.#queue.next;
        next !== undefined && next.atMs <= untilMs && !enough();
        next = this.#queue.next
      ) {
        this.#queue.take();
        if (next.cancelled) continue;
        this.nowMs = next.atMs;
        if (next.process?.holds(next.label, next.act) === true) continue;
        await this.#happen(next, outside);
      }
    });
  }

  async #happen({ label, act, process }: WorldEvent, outside: OutsideWorld): Promise<void> {
    this.trace.add(label, this.nowMs);
    if (this.trace.events > EVENTS_MAX)
      throw new AssertionFailure(`the run has had ${EVENTS_MAX} events, and is not over`);
    this.current = process;
    act();
    await this.#settle(outside);
    this.current = undefined;
    process?.wakeSleepers();
  }

  async #settle(outside: OutsideWorld): Promise<void> {
    await macrotask();
    while (outside.busy) {
      await outside.aMoment();
      await macrotask();
    }
  }
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
