/**
 * Sessions of event time with one gap, of which an aggregate makes the result: merged as records come, by panes of ends.
 *
 * A session [start, end) ends a gap behind its last record. It is kept in the pane of its end, where a pane is a span of
 * ends as long as the gap. The law: a key has at most one session in a pane, as the next one begins behind the end and ends
 * a gap later. A record at t would end in pane p, that of t + gap; any session there touches it. Besides, only a session in
 * the pane before, and those in later panes, which records out of order have made, may touch it. So a record costs one
 * lookup, made for many records at once, and another one where a session comes into a pane.
 *
 *   pane p-1         pane p              pane p+1          a session that goes on is moved to the pane of its new end;
 *   ──●───────────┼──────●───────────┼───────────────      its old place has the end -Infinity from then on
 *     end   ─────────►   end, a record later
 *
 * When the watermark passes a session's last millisecond it fires, sessions in order of their ends, and it is gone when the
 * allowed lateness has passed too: panes are dropped whole. A record is late when neither its own span nor a session that
 * it touches is left; one within the lateness fires its session again at once.
 *
 * State: table "sessions", namespace = number of the pane: the aggregate, start and end of each key's session; up to where
 * sessions have fired. Cost: O(1) a record; a session is moved about once a gap.
 */

import type { PlainSessionSpec } from "../../../core/general-window.ts";
import type { Key } from "../../../core/key.ts";
import { KeyBatch } from "../../../core/key-batch.ts";
import type { Operator, OperatorContext } from "../../../core/operator.ts";
import type { StatePane, StateTable } from "../../../core/state-backend.ts";
import type { Counter } from "../../../core/telemetry.ts";
import type { WindowResult } from "../../../core/window.ts";
import { type Accumulators, accumulators } from "../accumulators.ts";
import { FiredProgress } from "../fired-progress.ts";
import { noTime } from "../general/assign.ts";
import { SessionEnds } from "./session-ends.ts";

/** Records that are looked up together, as in `window-operator.ts`. */
const GATHERED_MAX = 128;

/** The end of a session that has been moved away. */
const MOVED = Number.NEGATIVE_INFINITY;

interface SessionPane {
  readonly number: number;
  readonly pane: StatePane;
  readonly ends: SessionEnds;
}

/** Sessions of a pane that are due, and the next of them to fire. */
interface Firing {
  readonly pane: StatePane;
  readonly slots: readonly number[];
  next: number;
}

export class SessionOperator implements Operator {
  readonly #spec: PlainSessionSpec;
  readonly #context: OperatorContext;
  readonly #gapMs: number;
  readonly #latenessMs: number;
  readonly #accumulators: Accumulators;
  readonly #table: StateTable;
  readonly #fired: FiredProgress;
  readonly #lateRecords: Counter;
  /** The columns of a session's start and end, behind those of the aggregate. */
  readonly #start: number;
  readonly #end: number;
  /** In order. */
  #panes: SessionPane[] = [];
  #watermark: number;
  // Records whose spans end in one pane and that have not been added yet.
  #gathered = Number.NaN;
  readonly #keys = new KeyBatch(GATHERED_MAX);
  readonly #times = new Float64Array(GATHERED_MAX);
  readonly #values: unknown[] = new Array(GATHERED_MAX).fill(undefined);
  readonly #slots = new Int32Array(GATHERED_MAX);
  readonly #changed: number[] = [];

