/**
 * When the exchange works: after I/O that brought something, when a slot has rung the network's doorbell, and while
 * frames flow, at a steady pace.
 *
 *             ring, I/O                     found something
 *   asleep ──────────────► due at once ◄──────────────────┐
 *     ▲                        │ turn                     │
 *     │ found nothing, twice   ├──────────► pacing ───────┘ after LINK_PACE_MS, or when a full socket has room
 *     └────────────────────────┘  found something
 *
 *  1. While frames flow nobody has to wake anybody: a turn comes each LINK_PACE_MS and moves what has gathered. A wake-up
 *     costs as much as hundreds of records, and one a frame at each hop costs more than moving the frames.
 *  2. A turn that has found nothing announces sleep at all doorbells, and one more turn looks for what came before the
 *     announcement (`doorbell.ts`). From then on a ring or I/O brings the next turn, at once.
 */

import { LINK_PACE_MS } from "../../../core/limits.ts";
import type { Doorbell } from "../doorbell.ts";
import type { CallAfter, LinkWaits } from "./link-contract.ts";

export const ownWaits: LinkWaits = {
  soon: (act) => void setImmediate(act),
  rung: (doorbell, count) => doorbell.sleep(count, Number.POSITIVE_INFINITY),
};

/** The network's doorbell of one region. */
export class RegionBell {
  readonly #doorbell: Doorbell;
  readonly #rung: () => void;
  readonly #waits: LinkWaits;
  #waiting = false;
  #closed = false;

  constructor(doorbell: Doorbell, waits: LinkWaits, rung: () => void) {
    this.#doorbell = doorbell;
    this.#waits = waits;
    this.#rung = rung;
  }

  /** Announces sleep, unless it has; `rung` is called at the next ring. */
  arm(): void {
    if (this.#waiting || this.#closed) return;
    this.#waiting = true;
    const count = this.#doorbell.prepareSleep();
    void this.#waits.rung(this.#doorbell, count).then(() => {
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
  readonly #callAfter: CallAfter;
  readonly #waits: LinkWaits;
  readonly #bells = new Set<RegionBell>();
  #due = false;
  #stopPacing: (() => void) | undefined;
  #stopped = false;

  /** `turn` says whether it has moved anything. */
  constructor(turn: () => boolean, callAfter: CallAfter, waits: LinkWaits) {
    this.#turn = turn;
    this.#callAfter = callAfter;
    this.#waits = waits;
  }

  open(doorbell: Doorbell): RegionBell {
    const bell = new RegionBell(doorbell, this.#waits, () => this.schedule());
    this.#bells.add(bell);
    this.schedule();
    return bell;
  }

  close(bell: RegionBell): void {
    this.#bells.delete(bell);
    bell.close();
  }

  /** There may be something to do, at the next turn if frames flow. */
  schedule(): void {
    if (this.#stopPacing === undefined) this.scheduleAtOnce();
  }

  scheduleAtOnce(): void {
    if (this.#due || this.#stopped) return;
    this.#due = true;
    this.#stopPacing?.();
    this.#stopPacing = undefined;
    this.#waits.soon(() => this.#run());
  }

  stop(): void {
    this.#stopped = true;
    this.#stopPacing?.();
    for (const bell of this.#bells) this.close(bell);
  }

  #run(): void {
    this.#due = false;
    if (this.#stopped) return;
    if (!this.#turn()) {
      for (const bell of this.#bells) bell.arm();
      if (!this.#turn()) return;
    }
    if (this.#due || this.#stopped) return;
    this.#stopPacing = this.#callAfter(LINK_PACE_MS, () => {
      this.#stopPacing = undefined;
      this.#run();
    });
  }
}
