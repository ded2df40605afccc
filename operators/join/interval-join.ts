/**
 * Interval joins: each record with those of the other input that have its key and a time within bounds of its own.
 *
 * A record looks for its matches among what has come of the other input, and is then kept for what is still to come. A
 * result has the later one of both timestamps. A record that came behind the watermark is late: what it would match may be
 * gone; it is counted and goes to its input's late output.
 *
 * Where an input is preserved, its records without a match are emitted when the watermark says that none can come, with
 * that time as their timestamp, or their own if that is later. When that is so, is looked at for a slice of time at once,
 * 1/16 of the interval, and the watermark waits in front of the slice as long as it has any.
 *
 * State: tables "left" and "right", the records by key, as rows, in buckets as long as the interval, which go as a whole; tables
 * "leftPending" and "rightPending", the keys that have unmatched records in a slice, where these are preserved.
 * Cost: a record looks into at most 2 buckets and is kept in one, many records at a time (`gathered-side.ts`); then for each
 * record of its key there.
 */

import { MillraceError } from "../../core/errors.ts";
import type { IntervalJoinSpec } from "../../core/interval-join.ts";
import type { Key } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { PaneRows } from "../../core/pane-rows.ts";
import type { StatePane, StateTable, TableDescriptor } from "../../core/state-backend.ts";
import type { Counter } from "../../core/telemetry.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { GATHERED_MAX, GatheredSide, type Looked, type SideOptions } from "./gathered-side.ts";
import { pushStamped, type Stamped } from "./stamped.ts";
import { TimedRecords } from "./timed-records.ts";

/** Slices of the interval, for what is emitted without a match: the watermark lags by one of them at most. */
const SLICES = 16;

/** How many rows were found: none were looked for. */
const NOT_LOOKED = -1;

