/**
 * In order: brings records that were read in parallel back into the order of a position that each of them carries.
 *
 * Records are kept until the watermark passes their timestamp; then those of a timestamp go out by position. Event time
 * must not fall as positions rise. Late records, which would break the order, are counted and dropped.
 *
 * State: table "waiting", namespace = timestamp, key = position. Cost: O(log n) a record, n records of a timestamp.
 */

import { MillraceError } from "../core/errors.ts";
import type { Operator, OperatorContext, OperatorFactory } from "../core/operator.ts";
import type { StatePane, StateTable } from "../core/state-backend.ts";
import type { Counter } from "../core/telemetry.ts";
import { NO_TIMESTAMP } from "../core/time.ts";

export interface InOrderOptions<T> {
  /** The record's position: a number that no other record has, unless `combine` is given. */
  readonly position: (value: T) => number;
  /** Makes one record of two with the same position, for instance of parts that parallel subtasks have computed. */
  readonly combine?: (first: T, second: T) => T;
}

/** For `stream.global().keyBy(() => 0).transform("in-order", inOrder({ position: … }), { parallelism: 1 })`. */
export function inOrder<T>(options: InOrderOptions<T>): OperatorFactory<T, T> {
  return (context) => new InOrderOperator(options as InOrderOptions<unknown>, context as OperatorContext);
}

/**
 * A watermark may release weeks of records; so that consumers need not wait for the last, it is passed on in steps. The
 * first are short and end the turn, which lets a partly filled batch go: whoever has just started a job waits for its
 * first result.
 */
const WATERMARK_EVERY_RECORDS = 512;
const WATERMARK_FIRST_RECORDS = 32;

/** The records that one watermark lets go, and how far that has come. */
interface Release {
  readonly watermark: number;
  /** The timestamps to release, ascending. */
  readonly times: readonly number[];
  next: number;
  /** The timestamp of `records`, of which those before `at` have been pushed. */
  time: number;
  records: readonly unknown[];
  at: number;
  sinceWatermark: number;
}

class InOrderOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #position: (value: unknown) => number;
  readonly #combine: ((first: unknown, second: unknown) => unknown) | undefined;
  readonly #table: StateTable;
  readonly #late: Counter;
  #watermark: number;
  /** Records between two steps; doubles with each. */
  #watermarkEvery = WATERMARK_FIRST_RECORDS;

  constructor(options: InOrderOptions<unknown>, context: OperatorContext) {
    if (context.parallelism !== 1) {
      throw new MillraceError(
        "PARALLELISM",
        `"${context.operator}" has parallelism ${context.parallelism}, but one order needs one subtask: give it { parallelism: 1 }`,
        { operator: context.operator },
      );
    }
    this.#context = context;
    this.#watermark = context.currentWatermark;
    this.#position = options.position;
    this.#combine = options.combine;
    this.#table = context.state.table("waiting", { numbers: 0, values: true });
    this.#late = context.metrics.counter("lateRecords");
  }

  process(value: unknown, timestamp: number): void {
    if (timestamp === NO_TIMESTAMP)
      throw this.#refused("got a record without event time; call withTimestamps first", value);
    if (timestamp <= this.#watermark) {
      this.#late.add();
      return;
    }
    const pane = this.#table.pane(timestamp);
    try {
      const size = pane.size;
      const slot = pane.slotOf(this.#position(value));
      pane.values[slot] = slot === size ? value : this.#combined(pane.values[slot], value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #combined(first: unknown, second: unknown): unknown {
    if (this.#combine !== undefined) return this.#combine(first, second);
    const position = String(this.#position(second));
    throw this.#refused(
      `got two records with the position ${position}; each needs its own, or give { combine }`,
      second,
    );
  }

  #refused(what: string, value: unknown): MillraceError {
    const { operator } = this.#context;
    return this.#context.failure(new MillraceError("WRONG_SHAPE", `"${operator}" ${what}`, { operator }), value);
  }

  watermark(timestamp: number): void {
    this.#watermark = timestamp;
    const times = this.#table.namespaces().filter((time) => time <= timestamp);
    this.#goOn({ watermark: timestamp, times, next: 0, time: timestamp, records: [], at: 0, sinceWatermark: 0 });
  }

  /** Pushes what is left of a release, until it is done or consumers have no room. Always true: it suspends itself. */
  #goOn(release: Release): boolean {
    const { output, gate } = this.#context;
    for (;;) {
      while (release.at < release.records.length) {
        output.push(release.records[release.at++], release.time);
        if (gate.blocked) return this.#goOnLater(release);
      }
      if (release.next === release.times.length) break;
      if (release.sinceWatermark >= this.#watermarkEvery) {
        const isEarly = this.#watermarkEvery < WATERMARK_EVERY_RECORDS;
        if (isEarly) this.#watermarkEvery *= 2;
        release.sinceWatermark = 0;
        output.watermark(release.time);
        if (isEarly || gate.blocked) return this.#goOnLater(release);
      }
      release.time = release.times[release.next++] as number;
      release.records = this.#take(release.time);
      release.at = 0;
      release.sinceWatermark += release.records.length;
    }
    output.watermark(release.watermark);
    return true;
  }

  #goOnLater(release: Release): boolean {
    this.#context.suspend(() => this.#goOn(release));
    return true;
  }

  /** Removes and returns the records of one timestamp by position. */
  #take(time: number): unknown[] {
    const pane = this.#table.find(time) as StatePane;
    const order = Array.from({ length: pane.size }, (_, slot) => slot);
    order.sort((a, b) => (pane.keyAt(a) as number) - (pane.keyAt(b) as number));
    const records = order.map((slot) => pane.values[slot]);
    this.#table.drop(time);
    return records;
  }
}
