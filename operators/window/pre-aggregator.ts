/**
 * Aggregates the records of a window before they are sent to the subtasks of their keys: few partials in place of many
 * records, above all of keys that most of them have.
 *
 * A table of fixed size has two places for each key and pane, by their hash. Where others have both, the one that stands for
 * fewer records is sent. So a key that comes often stays, whatever the number of others, and memory is bounded.
 * All that is held is sent: before a watermark at which the first of its windows fires, before a barrier, before
 * the subtask is idle, at the end, and after some time.
 *
 * Where keys seldom come twice, holding them is of no use: when few records were spared, they are
 * sent as they are for a while, and then it is tried again.
 *
 *            of the trial's records, many were spared
 *   trial ◄─────────────────────────────────────────┐
 *     │ ────────────────────────────────────────────┘
 *     └─── few ──► all is sent, and so many records go by untouched ──► trial …
 *
 * Which keys are held is a matter of what a record costs to send. Of whole records "all" are: many places, each record in
 * one of them. Of a few named fields the "hot" keys alone: few places, which stay in the nearest cache, and a key that has
 * none mostly goes by, in its own shape; one in some takes a place over. The edge may
 * decide whether records come here at all (`runtime/task/hot-keys.ts`); then it is told when they need not.
 */

import { MillraceError } from "../../core/errors.ts";
import { hashKey, type Key } from "../../core/key.ts";
import {
  PRE_AGGREGATE_HOLD_MS,
  PRE_AGGREGATE_HOT_PLACES,
  PRE_AGGREGATE_HOT_REPLACED_EVERY,
  PRE_AGGREGATE_HOT_REST_RECORDS,
  PRE_AGGREGATE_HOT_TRIAL_RECORDS,
  PRE_AGGREGATE_PLACES,
  PRE_AGGREGATE_REST_RECORDS,
  PRE_AGGREGATE_TRIAL_RECORDS,
} from "../../core/limits.ts";
import type { Push } from "../../core/operator.ts";
import { type Clock, isEventTime } from "../../core/time.ts";
import { type HeldPartials, heldPartials } from "./held-partials.ts";
import { Panes } from "./panes.ts";
import type { Partial, WindowSpec } from "./partials.ts";

/** Of the records of a trial, this share may be sent at the most; otherwise holding them is of no use. */
const SENT_SHARE_MAX = 0.75;

/** Which keys are held. */
export type HeldKeys = "all" | "hot";

/** The same of an edge; "underPressure": hot ones, while a consumer gets more than its share and cannot keep up. */
export type PreAggregation = HeldKeys | "underPressure";

const measures = {
  all: {
    places: PRE_AGGREGATE_PLACES,
    trial: PRE_AGGREGATE_TRIAL_RECORDS,
    rest: PRE_AGGREGATE_REST_RECORDS,
    replacedEvery: 1,
  },
  hot: {
    places: PRE_AGGREGATE_HOT_PLACES,
    trial: PRE_AGGREGATE_HOT_TRIAL_RECORDS,
    rest: PRE_AGGREGATE_HOT_REST_RECORDS,
    replacedEvery: PRE_AGGREGATE_HOT_REPLACED_EVERY,
  },
} as const;

export interface PreAggregatorOptions {
  readonly spec: WindowSpec;
  readonly keys: HeldKeys;
  readonly operator: string;
  readonly clock: Clock;
  /** Sends a record. */
  readonly push: Push<unknown>;
  /** Sends a partial, or what holds one, to where the partial's key goes. */
  readonly pushPartial: (sent: unknown, partial: Partial, timestamp: number) => void;
  readonly failure: (cause: unknown, value: unknown) => Error;
  /** Told when holding is of no use; records come again when it may be. Absent: they come all the time. */
  readonly useless?: () => void;
}

export class PreAggregator {
  readonly push: Push<unknown>;
  readonly #options: PreAggregatorOptions;
  readonly #measures: (typeof measures)[HeldKeys];
  readonly #panes: Panes;
  readonly #held: HeldPartials;
  readonly #keys: Key[];
  readonly #hashes: Int32Array;
  readonly #paneOf: Float64Array;
  readonly #times: Float64Array;
  /** 0: the place is empty. */
  readonly #records: Int32Array;
  /** Of hot keys: the first record, which is sent in its own shape if it stays the only one. */
  readonly #firsts: unknown[];
  #isEmpty = true;
  #heldSince = 0;
  /** The watermark at which the first window of what is held fires. */
  #firesAt = Number.POSITIVE_INFINITY;
  // The pane of the latest record, as consecutive records mostly share it.
  #pane = Number.NaN;
  #paneFrom = Number.POSITIVE_INFINITY;
  #paneTo = Number.NEGATIVE_INFINITY;
  #paneFiresAt = Number.POSITIVE_INFINITY;
  #paneHash = 0;
  // The trial under way: of so many records so many made others leave.
  #tried = 0;
  #left = 0;
  /** So many records are still sent as they are. */
  #resting = 0;

  /** So many of those that find no place go by before one takes a place over. */
  #passing: number;

  constructor(options: PreAggregatorOptions) {
    const { aggregate, window } = options.spec;
    this.#options = options;
    this.#measures = measures[options.keys];
    const { places, replacedEvery } = this.#measures;
    this.#panes = new Panes(window);
    this.#held = heldPartials(aggregate, places, options.operator);
    this.#keys = new Array<Key>(places).fill(0);
    this.#hashes = new Int32Array(places);
    this.#paneOf = new Float64Array(places);
    this.#times = new Float64Array(places);
    this.#records = new Int32Array(places);
    this.#firsts = new Array(options.keys === "hot" ? places : 0).fill(undefined);
    this.#passing = replacedEvery;
    // A property, as partitioners take it.
    this.push = (value, timestamp) => this.#take(value, timestamp);
  }

