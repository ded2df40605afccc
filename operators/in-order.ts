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

class InOrderOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #position: (value: unknown) => number;
  readonly #combine: ((first: unknown, second: unknown) => unknown) | undefined;
  readonly #table: StateTable;
  readonly #late: Counter;
  #watermark: number;

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
    this.#release(
      timestamp,
      this.#table.namespaces().filter((time) => time <= timestamp),
      0,
      [],
    );
  }

  /** Pushes the records of the times from `next` on, beginning with `rest`. True when done or suspended anew. */
  #release(watermark: number, times: readonly number[], next: number, rest: readonly unknown[]): boolean {
    let records = rest;
    for (let i = next; i <= times.length; i++) {
      const time = times[i - 1];
      for (let r = 0; r < records.length; r++) {
        this.#context.output.push(records[r], time as number);
        if (this.#context.gate.blocked) {
          const remaining = records.slice(r + 1);
          this.#context.suspend(() => this.#release(watermark, times, i, remaining));
          return true;
        }
      }
      if (i < times.length) records = this.#take(times[i] as number);
    }
    this.#context.output.watermark(watermark);
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
