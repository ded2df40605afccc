/** Virtual time, seeded chance, and a network between fake workers and a coordinator that may lose what is under way. */

import { SeededRandom } from "../../../../runtime/testing/seeded-random.ts";
import { VirtualClock } from "../../../../runtime/testing/virtual-clock.ts";

interface Planned {
  readonly atMs: number;
  readonly serial: number;
  readonly act: () => void;
}

export class World {
  readonly clock = new VirtualClock(1_000_000);
  readonly random: SeededRandom;
  readonly #planned: Planned[] = [];
  #serial = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Calls back after a time unless the returned function is called first. */
  readonly after = (ms: number, act: () => void): (() => void) => {
    let cancelled = false;
    this.#insert({
      atMs: this.clock.now() + ms,
      serial: this.#serial++,
      act: () => {
        if (!cancelled) act();
      },
    });
    return () => {
      cancelled = true;
    };
  };

  between(least: number, most: number): number {
    return least + Math.floor(this.random.next() * (most - least + 1));
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  /** Done after a time, and told by a promise. What `lost` says by then does not happen, and nobody hears of it. */
  later<T>(ms: number, act: () => T, lost: () => boolean = () => false): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(ms, () => {
        if (lost()) return;
        try {
          resolve(act());
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
  }

  /** Goes through what is planned until nothing is, the time has come, or enough is done. What follows each comes first. */
  async run(untilMs: number, enough: () => boolean = () => false): Promise<void> {
    while (!enough()) {
      const next = this.#planned[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#planned.shift();
      this.clock.advanceTo(next.atMs);
      next.act();
      await this.settle();
    }
  }

  /** Lets all promises that can be settled be so. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  #insert(planned: Planned): void {
    let low = 0;
    let high = this.#planned.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#planned[middle] as Planned;
      if (other.atMs < planned.atMs || (other.atMs === planned.atMs && other.serial < planned.serial)) low = middle + 1;
      else high = middle;
    }
    this.#planned.splice(low, 0, planned);
  }
}
