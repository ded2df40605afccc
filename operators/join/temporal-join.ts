/**
 * Temporal joins: each record of the first input with the row that its key had in the second one at the record's time, that
 * is the latest whose time is not after it.
 *
 * A record waits until the watermark says that every row up to its time has come; what waits is looked at for a slice of
 * time at once, in front of which the watermark waits meanwhile. Of each key those rows are kept that a record may still
 * need: the latest behind everything that waits, unless it has become too old, and what is newer; others are forgotten when
 * the watermark has passed what replaces them. A late record is counted and put out; a late row counts from its time on for
 * what still waits.
 *
 * State: table "records", what waits, by slice and key; table "rows" (`forgetful-keys.ts`), the rows of each key in order of
 * their times, flat: [time, row, …], a row that is gone being null. Cost: O(log of a key's rows) a record, and a look into
 * each key of a slice; a row that replaces another one is looked at again when the watermark has passed it.
 */

import { MillraceError } from "../../core/errors.ts";
import type { TemporalJoinSpec } from "../../core/interval-join.ts";
import type { Key } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import type { Counter } from "../../core/telemetry.ts";
import { isEventTime } from "../../core/time.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { ForgetfulKeys, forgetfulTable } from "../forgetful-keys.ts";
import { pushStamped, type Stamped } from "./stamped.ts";

/** How far the watermark lags at the most: little beside how far records are out of order. */
const SLICE_MS = 100;
const NEVER = Number.POSITIVE_INFINITY;
// What a key of "rows" holds.
const NOTHING = 0;
const ROWS = 1;

export class TemporalJoinOperator implements Operator {
  readonly #spec: TemporalJoinSpec;
  readonly #context: OperatorContext;
  readonly #records: StateTable;
  readonly #rows: ForgetfulKeys<unknown[]>;
  readonly #lateRecords: Counter;
  #forwarded: number;

  constructor(spec: TemporalJoinSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#records = context.state.table("records", { numbers: 0, values: true });
    this.#rows = new ForgetfulKeys(context.state.table("rows", forgetfulTable));
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
    const key = this.#keyOf(0, value);
    try {
      const pane = this.#records.pane(Math.floor(timestamp / SLICE_MS));
      const slot = pane.slotOf(key);
      pane.values[slot] ??= [];
      insert(pane.values[slot] as unknown[], timestamp, value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
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
    try {
      this.#addRow(key, timestamp, isDeleted ? null : value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #addRow(key: Key, time: number, row: unknown): void {
    const found = this.#rows.pane.find(key);
    const slot = this.#rows.holds(found) === NOTHING ? this.#rows.put(key, []) : found;
    const rows = this.#rows.at(slot);
    insert(rows, time, row);
    this.#forget(slot, rows, this.#heldBack(this.#context.currentWatermark));
  }

  /** Forgets the rows of a key that no record behind the watermark can need, and notes when there will be others. */
  #forget(slot: number, rows: unknown[], watermark: number): void {
    const { keepMs } = this.#spec;
    let first = Math.max(0, indexAt(rows, watermark));
    const isOver = (time: number): boolean => keepMs < NEVER && time + keepMs <= watermark;
    while (first < rows.length && isOver(rows[first] as number)) first += 2;
    rows.splice(0, first);
    const over = rows.length > 0 ? (rows[0] as number) + keepMs : NEVER;
    const replaced = rows.length > 2 ? (rows[2] as number) : NEVER;
    this.#rows.set(slot, rows.length === 0 ? NOTHING : ROWS, Math.min(replaced, over));
  }

  watermark(timestamp: number): void {
    pushStamped(this.#context, this.#due(timestamp), () => {
      const passed = this.#heldBack(timestamp);
      for (let slot = this.#rows.takeDue(passed); slot >= 0; slot = this.#rows.takeDue(passed))
        if (this.#rows.holds(slot) !== NOTHING) this.#forget(slot, this.#rows.at(slot), passed);
      this.#rows.moveWhenIdle();
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
        const found = this.#rows.pane.find(key);
        const rows = this.#rows.holds(found) === NOTHING ? [] : (this.#rows.pane.values[found] as readonly unknown[]);
        const records = pane.values[slot] as readonly unknown[];
        for (let at = 0; at < records.length; at += 2) yield* this.#joined(records, at, rows);
      }
      this.#records.drop(slice);
    }
  }

  *#joined(records: readonly unknown[], at: number, rows: readonly unknown[]): Generator<Stamped, void> {
    const [time, value] = [records[at] as number, records[at + 1]];
    const place = indexAt(rows, time);
    const isValid = place >= 0 && time - (rows[place] as number) <= this.#spec.keepMs;
    const row = isValid ? rows[place + 1] : null;
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
    if (isEventTime(timestamp)) return;
    const { operator } = this.#context;
    const message = `"${operator}" got a record without event time, by which it finds what was valid then; call withTimestamps on both streams before keyBy`;
    throw this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
  }
}

/** Puts an element behind those that are not later. */
function insert(elements: unknown[], time: number, element: unknown): void {
  elements.splice(indexAt(elements, time) + 2, 0, time, element);
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
