/**
 * When the hot keys of an edge are aggregated before they are sent: while one consumer gets much more than its share and
 * cannot keep up, so that its channel is full and stops the records of all others.
 *
 * To send a few fields of a record costs less processor time than to find the place of its key, so it is not done before.
 * What is looked at is there anyway, the records of each channel and whether it had room, and only while one has none: a
 * stream whose consumers keep up pays nothing. Then the consumer's channel is replaced by one that holds records.
 *
 *   channel ──its consumer has more than its share and had no room for half of its batches──► a `HotChannel`
 *      ▲                                                                                           │
 *      └──────────────── what is held spares few records (`pre-aggregator.ts`) ◄────────────────────┘
 */

import { BATCH_ROWS_MAX, HOT_KEYS_LOOK_RECORDS } from "../../core/limits.ts";
import { windowsModule } from "../../operators/window/load-windows.ts";
import type { PreAggregator, PreAggregatorOptions } from "../../operators/window/pre-aggregator.ts";
import type { OutputChannel } from "../exchange/channel.ts";

/** So much of what a consumer would get if all got the same is much more. */
const MUCH_MORE = 1.25;

/** A consumer that keeps up has room for all batches but a few. */
const WAITED_SHARE_MIN = 0.5;

/** What is aggregated, for whom. */
type Aggregating = Pick<PreAggregatorOptions, "spec" | "clock" | "operator" | "failure">;

export class HotKeys {
  /** Where the edge looks for the channels of its consumers. */
  readonly #places: OutputChannel[];
  readonly #channels: readonly OutputChannel[];
  readonly #options: Aggregating;
  /** By channel: its records up to the last judgement, for how many batches it had no room since, and up to the last of these. */
  readonly #before: number[];
  readonly #waits: number[];
  readonly #waitedAt: number[];

  /** @param places the channels, to be replaced in their places. */
  constructor(places: OutputChannel[], options: Aggregating) {
    this.#places = places;
    this.#channels = [...places];
    this.#options = options;
    this.#before = places.map(() => 0);
    this.#waits = places.map(() => 0);
    this.#waitedAt = places.map(() => 0);
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
    const at = sent.indexOf(most);
    const waits = this.#waits[at] as number;
    if (most * consumers >= MUCH_MORE * all && waits * BATCH_ROWS_MAX >= WAITED_SHARE_MIN * most) this.#turnOn(at);
    this.#channels.forEach(({ records }, at) => {
      this.#before[at] = records;
      this.#waits[at] = 0;
    });
  }

  #turnOn(at: number): void {
    const channel = this.#channels[at] as OutputChannel;
    if (this.#places[at] !== channel) return;
    this.#places[at] = new HotChannel(channel, this.#options, () => {
      this.#places[at] = channel;
    });
  }
}

/**
 * A channel before which the hot keys' records are aggregated. Everything is behind what was written before it: what is held is
 * sent before a watermark at which a window of it fires, a barrier, the end, idleness, and before the place is given back.
 */
class HotChannel implements OutputChannel {
  readonly #channel: OutputChannel;
  readonly #held: PreAggregator;
  readonly #leave: () => void;
  #isUseless = false;

  /** @param leave gives the place back to the channel: holding is of no use. */
  constructor(channel: OutputChannel, options: Aggregating, leave: () => void) {
    const { PreAggregator } = windowsModule();
    this.#channel = channel;
    this.#leave = leave;
    this.#held = new PreAggregator({
      ...{ ...options, keys: "hot" },
      push: (value, timestamp) => channel.write(value, timestamp),
      pushPartial: (sent, _, timestamp) => channel.write(sent, timestamp),
      useless: () => {
        this.#isUseless = true;
      },
    });
  }

  write(value: unknown, timestamp: number): void {
    this.#held.push(value, timestamp);
    if (!this.#isUseless) return;
    this.#held.send();
    this.#leave();
  }

  watermark(timestamp: number): void {
    this.#held.watermark(timestamp);
    this.#channel.watermark(timestamp);
  }

  idle(idle: boolean): void {
    this.#held.send();
    this.#channel.idle(idle);
  }

  barrier(checkpoint: number): void {
    this.#held.send();
    this.#channel.barrier(checkpoint);
  }

  end(): void {
    this.#held.send();
    this.#channel.end();
  }

  flush(): void {
    this.#held.flush();
    this.#channel.flush();
  }

  get blocked(): boolean {
    return this.#channel.blocked;
  }

  drain(): boolean {
    return this.#channel.drain();
  }

  get records(): number {
    return this.#channel.records;
  }

  get bytes(): number {
    return this.#channel.bytes;
  }
}
