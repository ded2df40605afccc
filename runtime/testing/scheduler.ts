/**
 * The scheduler of a run in one thread: decides by a seed which slot goes on next and which message arrives next.
 *
 *  1. Whatever can happen is a candidate: a slot that is not asleep or has been woken, the oldest message of a queue.
 *  2. A candidate is drawn and done, with all that follows from it at once (promises that it settles).
 *  3. When there is none, the outside world is waited for where something awaits it: files, timers of user code.
 *  4. When that is quiet too, time moves to the next moment at which a slot wants to be woken: at once, or, where somebody may
 *     be waiting for what comes by a connection, in a part of the time that it takes outside.
 *
 * So a program that only works in memory runs in the same order whenever it has the same seed.
 */

import { AssertionFailure } from "../../core/assert.ts";
import { OutsideWorld } from "./outside-world.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** So much faster than outside does time go while connections stand: an answer is in time that comes within a part of a deadline. */
const FASTER = 20;

/** What the scheduler chooses from. */
export interface Actor {
  /** What it would do next, or undefined when it cannot do anything now. */
  next(): (() => void) | undefined;
  /** When it wants to be looked at again; Infinity for not by time. */
  readonly wakeAt: number;
  /** Whether it waits for something that the scheduler does not bring about: "surely", or only "perhaps". */
  readonly awaitsOutside: "surely" | "perhaps" | "no";
}

export class Scheduler {
  readonly #random: SeededRandom;
  readonly #clock: VirtualClock;
  readonly #actors: Actor[] = [];
  /** Outside, in milliseconds: since when time stands still because of connections; undefined: it does not. */
  #patientSince: number | undefined;
  /** How often something was done so far. */
  steps = 0;

  constructor(random: SeededRandom, clock: VirtualClock) {
    this.#random = random;
    this.#clock = clock;
  }

  add(actor: Actor): void {
    this.#actors.push(actor);
  }

  /**
   * Starts the program and runs until `done` says so. What the program starts outside is told from what others start.
   * @throws AssertionFailure when nothing can happen any more.
   */
  async run(start: () => void, done: () => boolean): Promise<void> {
    using outside = new OutsideWorld();
    await outside.enter(async () => {
      start();
      while (!done()) {
        if (!this.#stepOnce()) await this.#pass(outside, done);
        await macrotask();
      }
    });
  }

  /**
   * Does all that can be done without time going on beyond `until`, which it reaches: what a test that drives the program by
   * hand waits for.
   */
  async settle(outside: OutsideWorld, until: number): Promise<void> {
    await outside.enter(async () => {
      for (;;) {
        while (this.#stepOnce()) await macrotask();
        await macrotask();
        if (this.#actors.some((actor) => actor.next() !== undefined)) continue;
        const waits = this.#actors.map((actor) => actor.awaitsOutside);
        if (waits.includes("surely") || outside.busy) {
          await outside.aMoment();
          continue;
        }
        const next = Math.min(...this.#actors.map((actor) => actor.wakeAt));
        if (next > until && this.#clock.now() >= until) return;
        this.#clock.advanceTo(Math.max(Math.min(next, until), this.#clock.now()));
        if (next > until) return;
      }
    });
  }

  #stepOnce(): boolean {
    const candidates = this.#actors.flatMap((actor) => actor.next() ?? []);
    if (candidates.length === 0) return false;
    this.#random.pick(candidates)();
    this.steps++;
    return true;
  }

  /** Nothing can happen at this moment: lets the outside world go on, or else time. */
  async #pass(outside: OutsideWorld, done: () => boolean): Promise<void> {
    await macrotask();
    if (done() || this.#actors.some((actor) => actor.next() !== undefined)) return;
    const waits = this.#actors.map((actor) => actor.awaitsOutside);
    if (waits.includes("surely") || (waits.includes("perhaps") && outside.busy)) {
      await outside.aMoment();
      return;
    }
    const next = Math.min(...this.#actors.map((actor) => actor.wakeAt));
    if (waits.includes("perhaps") && outside.connected && this.#isEarly(next)) await outside.aMoment();
    else if (next < Number.POSITIVE_INFINITY) this.#clock.advanceTo(Math.max(next, this.#clock.now()));
    else if (waits.includes("perhaps")) await outside.aMoment();
    else
      throw new AssertionFailure("every slot sleeps, no message is under way and nothing is due: the job stands still");
  }

  /** Whether too little time has passed outside to go on to that moment. */
  #isEarly(next: number): boolean {
    this.#patientSince ??= performance.now();
    const isEarly = FASTER * (performance.now() - this.#patientSince) < next - this.#clock.now();
    if (!isEarly) this.#patientSince = undefined;
    return isEarly;
  }
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
