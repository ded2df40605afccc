/**
 * When the exchange works: after I/O that brought something, and when a slot has rung the network's doorbell.
 *
 *  1. A turn moves what it can. As long as it finds something, the next one comes after the I/O of this moment, so that
 *     what arrives together is answered together.
 *  2. When it has found nothing, all doorbells that are not waited on announce sleep, and one more turn looks for what
 *     came before the announcement (`doorbell.ts`). From then on a ring, or `schedule`, brings the next turn.
 */

import type { Doorbell } from "../doorbell.ts";

/** The network's doorbell of one region. */
export class RegionBell {
  readonly #doorbell: Doorbell;
  readonly #rung: () => void;
  #waiting = false;
  #closed = false;

  constructor(doorbell: Doorbell, rung: () => void) {
    this.#doorbell = doorbell;
    this.#rung = rung;
  }

  /** Announces sleep, unless it has; `rung` is called at the next ring. */
  arm(): void {
    if (this.#waiting || this.#closed) return;
    this.#waiting = true;
    const count = this.#doorbell.prepareSleep();
    void this.#doorbell.sleep(count, Number.POSITIVE_INFINITY).then(() => {
      this.#waiting = false;
      this.#doorbell.awake();
      if (!this.#closed) this.#rung();
    });
  }

  /** Nothing is waited for any more. */
  close(): void {
    this.#closed = true;
    this.#doorbell.ring();
  }
}

export class Turns {
  readonly #turn: () => boolean;
  readonly #bells = new Set<RegionBell>();
  #scheduled = false;
  #stopped = false;

  /** `turn` says whether it has moved anything. */
  constructor(turn: () => boolean) {
    this.#turn = turn;
  }

  open(doorbell: Doorbell): RegionBell {
    const bell = new RegionBell(doorbell, () => this.schedule());
    this.#bells.add(bell);
    this.schedule();
    return bell;
  }

  close(bell: RegionBell): void {
    this.#bells.delete(bell);
    bell.close();
  }

  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  stop(): void {
    this.#stopped = true;
    for (const bell of this.#bells) this.close(bell);
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    if (!this.#turn()) {
      for (const bell of this.#bells) bell.arm();
      if (!this.#turn()) return;
    }
    this.schedule();
  }
}
