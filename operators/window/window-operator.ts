/**
 * Keyed event-time windows, tumbling, sliding and cumulative, by panes.
 *
 * A record is added to its one pane. When the watermark passes a window's end, the window fires: each key in its panes
 * yields one result with the timestamp end-1, windows in order of their ends. Firing stops while consumers have no room
 * and goes on later. A record is late when the last window that contains it has expired, that is when the watermark has
 * passed its end by the allowed lateness: it is counted and goes to the late output. A record within the allowed
 * lateness fires its ended windows again at once, for its key.
 *
 * State: table "panes", an accumulator for each pane and key, namespace = the pane's local start; up to where windows have
 * fired (`fired-progress.ts`).
 * Cost: O(1) a record; firing a window costs its panes' keys, times the panes of a window when sliding.
 */

import type { Aggregate } from "../../core/aggregate.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Key, KeySelector } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { OutputTag } from "../../core/side-output.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import type { Counter } from "../../core/telemetry.ts";
import { isEventTime, NO_TIMESTAMP } from "../../core/time.ts";
import type { AlignedWindow, WindowResult } from "../../core/window.ts";
import { holdingValues } from "../held-values.ts";
import { type Accumulators, accumulators } from "./accumulators.ts";
import { CombinedPanes } from "./combined-panes.ts";
import { FiredProgress } from "./fired-progress.ts";
import { Panes } from "./panes.ts";
import { partialOf, recordsOf } from "./partials.ts";

/**
 * Records that are looked up together. One record's lookup waits for memory several times; the lookups of many records
 * wait at the same time. With a million keys that is the difference between 450 and 200 ns a record.
 */
const GATHERED_MAX = 128;

export interface WindowOperatorOptions {
  readonly key: KeySelector;
  readonly window: AlignedWindow;
  readonly aggregate: Aggregate<unknown, unknown, unknown>;
  readonly allowedLatenessMs: number;
  readonly late: OutputTag<unknown> | undefined;
  /** The aggregate of partials, where some come among the records. */
  readonly partials?: Aggregate<unknown, unknown, unknown>;
  /** Where windows do not go by watermarks: up to when they may have ended. */
  readonly endedUpTo?: number;
}

/** Where firing one window goes on: at a slot of one of its panes. */
interface Firing {
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly panes: readonly StatePane[];
  pane: number;
  slot: number;
  /** Whether the panes have been put together; then `slot` is a place there. */
  combined: boolean;
}

