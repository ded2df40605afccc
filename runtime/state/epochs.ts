/**
 * Epochs: which changes a checkpoint has to hold. Shared by everything of an operator that is saved.
 *
 * Every change is marked with the current epoch. A capture at a barrier ends the epoch e and takes what is marked with
 * more than c, the epoch of the checkpoint confirmed last. So confirming is one assignment, aborting is none, and what
 * an unconfirmed checkpoint held is in the next one again.
 *
 *   epoch      1 ──────── 2 ──────── 3 ──────── 4          marks of changes
 *   captures   │    #7 takes (0,1]   │    #9 takes (1,3]   if #7 was confirmed meanwhile and #8 was not
 */

import { assert } from "../../core/assert.ts";

/** Nothing is confirmed: a capture takes everything. */
const NOTHING = -1;

/** What restored state is marked with. */
export const RESTORED = 0;

export interface Capturing {
  readonly checkpoint: number;
  /** Changes with more than this are taken. */
  readonly after: number;
  /** … and with this or less. */
  readonly upTo: number;
  /** The checkpoint to which this is a delta; undefined: it is self-contained. */
  readonly base: number | undefined;
}

export class Epochs {
  /** Whether anything will ever be captured, so that changes have to be marked. */
  readonly capturing: boolean;
  /** What changes are marked with now. */
  current = RESTORED + 1;
  #confirmed = NOTHING;
  #base: number | undefined;
  readonly #inFlight = new Map<number, number>();

  constructor(capturing = true) {
    this.capturing = capturing;
  }

  /** What is marked with this or less is in the confirmed checkpoint. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Whether a thing that was made in this epoch may be in some checkpoint, so that its end has to be told to the next. */
  mayBeSaved(madeAt: number): boolean {
    return madeAt < this.current && (this.#confirmed > NOTHING || this.#inFlight.size > 0);
  }

  /** REQUIRES: an id above all before. */
  begin(checkpoint: number, full: boolean): Capturing {
    assert(this.capturing, `checkpoint ${checkpoint} is taken of state whose changes nobody has marked`);
    assert(!this.#inFlight.has(checkpoint), `checkpoint ${checkpoint} was begun twice`);
    const upTo = this.current++;
    this.#inFlight.set(checkpoint, upTo);
    return full
      ? { checkpoint, after: NOTHING, upTo, base: undefined }
      : { checkpoint, after: this.#confirmed, upTo, base: this.#base };
  }

  /** The checkpoint is complete. One that is not in flight, having been confirmed, aborted or overtaken, is passed over. */
  confirm(checkpoint: number): void {
    const epoch = this.#inFlight.get(checkpoint);
    if (epoch === undefined) return;
    this.#confirmed = epoch;
    this.#base = checkpoint;
    for (const [id, other] of this.#inFlight) if (other <= epoch) this.#inFlight.delete(id);
  }

  abort(checkpoint: number): void {
    this.#inFlight.delete(checkpoint);
  }

  /** What was restored is that checkpoint. REQUIRES: nothing has been captured yet. */
  restored(checkpoint: number): void {
    assert(this.current === RESTORED + 1, `checkpoint ${checkpoint} was restored after a capture`);
    this.#confirmed = RESTORED;
    this.#base = checkpoint;
  }
}
