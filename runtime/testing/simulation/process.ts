/**
 * A simulated process: its clock, its timers, and its end. It can die at any moment, stand still for a while and then go on
 * as if nothing had been, and its host's clock may jump.
 */

import type { Clock } from "../../../core/time.ts";
import type { World } from "./world.ts";

/** A machine: what its processes share. */
export class Host {
  readonly name: string;
  /** How far its clock is ahead of the world's. */
  clockOffsetMs = 0;

  constructor(name: string) {
    this.name = name;
  }
}

interface Sleeper {
  readonly isRung: () => boolean;
  readonly wake: () => void;
}

/** When worlds begin, by wall clocks. */
const EPOCH_MS = 1_700_000_000_000;

export class SimulatedProcess {
  readonly name: string;
  readonly host: Host;
  readonly world: World;
  readonly clock: Clock;
  alive = true;
  /** What happens to others when it dies: connections break. */
  readonly onDeath: (() => void)[] = [];
  #standsStill = false;
  readonly #held: (readonly [label: string, act: () => void])[] = [];
  #sleepers: Sleeper[] = [];

  constructor(name: string, host: Host, world: World) {
    this.name = name;
    this.host = host;
    this.world = world;
    const startMs = world.nowMs;
    this.clock = {
      now: () => Math.floor(EPOCH_MS + host.clockOffsetMs + world.nowMs),
      monotonicMs: () => world.nowMs - startMs,
    };
  }

  /** Calls back after a time unless the returned function is called first, or the process dies. */
  after(ms: number, what: string, act: () => void): () => void {
    return this.world.after(ms, `${this.name} ${what}`, act, this);
  }

  /** Calls as timers of Node do: never at once, so that one that is set again and again lets time go on. */
  readonly callAfter = (ms: number, act: () => void): (() => void) => this.after(Math.max(1, ms), "timer", act);

  /** Done after a time; nobody hears of it if the process dies before. */
  later<T>(ms: number, what: string, act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(ms, what, () => {
        try {
          resolve(act());
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
  }

  /** Looks after each of its events whether the sleeper has been woken, and wakes it once. */
  sleep(isRung: () => boolean, wake: () => void): () => void {
    const sleeper = { isRung, wake };
    this.#sleepers.push(sleeper);
    return () => {
      this.#sleepers = this.#sleepers.filter((each) => each !== sleeper);
    };
  }

  wakeSleepers(): void {
    if (!this.alive) return;
    const rung = this.#sleepers.filter(({ isRung }) => isRung());
    if (rung.length === 0) return;
    this.#sleepers = this.#sleepers.filter((each) => !rung.includes(each));
    for (const { wake } of rung) wake();
  }

  /** Whether an event does not happen now: never, as it is dead, or when it goes on. */
  holds(label: string, act: () => void): boolean {
    if (!this.alive) return true;
    if (this.#standsStill) this.#held.push([label, act]);
    return this.#standsStill;
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#held.length = 0;
    this.#sleepers = [];
    for (const tell of this.onDeath.splice(0)) tell();
  }

  /** As by SIGSTOP and, after a time, SIGCONT. */
  standStill(ms: number): void {
    if (!this.alive || this.#standsStill) return;
    this.#standsStill = true;
    this.world.after(ms, `${this.name} goes on`, () => {
      this.#standsStill = false;
      for (const [label, act] of this.#held.splice(0)) this.world.after(0, label, act, this);
    });
  }
}