export class IntervalJoinOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #on: IntervalJoinSpec["on"];
  readonly #join: IntervalJoinSpec["join"];
  readonly #sliceMs: number;
  readonly #left: GatheredSide;
  readonly #right: GatheredSide;
  readonly #lateRecords: Counter;
  #forwarded: number;
  #watermark: number;
  // The gathered records of both inputs in the order of coming, the input of each and its place among that one's keys.
  readonly #values: unknown[] = new Array(GATHERED_MAX).fill(undefined);
  readonly #times = new Float64Array(GATHERED_MAX);
  readonly #sides: GatheredSide[] = [];
  readonly #places = new Int32Array(GATHERED_MAX);
  #count = 0;
  // Where looking for matches goes on: at a record, in which of its buckets, at which of the rows that were found there.
  #record = 0;
  #bucket: 0 | 1 = 0;
  #found = NOT_LOOKED;
  #next = 0;
  /** Whether that record has found a match. */
  #matched = false;

  constructor(spec: IntervalJoinSpec, context: OperatorContext) {
    this.#context = context;
    this.#on = spec.on;
    this.#join = spec.join;
    const span = spec.upperMs - spec.lowerMs;
    this.#sliceMs = Math.max(1, Math.ceil(span / SLICES));
    this.#lateRecords = context.metrics.counter("lateRecords");
    const bucketMs = span + 1;
    const records = (name: "left" | "right"): TimedRecords =>
      new TimedRecords(context.state.table(name, rowsOf(spec.preserved[name])), bucketMs, spec.preserved[name]);
    const pending = (name: "left" | "right"): StateTable | undefined =>
      spec.preserved[name] ? context.state.table(`${name}Pending`, { numbers: 0, values: false }) : undefined;
    const [left, right] = [records("left"), records("right")];
    this.#left = new GatheredSide({
      ...{ name: "left", key: spec.keys[0], own: left, other: right, late: spec.lateLeft, pending: pending("left") },
      ...{ from: spec.lowerMs, to: spec.upperMs },
      ...{ fromExclusive: spec.lowerExclusive, toExclusive: spec.upperExclusive },
    });
    this.#right = new GatheredSide({
      ...{ name: "right", key: spec.keys[1], own: right, other: left, late: spec.lateRight, pending: pending("right") },
      ...{ from: -spec.upperMs, to: -spec.lowerMs },
      ...{ fromExclusive: spec.upperExclusive, toExclusive: spec.lowerExclusive },
    });
    this.#watermark = context.currentWatermark;
    this.#forwarded = this.#heldBack(this.#watermark);
  }

  process(value: unknown, timestamp: number): void {
    this.#take(this.#left, value, timestamp);
  }

  process2(value: unknown, timestamp: number): void {
    this.#take(this.#right, value, timestamp);
  }

  batchEnd(): void {
    if (this.#count > 0) this.#joinGathered(() => {});
  }

  watermark(timestamp: number): void {
    this.#joinGathered(() => {
      this.#watermark = timestamp;
      if (this.#left.options.pending === undefined && this.#right.options.pending === undefined)
        this.#passed(timestamp);
      else pushStamped(this.#context, this.#unmatched(timestamp), () => this.#passed(timestamp));
    });
  }

  #take(side: GatheredSide, value: unknown, timestamp: number): void {
    if (!(timestamp > this.#watermark) || timestamp === Number.POSITIVE_INFINITY) {
      this.#refuse(side.options, value, timestamp);
      return;
    }
    let key: Key;
    try {
      key = side.options.key.select(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (side.shares(timestamp)) this.#gather(side, value, timestamp, key);
    else
      this.#joinGathered(() => {
        side.turnTo(timestamp);
        this.#gather(side, value, timestamp, key);
      });
  }

  #gather(side: GatheredSide, value: unknown, timestamp: number, key: Key): void {
    const at = this.#count++;
    this.#values[at] = value;
    this.#times[at] = timestamp;
    this.#sides[at] = side;
    this.#places[at] = side.keys.count;
    side.keys.add(key);
    if (this.#count === GATHERED_MAX) this.#joinGathered(() => {});
  }

  /** Joins what is gathered, and goes on with `then` behind it. */
  #joinGathered(then: () => void): void {
    if (this.#count > 0) {
      try {
        this.#left.openOwn();
        this.#right.openOwn();
      } catch (error) {
        throw this.#context.failure(error, this.#refusedRecord());
      }
      this.#left.lookUp();
      this.#right.lookUp();
    }
    this.#joinRest(then);
  }

  /** Always true: what has no room suspends itself anew. */
  #joinRest(then: () => void): boolean {
    for (; this.#record < this.#count; this.#record++) {
      if (!this.#joinRecord(this.#record)) {
        this.#context.suspend(() => this.#joinRest(then));
        return true;
      }
    }
    this.#values.fill(undefined, 0, this.#count);
    this.#count = this.#record = 0;
    this.#left.keys.clear();
    this.#right.keys.clear();
    then();
    return true;
  }

  /** The record whose key has been refused. */
  #refusedRecord(): unknown {
    for (const side of [this.#left, this.#right]) {
      const refused = side.refused();
      for (let at = 0; at < this.#count; at++)
        if (this.#sides[at] === side && this.#places[at] === refused) return this.#values[at];
    }
    return undefined;
  }

  /** Emits the matches of a record from where it stopped, then keeps the record; false when it has to stop. */
  #joinRecord(at: number): boolean {
    const side = this.#sides[at] as GatheredSide;
    if (this.#bucket === 0) {
      if (!this.#scan(side, at, side.first)) return false;
      this.#bucket = 1;
    }
    if (!side.areBucketsTheSame && !this.#scan(side, at, side.last)) return false;
    this.#keep(side, at);
    this.#bucket = 0;
    this.#matched = false;
    return true;
  }

  /** Emits the matches of a record in one bucket; false when it has to stop. */
  #scan(side: GatheredSide, record: number, { pane, slots, startMs }: Looked): boolean {
    const slot = slots[this.#places[record] as number] as number;
    if (pane === undefined || slot < 0) return true;
    const rows = pane.rows as PaneRows;
    const { from, to } = side.options;
    const base = startMs - (this.#times[record] as number);
    pane.reading(slot);
    if (this.#found === NOT_LOOKED) this.#found = rows.find(slot, base, from, to);
    while (this.#next < this.#found) {
      const place = rows.found[this.#next++] as number;
      if (!this.#joinWith(side, record, pane, slot, place, base)) continue;
      if (this.#context.gate.blocked) return false;
    }
    this.#found = NOT_LOOKED;
    this.#next = 0;
    return true;
  }

  /** Emits the result of a record and a row that is in time; false when they do not match after all. */
  #joinWith(side: GatheredSide, record: number, pane: StatePane, slot: number, place: number, base: number): boolean {
    const { from, to, fromExclusive, toExclusive, other } = side.options;
    const rows = pane.rows as PaneRows;
    const later = base + rows.timeAt(slot, place);
    if ((later === from && fromExclusive) || (later === to && toExclusive)) return false;
    const time = this.#times[record] as number;
    const match = rows.rowAt(slot, place);
    if (!this.#emit(side, this.#values[record], match, later > 0 ? time + later : time)) return false;
    this.#matched = true;
    if (other.areMarked && !rows.isMarked(slot, place)) {
      pane.changing(slot);
      rows.mark(slot, place);
    }
    return true;
  }

  /** Emits the result of two records; false when they do not match after all. */
  #emit(side: GatheredSide, value: unknown, match: unknown, timestamp: number): boolean {
    const left = side === this.#left ? value : match;
    const right = side === this.#left ? match : value;
    let result: unknown;
    try {
      if (this.#on !== undefined && !this.#on(left, right)) return false;
      result = this.#join(left, right);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    this.#push(result, timestamp, value);
    return true;
  }

  #push(result: unknown, timestamp: number, value: unknown): void {
    if (typeof result === "object" && typeof (result as { then?: unknown } | null)?.then === "function")
      throw this.#context.failure(promiseReturned(this.#context.operator, "join"), value);
    this.#context.output.push(result, timestamp);
  }

  #keep(side: GatheredSide, record: number): void {
    const { to, pending } = side.options;
    const value = this.#values[record];
    const timestamp = this.#times[record] as number;
    const until = timestamp + to;
    if (until <= this.#watermark) {
      if (pending !== undefined && !this.#matched) this.#push(this.#alone(side, value), timestamp, value);
      return;
    }
    const place = this.#places[record] as number;
    const slot = side.ownSlots[place] as number;
    const pane = side.ownPane as StatePane;
    pane.changing(slot);
    (pane.rows as PaneRows).add(slot, timestamp - side.ownStartMs, value, this.#matched);
    if (pending !== undefined && !this.#matched)
      pending.pane(Math.floor(until / this.#sliceMs)).slotOf(side.keys.keyAt(place));
  }

  /** The result of a record without a match. */
  #alone(side: GatheredSide, value: unknown): unknown {
    try {
      return side === this.#left ? this.#join(value, undefined) : this.#join(undefined, value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  *#unmatched(watermark: number): Generator<Stamped, void> {
    for (const side of [this.#left, this.#right]) {
      const { pending } = side.options;
      for (const slice of pending?.namespaces() ?? []) {
        if ((slice + 1) * this.#sliceMs - 1 > watermark) break;
        yield* this.#unmatchedIn(slice, side);
        pending?.drop(slice);
      }
    }
  }

  /** Of the keys of a slice the records whose time for a match ends there. */
  *#unmatchedIn(slice: number, side: GatheredSide): Generator<Stamped, void> {
    const { own, to, pending } = side.options;
    const pane = pending?.find(slice);
    const from = slice * this.#sliceMs - to;
    for (let slot = 0; slot < (pane?.size ?? 0); slot++) {
      const key = pane?.keyAt(slot) as Key;
      for (let bucket = own.bucketOf(from); bucket <= own.bucketOf(from + this.#sliceMs); bucket++)
        yield* this.#unmatchedOf(key, bucket, slice, side);
    }
  }

  *#unmatchedOf(key: Key, bucket: number, slice: number, side: GatheredSide): Generator<Stamped, void> {
    const { own, to } = side.options;
    const pane = own.find(bucket);
    const slot = pane?.find(key) ?? -1;
    if (pane === undefined || slot < 0) return;
    const rows = pane.rows as PaneRows;
    const count = rows.find(slot, 0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    for (const place of rows.found.slice(0, count)) {
      pane.reading(slot); // others may have been read since the last one was emitted
      const time = bucket * own.bucketMs + rows.timeAt(slot, place);
      if (rows.isMarked(slot, place) || Math.floor((time + to) / this.#sliceMs) !== slice) continue;
      yield { value: this.#alone(side, rows.rowAt(slot, place)), timestamp: Math.max(time, time + to) };
    }
  }

  /** Forgets what nothing can match any more. */
  #passed(watermark: number): void {
    for (const { options } of [this.#left, this.#right])
      options.own.dropUpTo(Math.min(watermark, this.#pendingFrom(options)) - options.to);
    const passed = this.#heldBack(watermark);
    if (passed <= this.#forwarded) return;
    this.#forwarded = passed;
    this.#context.output.watermark(passed);
  }

  /** The watermark in front of everything that is to be emitted without a match. */
  #heldBack(watermark: number): number {
    return Math.min(watermark, this.#pendingFrom(this.#left.options) - 1, this.#pendingFrom(this.#right.options) - 1);
  }

  /** The earliest time at which a record of the input may turn out to be without a match. */
  #pendingFrom({ pending }: SideOptions): number {
    const first = pending?.namespaces()[0];
    return first === undefined ? Number.POSITIVE_INFINITY : first * this.#sliceMs;
  }

  /** A record behind the watermark, or one without event time. */
  #refuse(side: SideOptions, value: unknown, timestamp: number): void {
    const { operator } = this.#context;
    if (timestamp - timestamp === 0) {
      this.#lateRecords.add();
      if (side.late !== undefined) this.#context.side(side.late, value, timestamp);
      return;
    }
    const came =
      timestamp === NO_TIMESTAMP ? "a record without event time" : `a record with the event time ${timestamp}`;
    const message = `"${operator}" got ${came} on its ${side.name} input, so no interval can be told; call withTimestamps on the stream before keyBy`;
    throw this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
  }
}

function rowsOf(preserved: boolean): TableDescriptor {
  return { numbers: 0, values: true, rows: preserved ? "marked" : "plain" };
}
