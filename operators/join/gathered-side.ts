/**
 * One input of an interval join, and its records that have come and are looked up together, as the waits of many lookups for
 * memory overlap.
 *
 * The law: the gathered records of an input share the bucket that they go to and the buckets, at most two, that their
 * matches are in; `shares` says whether another one does.
 */

import type { Key, KeySelector } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import type { OutputTag } from "../../core/side-output.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import type { TimedRecords } from "./timed-records.ts";

/** Records of both inputs that are looked up together. */
export const GATHERED_MAX = 256;

export interface SideOptions {
  readonly name: "left" | "right";
  readonly key: KeySelector;
  readonly own: TimedRecords;
  readonly other: TimedRecords;
  /** How much later a match is at the least and at the most. */
  readonly from: number;
  readonly to: number;
  readonly fromExclusive: boolean;
  readonly toExclusive: boolean;
  readonly late: OutputTag<unknown> | undefined;
  /** By slices of the time up to which a match may come; undefined: the input is not preserved. */
  readonly pending: StateTable | undefined;
}

/** The entries of one bucket of the other input, and the slots of the gathered keys there. */
export class Looked {
  pane: StatePane | undefined;
  startMs = 0;
  readonly slots = new Int32Array(GATHERED_MAX);
}

export class GatheredSide {
  readonly options: SideOptions;
  readonly keys = new KeyBatch(GATHERED_MAX);
  /** Where matches may be: the earlier bucket and the later one, or twice the same. */
  readonly first = new Looked();
  readonly last = new Looked();
  /** The bucket that records go to. */
  ownPane: StatePane | undefined;
  readonly ownSlots = new Int32Array(GATHERED_MAX);
  ownStartMs = 0;
  // Times from here to before there share all buckets.
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.NEGATIVE_INFINITY;

  constructor(options: SideOptions) {
    this.options = options;
  }

  get areBucketsTheSame(): boolean {
    return this.first.startMs === this.last.startMs;
  }

  shares(time: number): boolean {
    return time >= this.#fromMs && time < this.#toMs;
  }

  /** REQUIRES: nothing is gathered. */
  turnTo(time: number): void {
    const { own, from, to } = this.options;
    const ms = own.bucketMs;
    this.ownStartMs = own.bucketOf(time) * ms;
    this.first.startMs = own.bucketOf(time + from) * ms;
    this.last.startMs = own.bucketOf(time + to) * ms;
    const starts = [this.ownStartMs, this.first.startMs - from, this.last.startMs - to];
    this.#fromMs = Math.max(...starts);
    this.#toMs = Math.min(...starts) + ms;
  }

  /** Makes room for the gathered records. @throws BAD_KEY */
  openOwn(): void {
    if (this.keys.count === 0) return;
    this.ownPane = this.options.own.open(this.ownStartMs / this.options.own.bucketMs);
    this.ownPane.slotsOf(this.keys, this.ownSlots);
  }

  /** Finds where their matches may be. REQUIRES: `openOwn` of both inputs, so that no key comes behind. */
  lookUp(): void {
    if (this.keys.count === 0) return;
    this.#lookInto(this.first);
    if (!this.areBucketsTheSame) this.#lookInto(this.last);
    this.ownPane?.rows?.touch(this.ownSlots, this.keys.count);
  }

  /** The place among the gathered ones of a key that was refused; -1: none was. */
  refused(): number {
    for (let at = 0; at < this.keys.count; at++) if (!this.#isKey(this.keys.keyAt(at))) return at;
    return -1;
  }

  #lookInto(looked: Looked): void {
    const { other } = this.options;
    looked.pane = other.find(looked.startMs / other.bucketMs);
    if (looked.pane === undefined) return;
    looked.pane.findAll(this.keys, looked.slots);
    looked.pane.rows?.touch(looked.slots, this.keys.count);
  }

  #isKey(key: Key): boolean {
    try {
      this.ownPane?.find(key);
      return true;
    } catch {
      return false;
    }
  }
}
