/**
 * The keys at which something is open or waits, in the table "matches", with what `key-matches.ts` describes. A key has an
 * entry only once a record of it waits or has begun a match.
 */

import type { Key } from "../../core/key.ts";
import { ForgetfulKeys } from "../forgetful-keys.ts";
import { earliestWaiting, isIdle, type KeyMatches, newKeyMatches } from "./key-matches.ts";

// What an entry holds.
const NOTHING = 0;
const MATCHES = 1;
const WAITING = 2;

export class KeyEntries extends ForgetfulKeys<KeyMatches> {
  /** Empty matches, for a key that has no entry: `keepSpare` makes them its own. */
  spare = newKeyMatches();

  isBusy(slot: number): boolean {
    return this.holds(slot) !== NOTHING;
  }

  /** Whether records of the key wait. */
  waits(slot: number): boolean {
    return this.holds(slot) === WAITING;
  }

  /** Gives a key the spare matches as its own, and its slot. REQUIRES: its slot is not busy, or it has none. */
  keepSpare(key: Key): number {
    const slot = this.put(key, this.spare);
    this.spare = newKeyMatches();
    return slot;
  }

  /** To be called when what is at the slot has changed: notes when there is something to do, and whether anything is left. */
  changed(slot: number, matches: KeyMatches): void {
    if (isIdle(matches)) this.set(slot, NOTHING, Number.POSITIVE_INFINITY);
    else
      this.set(
        slot,
        matches.waiting.length > 0 ? WAITING : MATCHES,
        Math.min(matches.deadline, earliestWaiting(matches)),
      );
  }
}