export class WindowOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #key: KeySelector;
  readonly #panes: Panes;
  readonly #latenessMs: number;
  readonly #late: OutputTag<unknown> | undefined;
  readonly #lateRecords: Counter;
  readonly #accumulators: Accumulators;
  /** For partials; absent: none comes. */
  readonly #merging: Accumulators | undefined;
  /** What the gathered ones are added by: all of them are records, or all are partials. */
  #adding: Accumulators;
  readonly #table: StateTable;
  readonly #fired: FiredProgress;
  /** Of column aggregates: windows of several panes. */
  readonly #combined: CombinedPanes | undefined;
  #watermark: number;
  /** All windows that end at or before this watermark have fired: the watermark itself, or what was restored. */
  #firedUpTo: number;
  /** The watermark at which the next window fires. */
  #nextFiring = Number.POSITIVE_INFINITY;
  // Records of the pane of the latest record that have not been added yet.
  readonly #keys = new KeyBatch(GATHERED_MAX);
  /** The records, if adding looks at them; those whose keys may be refused are there always. */
  readonly #values: unknown[] = new Array(GATHERED_MAX).fill(undefined);
  readonly #slots = new Int32Array(GATHERED_MAX);
  // The pane of the latest record, as consecutive records mostly share it.
  #paneStart = Number.NaN;
  /** Instants from here to before there belong to that pane; where clocks are set back, others may too. */
  #paneFrom = Number.POSITIVE_INFINITY;
  #paneTo = Number.NEGATIVE_INFINITY;
  #pane: StatePane | undefined;
  #paneExpiresAt = Number.NEGATIVE_INFINITY;
  #paneFiresAt = Number.POSITIVE_INFINITY;
  /** Reused for every key that fires. */
  readonly #places: { panes: StatePane[]; slots: number[]; count: number } = { panes: [], slots: [], count: 0 };

  constructor(options: WindowOperatorOptions, context: OperatorContext) {
    this.#context = context;
    this.#key = options.key;
    this.#panes = new Panes(options.window);
    this.#latenessMs = options.allowedLatenessMs;
    this.#late = options.late;
    this.#lateRecords = context.metrics.counter("lateRecords");
    this.#accumulators = accumulators(options.aggregate, context);
    this.#merging = options.partials && accumulators(options.partials, context);
    this.#adding = this.#accumulators;
    this.#table = context.state.table("panes", holdingValues(this.#accumulators.table, options.aggregate));
    this.#fired = new FiredProgress(context);
    const { table, combining } = this.#accumulators;
    if (combining !== undefined && this.#panes.areParts)
      this.#combined = new CombinedPanes(context.state, table, combining);
    this.#watermark = options.endedUpTo ?? context.currentWatermark;
    this.#firedUpTo = this.#fired.least;
    this.#nextFiring = this.#earliestFiring();
  }

  process(value: unknown, timestamp: number): void {
    if (!(timestamp >= this.#paneFrom && timestamp < this.#paneTo)) this.#turnTo(timestamp, value);
    if (this.#paneExpiresAt <= this.#watermark || (this.#fired.isUneven && this.#isLateAhead(value))) {
      this.#dropLate(value, timestamp);
      return;
    }
    const added = this.#merging === undefined ? value : this.#unwrapped(value, this.#merging);
    const keys = this.#keys;
    const at = keys.count;
    keys.add(this.#keyOf(added));
    // An array that is old by now would tell the garbage collector of every young record that it takes.
    if (this.#adding.readsValues || !keys.allInts) this.#values[at] = added;
    if (this.#paneFiresAt <= this.#watermark) {
      this.#combined?.paneChanged();
      this.#addGathered();
      this.#fireAgain(this.#paneStart, this.#pane as StatePane, this.#slots[at] as number);
    } else if (keys.count === GATHERED_MAX) this.#addGathered();
  }

  batchEnd(): void {
    this.#addGathered();
  }

  watermark(timestamp: number): void {
    this.fireUpTo(timestamp);
  }

  /** Fires all windows whose last millisecond is at or before that, and calls `passed` behind them, at once or later. */
  protected fireUpTo(timestamp: number): void {
    this.#addGathered();
    this.#watermark = timestamp;
    if (timestamp < this.#nextFiring) {
      if (timestamp > this.#firedUpTo) this.#firedUpTo = timestamp;
      this.passed(timestamp);
    } else this.#fireDue(timestamp, this.#dueWindows(timestamp), 0, undefined);
  }

  beforeSnapshot(): void {
    this.#addGathered();
    this.#fired.save(this.#firedUpTo);
  }

  /** All that was due has fired. */
  protected passed(timestamp: number): void {
    this.#context.output.watermark(timestamp);
  }

  /** The last millisecond of the window that fires next; Infinity: there is none. REQUIRES: the batch has ended */
  protected get nextFiring(): number {
    return this.#nextFiring;
  }

  /** The last millisecond of the last window that has records. REQUIRES: the batch has ended */
  protected get lastFiring(): number {
    const ends = this.#table.namespaces().map((pane) => this.#panes.endOf(this.#panes.lastWindowOf(pane)) - 1);
    return Math.max(...ends);
  }

  /** Any key of an open window. REQUIRES: there is one, and the batch has ended */
  protected anyKey(): Key {
    return this.#table.pane(this.#table.namespaces()[0] as number).keyAt(0);
  }

  /** Up to when windows had ended of the restored key group that had come furthest. */
  protected get restoredUpTo(): number {
    return this.#fired.most;
  }

  /** The record, or the partial without what it has travelled in. */
  #unwrapped(value: unknown, merging: Accumulators): unknown {
    const partial = partialOf(value);
    const adding = partial === undefined ? this.#accumulators : merging;
    if (adding !== this.#adding) {
      this.#addGathered();
      this.#adding = adding;
    }
    return partial ?? value;
  }

  /** Adds the gathered records to their pane: looks all of them up first, then updates all. */
  #addGathered(): void {
    const keys = this.#keys;
    const { count } = keys;
    if (count === 0) return;
    const pane = this.#pane ?? this.#openPane(this.#paneStart);
    const fresh = pane.size;
    try {
      if (this.#combined === undefined) pane.slotsOf(keys, this.#slots);
      else this.#combined.slotsOf(keys, pane, this.#paneStart, this.#slots);
    } catch (error) {
      throw this.#context.failure(error, this.#valueOfRefusedKey(pane));
    }
    keys.clear();
    this.#adding.add(pane, this.#slots, count, fresh, this.#values);
  }

  /** The record whose key a pane has refused. */
  #valueOfRefusedKey(pane: StatePane): unknown {
    for (let i = 0; i < this.#keys.count; i++) {
      try {
        pane.slotOf(this.#keys.keyAt(i));
      } catch {
        return this.#values[i];
      }
    }
    return undefined;
  }

  #keyOf(value: unknown): Key {
    try {
      return this.#key.select(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #noEventTime(value: unknown, timestamp: number): MillraceError {
    const { operator } = this.#context;
    const came =
      timestamp === NO_TIMESTAMP ? "a record without event time" : `a record with the event time ${timestamp}`;
    const message = `"${operator}" got ${came}, so it belongs to no window; call withTimestamps on the stream before keyBy`;
    return this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
  }

  /** Looks at another pane than the latest record's; it is opened only if the record is not late. */
  #turnTo(timestamp: number, value: unknown): void {
    if (!isEventTime(timestamp)) throw this.#noEventTime(value, timestamp);
    this.#addGathered();
    const start = this.#panes.paneOf(timestamp);
    this.#paneStart = start;
    this.#paneFrom = this.#panes.instantOf(start);
    this.#paneTo = this.#panes.instantOf(start + this.#panes.paneMs);
    this.#pane = this.#table.find(start);
    this.#paneExpiresAt = this.#panes.endOf(this.#panes.lastWindowOf(start)) - 1 + this.#latenessMs;
    this.#paneFiresAt = this.#panes.endOf(this.#panes.firstWindowOf(start)) - 1;
  }

  #openPane(start: number): StatePane {
    const pane = this.#table.pane(start);
    this.#pane = pane;
    this.#nextFiring = Math.min(this.#nextFiring, this.#firstFiringOf(start));
    return pane;
  }

  #dropLate(value: unknown, timestamp: number): void {
    this.#lateRecords.add(recordsOf(value));
    if (this.#late !== undefined) this.#context.side(this.#late, value, timestamp);
  }

  /** The watermark at which the first window of a pane that has not fired yet fires; Infinity when all have. */
  #firstFiringOf(pane: number): number {
    const last = this.#panes.lastWindowOf(pane);
    for (let window = this.#panes.firstWindowOf(pane); window <= last; window += this.#panes.slideMs) {
      const at = this.#panes.endOf(window) - 1;
      if (at > this.#firedUpTo) return at;
    }
    return Number.POSITIVE_INFINITY;
  }

  #earliestFiring(): number {
    return this.#table
      .namespaces()
      .reduce((earliest, pane) => Math.min(earliest, this.#firstFiringOf(pane)), Number.POSITIVE_INFINITY);
  }

  /** The local starts of the windows that fire at this watermark, in order of their ends. */
  #dueWindows(watermark: number): number[] {
    const due = new Set<number>();
    for (const pane of this.#table.namespaces()) {
      const last = this.#panes.lastWindowOf(pane);
      for (let window = this.#panes.firstWindowOf(pane); window <= last; window += this.#panes.slideMs) {
        const at = this.#panes.endOf(window) - 1;
        if (at > this.#firedUpTo && at <= watermark) due.add(window);
      }
    }
    return [...due].sort((a, b) => a - b);
  }

  /** Fires windows from `next` on; suspends itself when consumers have no room. True when all is done. */
  #fireDue(watermark: number, due: readonly number[], next: number, started: Firing | undefined): boolean {
    let firing = started;
    for (let i = next; i < due.length; i++) {
      firing ??= this.#firing(due[i] as number);
      if (!this.#fire(firing)) {
        const paused = firing;
        this.#context.suspend(() => this.#fireDue(watermark, due, i, paused));
        return true;
      }
      firing = undefined;
    }
    this.#markFired(watermark);
    this.passed(watermark);
    return true;
  }

  #firing(window: number): Firing {
    const panes: StatePane[] = [];
    const end = this.#panes.localEndOf(window);
    for (let start = this.#panes.firstPaneOf(window); start < end; start += this.#panes.paneMs) {
      const pane = this.#table.find(start);
      if (pane !== undefined) panes.push(pane);
    }
    return {
      windowStart: this.#panes.startOf(window),
      windowEnd: this.#panes.endOf(window),
      panes,
      pane: 0,
      slot: 0,
      combined: false,
    };
  }

  /** Emits the results of a window; false when it had to stop. */
  #fire(firing: Firing): boolean {
    if (this.#combined !== undefined && firing.panes.length > 1) return this.#fireCombined(firing, this.#combined);
    const { gate } = this.#context;
    for (; firing.pane < firing.panes.length; firing.pane++, firing.slot = 0) {
      const pane = firing.panes[firing.pane] as StatePane;
      while (firing.slot < pane.size) {
        if (gate.blocked) return false;
        this.#fireKey(firing, pane, firing.slot++);
      }
    }
    return true;
  }

  /** The same of several panes at once, key by key in order of their places. */
  #fireCombined(firing: Firing, combined: CombinedPanes): boolean {
    if (!firing.combined) combined.combine(firing.panes);
    firing.combined = true;
    const { gate, output } = this.#context;
    const { windowStart, windowEnd } = firing;
    const { places, present, presentStride, pane } = combined;
    const { resultAt } = this.#accumulators;
    while (firing.slot < places) {
      if (gate.blocked) return false;
      const place = firing.slot++;
      if ((present[place * presentStride] as number) === 0) continue;
      const key = pane.keyAt(place);
      if (this.#fired.isUneven && this.#fired.of(key) >= windowEnd - 1) continue;
      const value = resultAt(pane, place);
      const result: WindowResult<unknown, unknown> = { key, windowStart, windowEnd, value };
      output.push(result, windowEnd - 1);
    }
    return true;
  }

  /** Emits the result of a key, at the first pane of the window that has it. */
  #fireKey(firing: Firing, pane: StatePane, slot: number): void {
    const places = this.#places;
    places.panes[0] = pane;
    places.slots[0] = slot;
    places.count = 1;
    if (firing.panes.length > 1 && !this.#collectPlaces(firing, pane.keyAt(slot))) return;
    if (this.#fired.isUneven && this.#fired.of(pane.keyAt(slot)) >= firing.windowEnd - 1) return;
    this.#emit(pane, slot, firing.windowStart, firing.windowEnd);
  }

  /** Finds the key in the window's later panes; false if an earlier pane has it, so that it has been emitted. */
  #collectPlaces(firing: Firing, key: Key): boolean {
    for (let i = firing.pane - 1; i >= 0; i--) if ((firing.panes[i] as StatePane).find(key) >= 0) return false;
    const places = this.#places;
    for (let i = firing.pane + 1; i < firing.panes.length; i++) {
      const pane = firing.panes[i] as StatePane;
      const slot = pane.find(key);
      if (slot < 0) continue;
      places.panes[places.count] = pane;
      places.slots[places.count++] = slot;
    }
    return true;
  }

  #emit(pane: StatePane, slot: number, windowStart: number, windowEnd: number): void {
    const result: WindowResult<unknown, unknown> = {
      key: pane.keyAt(slot),
      windowStart,
      windowEnd,
      value: this.#accumulators.result(this.#places),
    };
    this.#context.output.push(result, windowEnd - 1);
  }

  /** A record within the allowed lateness updates the windows that have already fired. */
  #fireAgain(start: number, pane: StatePane, slot: number): void {
    const last = this.#panes.lastWindowOf(start);
    for (let window = this.#panes.firstWindowOf(start); window <= last; window += this.#panes.slideMs) {
      const at = this.#panes.endOf(window) - 1;
      if (at > this.#watermark || at + this.#latenessMs <= this.#watermark) continue;
      const firing = this.#firing(window);
      const key = pane.keyAt(slot);
      firing.pane = -1;
      this.#places.count = 0;
      this.#collectPlaces(firing, key);
      this.#emit(pane, slot, firing.windowStart, firing.windowEnd);
    }
  }

  /** Remembers the progress and drops the panes that no window can need any more. */
  #markFired(watermark: number): void {
    this.#firedUpTo = watermark;
    this.#fired.reached(watermark);
    for (const pane of this.#table.namespaces()) {
      if (this.#panes.endOf(this.#panes.lastWindowOf(pane)) - 1 + this.#latenessMs <= watermark) this.#drop(pane);
    }
    this.#paneFrom = Number.POSITIVE_INFINITY;
    this.#nextFiring = this.#earliestFiring();
  }

  #drop(start: number): void {
    const pane = this.#table.find(start);
    if (pane !== undefined) this.#combined?.forget(pane);
    this.#table.drop(start);
  }

  #isLateAhead(value: unknown): boolean {
    try {
      return this.#paneExpiresAt <= this.#fired.of(this.#key.select(partialOf(value) ?? value));
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }
}
