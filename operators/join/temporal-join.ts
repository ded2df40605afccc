/**
 * Temporal joins: each record of the first input with the row that its key had in the second one at the record's time, that
 * is the latest whose time is not after it.
 *
 * A record waits until the watermark says that every row up to its time has come; what waits is looked at for a slice of
 * time at once, in front of which the watermark waits meanwhile. Of each key those rows are kept that a record may still
 * need: the latest behind everything that waits, and what is newer. A late record is counted and put out; a late row counts
 * from its time on for what still waits.
 *
 * State: table "records", what waits, by slice and key; table "rows", the rows of each key in order of their times, flat:
 * [time, row, …], a row that is gone being null. Cost: O(log of a key's rows) a record, and a look into each key of a slice.
 */

import { MillraceError } from "../../core/errors.ts";
import type { TemporalJoinSpec } from "../../core/interval-join.ts";
import type { Key } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import type { Counter } from "../../core/telemetry.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { pushStamped, type Stamped } from "./stamped.ts";

/** How far the watermark lags at the most: little beside how far records are out of order. */
const SLICE_MS = 100;

export class TemporalJoinOperator implements Operator {
  readonly #spec: TemporalJoinSpec;
  readonly #context: OperatorContext;
  readonly #records: StateTable;
  readonly #rows: StatePane;
  readonly #lateRecords: Counter;
  #forwarded: number;

  constructor(spec: TemporalJoinSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#records = context.state.table("records", { numbers: 0, values: true });
    this.#rows = context.state.table("rows", { numbers: 0, values: true }).pane(0);
    this.#lateRecords = context.metrics.counter("lateRecords");
    this.#forwarded = this.#heldBack(context.currentWatermark);
  }

  process(value: unknown, timestamp: number): void {
    this.#checkTime(value, timestamp);
    if (timestamp <= this.#context.currentWatermark) {
      this.#lateRecords.add();
      if (this.#spec.late !== undefined) this.#context.side(this.#spec.late, value, timestamp);
      return;
    }
    const pane = this.#records.pane(Math.floor(timestamp / SLICE_MS));
    this.#add(pane, this.#keyOf(0, value), timestamp, value, value);
  }

  process2(value: unknown, timestamp: number): void {
    this.#checkTime(value, timestamp);
    const key = this.#keyOf(1, value);
    let isDeleted: boolean;
    try {
      isDeleted = this.#spec.deleted?.(value) === true;
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    const rows = this.#add(this.#rows, key, timestamp, isDeleted ? null : value, value);
    const needed = indexAt(rows, this.#heldBack(this.#context.currentWatermark));
    if (needed > 0) rows.splice(0, needed);
  }

  watermark(timestamp: number): void {
    pushStamped(this.#context, this.#due(timestamp), () => {
      const passed = this.#heldBack(timestamp);
      if (passed <= this.#forwarded) return;
      this.#forwarded = passed;
      this.#context.output.watermark(passed);
    });
  }

  *#due(watermark: number): Generator<Stamped, void> {
    for (const slice of this.#records.namespaces()) {
      if ((slice + 1) * SLICE_MS - 1 > watermark) break;
      const pane = this.#records.find(slice) as StatePane;
      for (let slot = 0; slot < pane.size; slot++) {
        const key = pane.keyAt(slot);
        const found = this.#rows.find(key);
        const rows = found < 0 ? [] : (this.#rows.values[found] as readonly unknown[]);
        const records = pane.values[slot] as readonly unknown[];
        for (let at = 0; at < records.length; at += 2) yield* this.#joined(records, at, rows);
      }
      this.#records.drop(slice);
    }
  }

  *#joined(records: readonly unknown[], at: number, rows: readonly unknown[]): Generator<Stamped, void> {
    const [time, value] = [records[at] as number, records[at + 1]];
    const place = indexAt(rows, time);
    const row = place < 0 ? null : rows[place + 1];
    if (row === null && !this.#spec.keepsUnmatched) return;
    let result: unknown;
    try {
      result = this.#spec.join(value, row ?? undefined);
      if (typeof (result as { then?: unknown } | null | undefined)?.then === "function")
        throw promiseReturned(this.#context.operator, "join");
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    yield { value: result, timestamp: time };
  }

  /** Puts an element behind those of its key that are not later. */
  #add(pane: StatePane, key: Key, time: number, element: unknown, value: unknown): unknown[] {
    let slot: number;
    try {
      slot = pane.slotOf(key);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    pane.values[slot] ??= [];
    const elements = pane.values[slot] as unknown[];
    elements.splice(indexAt(elements, time) + 2, 0, time, element);
    return elements;
  }

  #keyOf(input: 0 | 1, value: unknown): Key {
    try {
      return this.#spec.keys[input].select(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  /** The watermark in front of everything that waits. */
  #heldBack(watermark: number): number {
    const first = this.#records.namespaces()[0];
    return first === undefined ? watermark : Math.min(watermark, first * SLICE_MS - 1);
  }

  #checkTime(value: unknown, timestamp: number): void {
    if (timestamp - timestamp === 0) return;
    const { operator } = this.#context;
    const message = `"${operator}" got a record without event time, by which it finds what was valid then; call withTimestamps on both streams before keyBy`;
    throw this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
  }
}

/** The place of the latest element at or before the time, -2 for none: the last of those with the same time. */
function indexAt(elements: readonly unknown[], time: number): number {
  let low = 0;
  let high = elements.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((elements[2 * middle] as number) <= time) low = middle + 1;
    else high = middle;
  }
  return 2 * low - 2;
}