  /** REQUIRES: called before the watermark is sent. */
  watermark(timestamp: number): void {
    if (timestamp >= this.#firesAt) this.send();
  }

  /** Called every now and then: sends what has been held for long. */
  flush(): void {
    if (!this.#isEmpty && this.#options.clock.monotonicMs() - this.#heldSince >= PRE_AGGREGATE_HOLD_MS) this.send();
  }

  /** Sends all that is held. */
  send(): void {
    if (this.#isEmpty) return;
    this.#isEmpty = true;
    this.#firesAt = Number.POSITIVE_INFINITY;
    const records = this.#records;
    for (let place = 0; place < records.length; place++) if (records[place] !== 0) this.#sendPlace(place);
  }

  #take(value: unknown, timestamp: number): void {
    if (this.#resting > 0) {
      this.#resting--;
      this.#options.push(value, timestamp);
      return;
    }
    try {
      const key = this.#options.spec.key.select(value);
      const hash = hashKey(key, this.#options.operator) | 0;
      if (!(timestamp >= this.#paneFrom && timestamp < this.#paneTo)) this.#turnTo(timestamp);
      this.#hold(key, hash, value, timestamp);
    } catch (error) {
      throw this.#options.failure(this.#named(error), value);
    }
  }

  /** It stands behind another operator, and what fails is a function of the window. */
  #named(error: unknown): unknown {
    if (error instanceof MillraceError && error.operator !== undefined) return error;
    const { operator } = this.#options;
    if (error instanceof MillraceError) return new MillraceError(error.code, error.message, { operator, cause: error });
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new MillraceError("USER_FUNCTION", `a function of "${operator}" threw ${text}`, { operator, cause: error });
  }

  #hold(key: Key, hash: number, value: unknown, timestamp: number): void {
    if (++this.#tried >= this.#measures.trial) this.#judge();
    const place = this.#placeOf(key, hash);
    const records = this.#records[place] as number;
    if (records > 0 && this.#isHere(place, key, hash)) {
      this.#held.add(place, value);
      this.#records[place] = records + 1;
      return;
    }
    if (records > 0) {
      this.#left++;
      if (--this.#passing > 0) {
        this.#options.push(value, timestamp);
        return;
      }
      this.#passing = this.#measures.replacedEvery;
      this.#sendPlace(place);
    }
    this.#put(place, key, hash, value, timestamp);
  }

  #put(place: number, key: Key, hash: number, value: unknown, timestamp: number): void {
    this.#held.put(place, value);
    if (this.#options.keys === "hot") this.#firsts[place] = value;
    this.#keys[place] = key;
    this.#hashes[place] = hash;
    this.#paneOf[place] = this.#pane;
    this.#times[place] = timestamp;
    this.#records[place] = 1;
    if (this.#isEmpty) this.#heldSince = this.#options.clock.monotonicMs();
    this.#isEmpty = false;
    if (this.#paneFiresAt < this.#firesAt) this.#firesAt = this.#paneFiresAt;
  }

  /** One of two places: where the key is, or one that is empty, or one of them. */
  #placeOf(key: Key, hash: number): number {
    const first = (hash ^ this.#paneHash ^ (hash >>> 15)) & (this.#measures.places - 1);
    if (this.#records[first] === 0 || this.#isHere(first, key, hash)) return first;
    const second = first ^ 1;
    if (this.#records[second] === 0 || this.#isHere(second, key, hash)) return second;
    return (this.#records[first] as number) <= (this.#records[second] as number) ? first : second;
  }

  #isHere(place: number, key: Key, hash: number): boolean {
    return this.#hashes[place] === hash && this.#paneOf[place] === this.#pane && isSame(this.#keys[place] as Key, key);
  }

  /** What has been tried is judged before the record at hand finds its place. */
  #judge(): void {
    if (this.#left > SENT_SHARE_MAX * this.#tried) {
      this.send();
      const { useless } = this.#options;
      if (useless === undefined) this.#resting = this.#measures.rest;
      else useless();
    }
    this.#tried = 0;
    this.#left = 0;
  }

  #sendPlace(place: number): void {
    const { keys, push, pushPartial } = this.#options;
    const records = this.#records[place] as number;
    const timestamp = this.#times[place] as number;
    this.#records[place] = 0;
    if (keys === "hot") {
      const first = this.#firsts[place];
      this.#firsts[place] = undefined;
      if (records === 1) {
        push(first, timestamp);
        return;
      }
    }
    const partial = this.#held.partial(place, records, this.#keys[place] as Key);
    pushPartial(keys === "hot" ? [partial] : partial, partial, timestamp);
  }

  #turnTo(timestamp: number): void {
    // What has no event time is told of by the window, which gets it as it is.
    const start = isEventTime(timestamp) ? this.#panes.paneOf(timestamp) : Number.NaN;
    this.#pane = start;
    this.#paneFrom = this.#panes.startOf(start);
    this.#paneTo = this.#panes.startOf(start + this.#panes.paneMs);
    this.#paneFiresAt = this.#panes.endOf(this.#panes.firstWindowOf(start)) - 1;
    this.#paneHash = Math.imul(Math.floor(start / this.#panes.paneMs), 0x9e3779b1);
  }
}

/** Whether two keys of one hash are the same. */
function isSame(a: Key, b: Key): boolean {
  if (a === b) return true;
  if (a instanceof Date || b instanceof Date)
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((part, i) => isSame(part, b[i]));
}
