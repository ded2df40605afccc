/**
 * When the hot keys of an edge are aggregated before they are sent: while one consumer gets much more than its share and
 * cannot keep up, so that its channel is full and stops the records of all others.
 *
 * To send a few fields of a record costs less processor time than to find the place of its key, so it is not done before.
 * What is looked at is there anyway: the records of each channel, and whether it had room. So a stream without hot keys pays
 * a look at a flag for each record.
 *
 *   off ──a consumer with more than its share had no room for half of its batches──► on
 *    ▲                                                                               │
 *    └───────── what is held spares few records (`pre-aggregator.ts`) ◄──────────────┘
 */

import { BATCH_ROWS_MAX, HOT_KEYS_LOOK_RECORDS } from "../../core/limits.ts";
import type { OutputChannel } from "../exchange/channel.ts";

/** So much of what a consumer would get if all got the same is much more. */
const MUCH_MORE = 1.25;

/** A consumer that keeps up has room for all batches but a few. */
const WAITED_SHARE_MIN = 0.5;

export class HotKeys {
  /** Looked at for each record. */
  on = false;
  readonly #channels: readonly OutputChannel[];
  /** By channel: its records up to the last judgement, for how many batches it had no room since, and up to the last of these. */
  readonly #before: number[];
  readonly #waits: number[];
  readonly #waitedAt: number[];

  constructor(channels: readonly OutputChannel[]) {
    this.#channels = channels;
    this.#before = channels.map(() => 0);
    this.#waits = channels.map(() => 0);
    this.#waitedAt = channels.map(() => 0);
  }

  turnOff(): void {
    this.on = false;
  }

  /** Called every now and then, while a channel is blocked above all. */
  look(): void {
    let hasWaited = false;
    this.#channels.forEach(({ blocked, records }, at) => {
      if (!blocked || records === this.#waitedAt[at]) return;
      this.#waitedAt[at] = records;
      this.#waits[at] = (this.#waits[at] as number) + 1;
      hasWaited = true;
    });
    if (hasWaited) this.#judge();
  }

  #judge(): void {
    const sent = this.#channels.map(({ records }, at) => records - (this.#before[at] as number));
    const all = sent.reduce((sum, records) => sum + records, 0);
    if (all < HOT_KEYS_LOOK_RECORDS) return;
    const most = Math.max(...sent);
    // A single consumer has all of it, and no share.
    const consumers = Math.max(sent.length, 2);
    const waits = this.#waits[sent.indexOf(most)] as number;
    if (most * consumers >= MUCH_MORE * all && waits * BATCH_ROWS_MAX >= WAITED_SHARE_MIN * most) this.on = true;
    this.#channels.forEach(({ records }, at) => {
      this.#before[at] = records;
      this.#waits[at] = 0;
    });
  }
}
