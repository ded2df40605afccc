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
 */

import {
  type Aggregate,
  type AggregateColumn,
  type ColumnAggregate,
  numberOf,
  type ValueAggregate,
} from "../../core/aggregate.ts";
import { MillraceError } from "../../core/errors.ts";
import { hashKey, type Key } from "../../core/key.ts";
import {
  PRE_AGGREGATE_HOLD_MS,
  PRE_AGGREGATE_PLACES,
  PRE_AGGREGATE_REST_RECORDS,
  PRE_AGGREGATE_TRIAL_RECORDS,
} from "../../core/limits.ts";
import type { Push } from "../../core/operator.ts";
import type { Clock } from "../../core/time.ts";
import { Panes } from "./panes.ts";
import type { WindowSpec } from "./partials.ts";

/** Of the records of a trial, this share may be sent at the most; otherwise holding them is of no use. */
const SENT_SHARE_MAX = 0.75;

export interface PreAggregatorOptions {
  readonly spec: WindowSpec;
  readonly operator: string;
  readonly clock: Clock;
  readonly push: Push<unknown>;
  readonly failure: (cause: unknown, value: unknown) => Error;
}

/** What is held at the places of the table, beside keys. */
interface Held {
  /** Puts a record into a place that is empty. */
  readonly put: (place: number, value: unknown) => void;
  readonly add: (place: number, value: unknown) => void;
  /** What is held there, as a partial. */
  readonly partial: (place: number, records: number, key: Key) => unknown;
}

export class PreAggregator {
  readonly push: Push<unknown>;
  readonly #options: PreAggregatorOptions;
  readonly #panes: Panes;
  readonly #held: Held;
  readonly #keys: Key[] = new Array<Key>(PRE_AGGREGATE_PLACES).fill(0);
  readonly #hashes = new Int32Array(PRE_AGGREGATE_PLACES);
  readonly #paneOf = new Float64Array(PRE_AGGREGATE_PLACES);
  readonly #times = new Float64Array(PRE_AGGREGATE_PLACES);
  /** 0: the place is empty. */
  readonly #records = new Int32Array(PRE_AGGREGATE_PLACES);
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

  constructor(options: PreAggregatorOptions) {
    const { aggregate, window } = options.spec;
    this.#options = options;
    this.#panes = new Panes(window);
    this.#held = heldOf(aggregate, options.operator);
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
    for (let place = 0; place < PRE_AGGREGATE_PLACES; place++) if (records[place] !== 0) this.#sendPlace(place);
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
    if (++this.#tried >= PRE_AGGREGATE_TRIAL_RECORDS) this.#judge();
    const place = this.#placeOf(key, hash);
    const records = this.#records[place] as number;
    if (records > 0 && this.#isHere(place, key, hash)) {
      this.#held.add(place, value);
      this.#records[place] = records + 1;
      return;
    }
    if (records > 0) {
      this.#left++;
      this.#sendPlace(place);
    }
    this.#held.put(place, value);
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
    const first = (hash ^ this.#paneHash ^ (hash >>> 15)) & (PRE_AGGREGATE_PLACES - 1);
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
      this.#resting = PRE_AGGREGATE_REST_RECORDS;
    }
    this.#tried = 0;
    this.#left = 0;
  }

  #sendPlace(place: number): void {
    const { push } = this.#options;
    const partial = this.#held.partial(place, this.#records[place] as number, this.#keys[place] as Key);
    this.#records[place] = 0;
    push(partial, this.#times[place] as number);
  }

  #turnTo(timestamp: number): void {
    // What has no event time is told of by the window, which gets it as it is.
    const start = timestamp - timestamp === 0 ? this.#panes.paneOf(timestamp) : Number.NaN;
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

function heldOf(aggregate: Aggregate<unknown, unknown, unknown>, operator: string): Held {
  return aggregate.columns === undefined ? heldValues(aggregate) : heldColumns(aggregate, operator);
}

/** Generated, as the window's own: `add` for counting is `c0[place] += 1`. */
function heldColumns({ columns }: ColumnAggregate<unknown, unknown>, operator: string): Held {
  const names = columns.map((_, c) => `c${c}`);
  const read = (column: AggregateColumn<unknown>, c: number): string =>
    column.op === "count" ? "" : `const x${c} = number(of${c}(value), ${c});`;
  const first = columns.map(
    (column, c) => `${read(column, c)} c${c}[place] = ${column.op === "count" ? "1" : `x${c}`};`,
  );
  const next = columns.map((column, c) => {
    if (column.op === "count") return `c${c}[place] += 1;`;
    if (column.op === "sum") return `${read(column, c)} c${c}[place] += x${c};`;
    return `${read(column, c)} if (x${c} ${column.op === "min" ? "<" : ">"} c${c}[place] || x${c} !== x${c}) c${c}[place] = x${c};`;
  });
  const partial = ['"~records": records', "key", ...names.map((name) => `${name}: ${name}[place]`)].join(", ");
  const code = `"use strict";
    return {
      put(place, value) { ${first.join("\n")} },
      add(place, value) { ${next.join("\n")} },
      partial(place, records, key) { return { ${partial} }; },
    };`;
  const arrays = columns.map(() => new Float64Array(PRE_AGGREGATE_PLACES));
  const make = new Function("number", ...names, ...columns.map((_, c) => `of${c}`), code);
  const number = (x: unknown, c: number): number => numberOf(x, (columns[c] as AggregateColumn<unknown>).op, operator);
  return make(number, ...arrays, ...columns.map(({ of }) => of)) as Held;
}

function heldValues({ create, add, partials }: ValueAggregate<unknown, unknown, unknown>): Held {
  const values: unknown[] = new Array(PRE_AGGREGATE_PLACES).fill(undefined);
  const pack = typeof partials === "object" ? partials.pack : (accumulator: unknown) => accumulator;
  return {
    put: (place, value) => {
      values[place] = add(create(), value);
    },
    add: (place, value) => {
      values[place] = add(values[place], value);
    },
    partial: (place, records, key) => {
      const a = pack(values[place]);
      values[place] = undefined;
      return { "~records": records, key, a };
    },
  };
}
