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
 * State: tables "left" and "right", the records by key in buckets as long as the interval, which go as a whole; tables
 * "leftPending" and "rightPending", the keys that have unmatched records in a slice, where these are preserved.
 * Cost: a record looks into at most 2 buckets and is kept in one; then for each record of its key there.
 */

import { MillraceError } from "../../core/errors.ts";
import type { IntervalJoinSpec } from "../../core/interval-join.ts";
import type { Key, KeySelector } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { OutputTag } from "../../core/side-output.ts";
import type { StateTable } from "../../core/state-backend.ts";
import type { Counter } from "../../core/telemetry.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { pushStamped, type Stamped } from "./stamped.ts";
import { TimedRecords } from "./timed-records.ts";

/** Slices of the interval, for what is emitted without a match: the watermark lags by one of them at most. */
const SLICES = 16;

/** One input, seen from its own records. */
interface Side {
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

export class IntervalJoinOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #on: IntervalJoinSpec["on"];
  readonly #join: IntervalJoinSpec["join"];
  readonly #sliceMs: number;
  readonly #left: Side;
  readonly #right: Side;
  readonly #lateRecords: Counter;
  #forwarded: number;

  constructor(spec: IntervalJoinSpec, context: OperatorContext) {
    this.#context = context;
    this.#on = spec.on;
    this.#join = spec.join;
    const span = spec.upperMs - spec.lowerMs;
    this.#sliceMs = Math.max(1, Math.ceil(span / SLICES));
    this.#lateRecords = context.metrics.counter("lateRecords");
    const bucketMs = span + 1;
    const records = (name: "left" | "right"): TimedRecords =>
      new TimedRecords(context.state.table(name, { numbers: 0, values: true }), bucketMs, spec.preserved[name]);
    const pending = (name: "left" | "right"): StateTable | undefined =>
      spec.preserved[name] ? context.state.table(`${name}Pending`, { numbers: 0, values: false }) : undefined;
    const [left, right] = [records("left"), records("right")];
    this.#left = {
      ...{ name: "left", key: spec.keys[0], own: left, other: right, late: spec.lateLeft, pending: pending("left") },
      ...{ from: spec.lowerMs, to: spec.upperMs },
      ...{ fromExclusive: spec.lowerExclusive, toExclusive: spec.upperExclusive },
    };
    this.#right = {
      ...{ name: "right", key: spec.keys[1], own: right, other: left, late: spec.lateRight, pending: pending("right") },
      ...{ from: -spec.upperMs, to: -spec.lowerMs },
      ...{ fromExclusive: spec.upperExclusive, toExclusive: spec.lowerExclusive },
    };
    this.#forwarded = this.#heldBack(context.currentWatermark);
  }

  process(value: unknown, timestamp: number): void {
    this.#take(this.#left, value, timestamp);
  }

  process2(value: unknown, timestamp: number): void {
    this.#take(this.#right, value, timestamp);
  }

  watermark(timestamp: number): void {
    if (this.#left.pending === undefined && this.#right.pending === undefined) this.#passed(timestamp);
    else pushStamped(this.#context, this.#unmatched(timestamp), () => this.#passed(timestamp));
  }

  #take(side: Side, value: unknown, timestamp: number): void {
    if (!(timestamp > this.#context.currentWatermark) || timestamp === Number.POSITIVE_INFINITY) {
      this.#refuse(side, value, timestamp);
      return;
    }
    let key: Key;
    try {
      key = side.key.select(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    const first = side.other.bucketOf(timestamp + side.from);
    this.#scan(side, value, timestamp, key, first, 0, false);
  }

  /** Emits the matches from a place on, and keeps the record when all are emitted. */
  #scan(side: Side, value: unknown, timestamp: number, key: Key, first: number, start: number, found: boolean): void {
    const { other, from, to } = side;
    const last = other.bucketOf(timestamp + to);
    let matched = found;
    let at = start;
    for (let bucket = first; bucket <= last; bucket++, at = 0) {
      const entry = other.entry(bucket, key);
      if (entry === undefined) continue;
      const base = bucket * other.bucketMs - timestamp;
      for (; at < entry.length; at += other.stride) {
        const later = base + (entry[at] as number);
        if (later < from || later > to) continue;
        if ((later === from && side.fromExclusive) || (later === to && side.toExclusive)) continue;
        if (!this.#emit(side, value, entry[at + 1], later > 0 ? timestamp + later : timestamp)) continue;
        matched = true;
        if (other.stride === 3 && entry[at + 2] === 0) other.match(bucket, key, at);
        if (this.#context.gate.blocked) {
          const next = at + other.stride;
          this.#context.suspend(() => {
            this.#scan(side, value, timestamp, key, bucket, next, true);
            return true;
          });
          return;
        }
      }
    }
    this.#keep(side, value, timestamp, key, matched);
  }

  /** Emits the result of two records; false when they do not match after all. */
  #emit(side: Side, value: unknown, match: unknown, timestamp: number): boolean {
    const [left, right] = side === this.#left ? [value, match] : [match, value];
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
    if (typeof (result as { then?: unknown } | null | undefined)?.then === "function")
      throw this.#context.failure(promiseReturned(this.#context.operator, "join"), value);
    this.#context.output.push(result, timestamp);
  }

  #keep(side: Side, value: unknown, timestamp: number, key: Key, matched: boolean): void {
    const until = timestamp + side.to;
    if (until <= this.#context.currentWatermark) {
      if (side.pending !== undefined && !matched) this.#push(this.#alone(side, value), timestamp, value);
      return;
    }
    try {
      side.own.add(timestamp, key, value, matched);
      if (!matched) side.pending?.pane(Math.floor(until / this.#sliceMs)).slotOf(key);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  /** The result of a record without a match. */
  #alone(side: Side, value: unknown): unknown {
    try {
      return side === this.#left ? this.#join(value, undefined) : this.#join(undefined, value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  *#unmatched(watermark: number): Generator<Stamped, void> {
    for (const side of [this.#left, this.#right]) {
      for (const slice of side.pending?.namespaces() ?? []) {
        if ((slice + 1) * this.#sliceMs - 1 > watermark) break;
        yield* this.#unmatchedIn(slice, side);
        side.pending?.drop(slice);
      }
    }
  }

  /** Of the keys of a slice the records whose time for a match ends there. */
  *#unmatchedIn(slice: number, side: Side): Generator<Stamped, void> {
    const { own, to } = side;
    const pane = side.pending?.find(slice);
    const from = slice * this.#sliceMs - to;
    for (let slot = 0; slot < (pane?.size ?? 0); slot++) {
      const key = pane?.keyAt(slot) as Key;
      for (let bucket = own.bucketOf(from); bucket <= own.bucketOf(from + this.#sliceMs); bucket++) {
        const entry = own.entry(bucket, key) ?? [];
        for (let at = 0; at < entry.length; at += own.stride) {
          const time = bucket * own.bucketMs + (entry[at] as number);
          if (entry[at + 2] !== 0 || Math.floor((time + to) / this.#sliceMs) !== slice) continue;
          yield { value: this.#alone(side, entry[at + 1]), timestamp: Math.max(time, time + to) };
        }
      }
    }
  }

  /** Forgets what nothing can match any more. */
  #passed(watermark: number): void {
    for (const side of [this.#left, this.#right])
      side.own.dropUpTo(Math.min(watermark, this.#pendingFrom(side)) - side.to);
    const passed = this.#heldBack(watermark);
    if (passed <= this.#forwarded) return;
    this.#forwarded = passed;
    this.#context.output.watermark(passed);
  }

  /** The watermark in front of everything that is to be emitted without a match. */
  #heldBack(watermark: number): number {
    return Math.min(watermark, this.#pendingFrom(this.#left) - 1, this.#pendingFrom(this.#right) - 1);
  }

  /** The earliest time at which a record of the input may turn out to be without a match. */
  #pendingFrom({ pending }: Side): number {
    const first = pending?.namespaces()[0];
    return first === undefined ? Number.POSITIVE_INFINITY : first * this.#sliceMs;
  }

  /** A record behind the watermark, or one without event time. */
  #refuse(side: Side, value: unknown, timestamp: number): void {
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