  constructor(spec: PlainSessionSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#gapMs = spec.window.gapMs;
    this.#latenessMs = spec.allowedLatenessMs;
    this.#accumulators = accumulators(spec.aggregate, context);
    this.#start = this.#accumulators.table.numbers;
    this.#end = this.#start + 1;
    const { table } = this.#accumulators;
    this.#table = context.state.table("sessions", { ...table, numbers: table.numbers + 2 });
    this.#fired = new FiredProgress(context);
    this.#lateRecords = context.metrics.counter("lateRecords");
    this.#watermark = context.currentWatermark;
    for (const number of this.#table.namespaces()) this.#restored(this.#open(number));
  }

  process(value: unknown, timestamp: number): void {
    if (timestamp - timestamp !== 0) throw this.#context.failure(noTime(this.#context.operator, timestamp), value);
    const number = Math.floor((timestamp + this.#gapMs) / this.#gapMs);
    if (number !== this.#gathered) {
      this.#addGathered();
      this.#gathered = number;
    }
    if (timestamp + this.#gapMs - 1 <= this.#watermark) this.#takeLate(value, timestamp);
    else {
      this.#gather(this.#keyOf(value), value, timestamp);
      if (this.#keys.count === GATHERED_MAX) this.#addGathered();
    }
  }

  batchEnd(): void {
    this.#addGathered();
  }

  watermark(timestamp: number): void {
    this.#addGathered();
    this.#watermark = timestamp;
    this.#fireDue(timestamp, undefined);
  }

  beforeSnapshot(): void {
    this.#addGathered();
    this.#fired.save(this.#watermark);
  }

  #gather(key: Key, value: unknown, timestamp: number): void {
    const at = this.#keys.count;
    this.#keys.add(key);
    this.#times[at] = timestamp;
    if (this.#accumulators.readsValues || !this.#keys.allInts) this.#values[at] = value;
  }

  /** Ends up to here are gone for good. */
  get #goneUpTo(): number {
    return this.#watermark - this.#latenessMs + 1;
  }

  /** A record whose own span has ended: it may touch a session that is left. */
  #takeLate(value: unknown, timestamp: number): void {
    this.#addGathered();
    const key = this.#keyOf(value);
    if (timestamp + this.#gapMs <= this.#goneUpTo && !this.#touches(key, timestamp)) {
      this.#lateRecords.add();
      if (this.#spec.late !== undefined) this.#context.side(this.#spec.late, value, timestamp);
      return;
    }
    this.#gather(key, value, timestamp);
    this.#addGathered();
    this.#fireAgain(key, timestamp);
  }

  #touches(key: Key, timestamp: number): boolean {
    return this.#sessionAt(key, timestamp, timestamp + this.#gapMs) !== undefined;
  }

  /** The first session of a key that touches a span. */
  #sessionAt(key: Key, from: number, to: number): { readonly pane: StatePane; readonly slot: number } | undefined {
    for (const { pane } of this.#panes) {
      const slot = pane.find(key);
      if (slot < 0) continue;
      const end = this.#numberAt(pane, this.#end, slot);
      if (end > this.#goneUpTo && end >= from && this.#numberAt(pane, this.#start, slot) <= to) return { pane, slot };
    }
    return undefined;
  }

  #fireAgain(key: Key, timestamp: number): void {
    const found = this.#sessionAt(key, timestamp, timestamp + this.#gapMs);
    if (found !== undefined && this.#numberAt(found.pane, this.#end, found.slot) - 1 <= this.#watermark)
      this.#emit(found.pane, found.slot);
  }

  /** Adds the gathered records to the sessions of their pane; then sees which of these touch sessions of other panes. */
  #addGathered(): void {
    const keys = this.#keys;
    const { count } = keys;
    if (count === 0) return;
    const held = this.#open(this.#gathered);
    const { pane } = held;
    const fresh = pane.size;
    try {
      pane.slotsOf(keys, this.#slots);
    } catch (error) {
      throw this.#context.failure(error, this.#valueOfRefusedKey(pane));
    }
    keys.clear();
    this.#stretch(held, count, fresh);
    this.#accumulators.add(pane, this.#slots, count, fresh, this.#values);
    for (const slot of this.#changed) this.#settle(held, slot);
    this.#changed.length = 0;
  }

  /** Starts and ends of the sessions of gathered records. */
  #stretch({ number, pane, ends: waiting }: SessionPane, count: number, fresh: number): void {
    const starts = pane.numbers[this.#start] as Float64Array;
    const ends = pane.numbers[this.#end] as Float64Array;
    const gone = this.#goneUpTo;
    const isLast = this.#panes.at(-1)?.number === number;
    let nextFresh = fresh;
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[i] as number;
      const time = this.#times[i] as number;
      const isFresh = slot === nextFresh;
      if (isFresh) nextFresh++;
      else if ((ends[slot] as number) <= gone) this.#accumulators.reset(pane, slot);
      else {
        const end = time + this.#gapMs;
        const isEarlier = time < (starts[slot] as number);
        const isLonger = end > (ends[slot] as number);
        if (isEarlier) starts[slot] = time;
        if (isLonger) ends[slot] = end;
        if (isEarlier || (isLonger && !isLast) || !waiting.isWaiting(slot)) this.#changed.push(slot);
        continue;
      }
      starts[slot] = time;
      ends[slot] = time + this.#gapMs;
      this.#changed.push(slot);
    }
  }

  /** Unites a session with those of other panes that it touches, and sees that it will fire. */
  #settle(held: SessionPane, slot: number): void {
    const { pane, number, ends: waiting } = held;
    if (this.#numberAt(pane, this.#end, slot) === MOVED) return;
    const key = pane.keyAt(slot);
    for (const other of this.#panes) {
      if (other.number < number - 1 || other === held) continue;
      const at = other.pane.find(key);
      if (at < 0 || !this.#touch(pane, slot, other.pane, at)) continue;
      other.pane.slotOf(key); // it changes
      if (other.number < number) this.#unite(pane, slot, other.pane, at);
      else {
        this.#unite(other.pane, at, pane, slot);
        return;
      }
    }
    const end = this.#numberAt(pane, this.#end, slot);
    if (end - 1 > this.#watermark && !waiting.isWaiting(slot)) waiting.add(slot, end);
  }

  #touch(a: StatePane, slotOfA: number, b: StatePane, slotOfB: number): boolean {
    const end = this.#numberAt(b, this.#end, slotOfB);
    return (
      end > this.#goneUpTo &&
      end >= this.#numberAt(a, this.#start, slotOfA) &&
      this.#numberAt(b, this.#start, slotOfB) <= this.#numberAt(a, this.#end, slotOfA)
    );
  }

  /** Moves a session into one of a later pane. */
  #unite(into: StatePane, slot: number, from: StatePane, fromSlot: number): void {
    this.#accumulators.absorb(into, slot, from, fromSlot);
    const starts = into.numbers[this.#start] as Float64Array;
    starts[slot] = Math.min(starts[slot] as number, this.#numberAt(from, this.#start, fromSlot));
    (from.numbers[this.#end] as Float64Array)[fromSlot] = MOVED;
  }

  /** Fires what is due, tick by tick; suspends itself when consumers have no room. True when all is done. */
  #fireDue(watermark: number, started: Firing | undefined): boolean {
    for (let firing = started ?? this.#nextDue(watermark); firing !== undefined; firing = this.#nextDue(watermark)) {
      if (!this.#fire(firing)) {
        const paused = firing;
        this.#context.suspend(() => this.#fireDue(watermark, paused));
        return true;
      }
    }
    this.#fired.reached(watermark);
    this.#dropGone(watermark);
    this.#context.output.watermark(watermark);
    return true;
  }

  #nextDue(watermark: number): Firing | undefined {
    for (const { number, pane, ends } of this.#panes) {
      if (number * this.#gapMs > watermark + 1) return undefined;
      const slots = ends.take(watermark + 1, pane.numbers[this.#end] as Float64Array);
      if (slots.length > 0) return { pane, slots, next: 0 };
    }
    return undefined;
  }

  /** False when it had to stop. */
  #fire(firing: Firing): boolean {
    const { gate } = this.#context;
    while (firing.next < firing.slots.length) {
      if (gate.blocked) return false;
      this.#emit(firing.pane, firing.slots[firing.next++] as number);
    }
    return true;
  }

  #emit(pane: StatePane, slot: number): void {
    const key = pane.keyAt(slot);
    const windowStart = this.#numberAt(pane, this.#start, slot);
    const windowEnd = this.#numberAt(pane, this.#end, slot);
    const value = this.#accumulators.resultAt(pane, slot);
    const result: WindowResult<unknown, unknown> = { key, windowStart, windowEnd, value };
    this.#context.output.push(result, windowEnd - 1);
  }

  /** Drops the panes whose sessions are all gone. */
  #dropGone(watermark: number): void {
    let gone = 0;
    for (const { number } of this.#panes) {
      if ((number + 1) * this.#gapMs - 1 + this.#latenessMs > watermark) break;
      this.#table.drop(number);
      gone++;
    }
    if (gone > 0) this.#panes = this.#panes.slice(gone);
  }

  #open(number: number): SessionPane {
    const pane = this.#table.pane(number); // asked for each time: what it keeps on disk may have to make room
    const found = this.#panes.find((each) => each.number === number);
    if (found !== undefined) return found;
    const made = { number, pane, ends: new SessionEnds(number * this.#gapMs, this.#gapMs) };
    this.#panes = [...this.#panes, made].sort((a, b) => a.number - b.number);
    return made;
  }

  /** Sessions that had not fired will; those that had, though the watermark is behind that, are gone or stay silent. */
  #restored({ pane, ends: waiting }: SessionPane): void {
    for (let slot = 0; slot < pane.size; slot++) {
      const end = this.#numberAt(pane, this.#end, slot);
      if (end === MOVED || end - 1 <= this.#fired.least) continue;
      const key = pane.keyAt(slot);
      if (!this.#fired.isUneven || end - 1 > this.#fired.of(key)) waiting.add(slot, end);
      else if (this.#latenessMs === 0) {
        pane.slotOf(key);
        (pane.numbers[this.#end] as Float64Array)[slot] = MOVED;
      }
    }
  }

  #numberAt(pane: StatePane, column: number, slot: number): number {
    return (pane.numbers[column] as Float64Array)[slot] as number;
  }

  #keyOf(value: unknown): Key {
    try {
      return this.#spec.key.select(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
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
}
