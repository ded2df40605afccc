/**
 * Sessions of event time with one gap, of which an aggregate makes the result: merged as records come.
 *
 * A session [start, end) ends a gap behind its last record and is kept in the pane of its end (`session-panes.ts`). A
 * record at t makes the span [t, t + gap) and is added, many records at a time, to its key's session in layer 0 of the pane
 * of that end, where that is gone, new, or touches the span; else to another layer. A session that has grown is then united
 * with those that it touches, in the pane of the later end:
 *
 *   pane p-1         pane p              pane p+1          the place that a session has left
 *   ──●───────────┼──────●───────────┼───────────────      has the end -Infinity from then on
 *     end   ─────────►   end, a record later
 *
 * When the watermark passes a session's last millisecond it fires, sessions in order of their ends, and it is gone when the
 * allowed lateness has passed too: panes are dropped whole. A record is late when neither its own span nor a session that
 * it touches is left; one within the lateness fires its session again at once.
 *
 * State: table "sessions", namespace = pane and layer: the aggregate, start and end of each key's session; up to where
 * sessions have fired. Cost: O(1) a record: one lookup, and a few more when a session comes into a pane.
 */

import type { PlainSessionSpec } from "../../../core/general-window.ts";
import type { Key } from "../../../core/key.ts";
import { KeyBatch } from "../../../core/key-batch.ts";
import type { Operator, OperatorContext } from "../../../core/operator.ts";
import type { StatePane } from "../../../core/state-backend.ts";
import type { Counter } from "../../../core/telemetry.ts";
import type { WindowResult } from "../../../core/window.ts";
import { touch, touchFound } from "../../touch.ts";
import { type Accumulators, accumulators } from "../accumulators.ts";
import { FiredProgress } from "../fired-progress.ts";
import { checkTime } from "../general/assign.ts";
import type { DueSessions } from "./due-sessions.ts";
import { type SessionEnds, sessionNumber } from "./session-ends.ts";
import { type SessionPane, SessionPanes } from "./session-panes.ts";

/** Records that are looked up together, as in `window-operator.ts`. */
const GATHERED_MAX = 128;

/** The end of a session that has left its place. */
const LEFT = Number.NEGATIVE_INFINITY;

/** A session's place. */
interface Place {
  readonly held: SessionPane;
  readonly layer: number;
  readonly pane: StatePane;
  readonly slot: number;
}

/** A record that does not touch its key's session in layer 0. */
interface Aside {
  readonly key: Key;
  readonly value: unknown;
  readonly time: number;
}

export class SessionOperator implements Operator {
  readonly #spec: PlainSessionSpec;
  readonly #context: OperatorContext;
  readonly #gapMs: number;
  readonly #latenessMs: number;
  readonly #accumulators: Accumulators;
  readonly #panes: SessionPanes;
  readonly #fired: FiredProgress;
  readonly #lateRecords: Counter;
  /** The columns of a session's start and end, behind those of the aggregate. */
  readonly #start: number;
  readonly #end: number;
  /** Whether a pane has to be told of a change in place: for checkpoints, and where values may be on disk. */
  readonly #marks: boolean;
  #watermark: number;
  // Records whose spans end in one pane and that have not been added yet.
  #gathered: SessionPane | undefined;
  #gatheredFrom = Number.NaN;
  #gatheredTo = Number.NaN;
  readonly #keys = new KeyBatch(GATHERED_MAX);
  readonly #times = new Float64Array(GATHERED_MAX);
  readonly #values: unknown[] = new Array(GATHERED_MAX).fill(undefined);
  readonly #slots = new Int32Array(GATHERED_MAX);
  readonly #found = new Int32Array(GATHERED_MAX);
  /** Slots of sessions that may touch others now, and their keys. */
  #changed: number[] = [];
  readonly #changedKeys = new KeyBatch(GATHERED_MAX);
  #aside: Aside[] = [];

  constructor(spec: PlainSessionSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#gapMs = spec.window.gapMs;
    this.#latenessMs = spec.allowedLatenessMs;
    this.#accumulators = accumulators(spec.aggregate, context, 2);
    const { table } = this.#accumulators;
    this.#start = table.numbers - 2;
    this.#end = table.numbers - 1;
    const sessions = context.state.table("sessions", table);
    this.#marks = context.checkpointing || table.values;
    this.#fired = new FiredProgress(context);
    this.#panes = new SessionPanes(this.#gapMs, sessions, this.#fired.least + 1);
    this.#lateRecords = context.metrics.counter("lateRecords");
    this.#watermark = context.currentWatermark;
    for (const held of this.#panes.all) this.#restored(held);
  }

  process(value: unknown, timestamp: number): void {
    if (!(timestamp >= this.#gatheredFrom && timestamp < this.#gatheredTo)) this.#turnTo(value, timestamp);
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

  /** Looks at another pane than that of the latest record. */
  #turnTo(value: unknown, timestamp: number): void {
    checkTime(this.#context, value, timestamp);
    this.#addGathered();
    const number = this.#panes.numberOf(timestamp + this.#gapMs);
    this.#gathered = undefined;
    this.#gatheredFrom = this.#panes.startOf(number) - this.#gapMs;
    this.#gatheredTo = this.#panes.startOf(number + 1) - this.#gapMs;
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
    if (timestamp + this.#gapMs <= this.#goneUpTo && this.#touched(key, timestamp) === undefined) {
      this.#lateRecords.add();
      if (this.#spec.late !== undefined) this.#context.side(this.#spec.late, value, timestamp);
      return;
    }
    this.#gather(key, value, timestamp);
    this.#addGathered();
    const place = this.#touched(key, timestamp);
    if (place !== undefined && this.#endOf(place) - 1 <= this.#watermark)
      this.#emit(place.pane, place.slot, place.pane.keyAt(place.slot));
  }

  /** A session of a key that touches a record's span. */
  #touched(key: Key, time: number): Place | undefined {
    for (const held of this.#panes.all) {
      for (let layer = 0; layer < held.layers; layer++) {
        const pane = held.layer(layer);
        const slot = pane.find(key);
        if (slot >= 0 && this.#touches(pane, slot, time, time + this.#gapMs)) return { held, layer, pane, slot };
      }
    }
    return undefined;
  }

  #touches(pane: StatePane, slot: number, from: number, to: number): boolean {
    const end = this.#numberAt(pane, this.#end, slot);
    return end > this.#goneUpTo && end >= from && this.#numberAt(pane, this.#start, slot) <= to;
  }

  /** Adds the gathered records to the sessions of their pane; then unites those that have grown with what they touch. */
  #addGathered(): void {
    const { count } = this.#keys;
    if (count === 0) return;
    this.#gathered ??= this.#panes.at(this.#panes.numberOf(this.#gatheredFrom + this.#gapMs), this.#watermark + 1);
    const held = this.#gathered;
    const pane = held.open(0);
    const fresh = pane.size;
    try {
      pane.slotsOf(this.#keys, this.#slots);
    } catch (error) {
      throw this.#context.failure(error, this.#valueOfRefusedKey(pane));
    }
    const added = this.#stretch(held, pane, count, fresh);
    this.#keys.clear();
    this.#accumulators.add(pane, this.#slots, added, fresh, this.#values);
    if (this.#changed.length > 0) this.#settleChanged(held, pane);
    if (this.#aside.length > 0) this.#addAside(held);
  }

  /** Starts and ends of the sessions of gathered records; how many records they take, which come to the front. */
  #stretch(held: SessionPane, pane: StatePane, count: number, fresh: number): number {
    const starts = pane.numbers[this.#start] as Float64Array;
    const ends = pane.numbers[this.#end] as Float64Array;
    const { stride } = pane;
    const slots = this.#slots;
    touch(ends, slots, count, stride);
    this.#accumulators.touch(pane, slots, count, this.#values); // begins on the line before, for a quarter of them
    const { unlistedFrom } = held.ends;
    const gone = this.#goneUpTo;
    const isAlone = this.#panes.all.at(-1) === held && !held.ends.someAreSilent;
    // Sessions of the pane before end before this, so what begins behind it touches none of them.
    const first = this.#panes.startOf(held.number);
    let nextFresh = fresh;
    let added = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      const at = slot * stride;
      const time = this.#times[i] as number;
      const end = time + this.#gapMs;
      const before = ends[at] as number;
      const isFresh = slot === nextFresh;
      if (isFresh || before <= gone) {
        if (isFresh) nextFresh++;
        else this.#accumulators.reset(pane, slot);
        starts[at] = time;
        ends[at] = end;
        if (end < unlistedFrom) this.#expect(held.ends, slot, LEFT, end);
        if (time <= first || !isAlone || held.isCrowded(slot)) this.#change(slot, i);
      } else if (time <= before && end >= (starts[at] as number)) {
        const isEarlier = time < (starts[at] as number);
        if (isEarlier) starts[at] = time;
        if (end > before) {
          ends[at] = end;
          if (end < unlistedFrom) this.#expect(held.ends, slot, before, end);
        }
        if ((isEarlier && time <= first) || !isAlone || held.isCrowded(slot)) this.#change(slot, i);
      } else {
        this.#aside.push({ key: this.#keys.keyAt(i), value: this.#values[i], time });
        continue;
      }
      slots[added] = slot;
      if (added !== i) this.#values[added] = this.#values[i];
      added++;
    }
    return added;
  }

  /** A session has come, or has grown from an earlier end: sees that it will fire. What has ended by now has no place. */
  #expect(ends: SessionEnds, session: number, before: number, end: number): void {
    if (end - 1 <= this.#watermark) return;
    if (before - 1 <= this.#watermark) ends.add(session, end);
    else ends.grown(session, before, end);
  }

  /** The session of a record may touch others, or may have to be woken. */
  #change(slot: number, record: number): void {
    this.#changed.push(slot);
    this.#changedKeys.add(this.#keys.keyAt(record));
  }

  /** Unites the changed sessions with what they touch: for most that is nothing, seen by looking for all keys together. */
  #settleChanged(held: SessionPane, pane: StatePane): void {
    const changed = this.#changed;
    this.#changed = [];
    const touched = new Uint8Array(changed.length);
    for (const other of this.#panes.all) {
      if (other.number < held.number - 1) continue;
      for (let layer = 0; layer < other.layers; layer++)
        if (other !== held || layer > 0) this.#noteTouched(pane, changed, other.layer(layer), touched);
    }
    this.#changedKeys.clear();
    for (let i = 0; i < changed.length; i++)
      if (touched[i] === 1 || held.ends.someAreSilent)
        this.#settle({ held, layer: 0, pane, slot: changed[i] as number });
  }

  /** Notes which of the changed sessions touch one in another pane. */
  #noteTouched(pane: StatePane, changed: readonly number[], other: StatePane, touched: Uint8Array): void {
    const found = this.#found;
    other.findAll(this.#changedKeys, found);
    touchFound(other.numbers[this.#end] as Float64Array, found, changed.length, other.stride);
    for (let i = 0; i < changed.length; i++) {
      const slot = changed[i] as number;
      const from = this.#numberAt(pane, this.#start, slot);
      const to = this.#numberAt(pane, this.#end, slot);
      if ((found[i] as number) >= 0 && this.#touches(other, found[i] as number, from, to)) touched[i] = 1;
    }
  }

  /** Records that touch no session in layer 0: the session there is not gone, so they go to another layer. */
  #addAside(held: SessionPane): void {
    const aside = this.#aside;
    this.#aside = [];
    const slots = new Int32Array(1);
    for (const { key, value, time } of aside) {
      const { layer, pane } = this.#layerFor(held, key, time);
      const { size } = pane;
      const slot = pane.slotOf(key);
      const isNew = slot === size || this.#numberAt(pane, this.#end, slot) <= this.#goneUpTo;
      if (isNew && slot !== size) this.#accumulators.reset(pane, slot);
      const before = isNew ? LEFT : this.#numberAt(pane, this.#end, slot);
      const end = Math.max(before, time + this.#gapMs);
      this.#setNumber(pane, this.#start, slot, isNew ? time : Math.min(time, this.#numberAt(pane, this.#start, slot)));
      this.#setNumber(pane, this.#end, slot, end);
      if (end > before) this.#expect(held.ends, sessionNumber(layer, slot), before, end);
      slots[0] = slot;
      this.#accumulators.add(pane, slots, 1, size, [value]);
      held.crowd(key);
      this.#settle({ held, layer, pane, slot });
    }
  }

  /** The layer with a session that touches a record, or the first that has room. */
  #layerFor(held: SessionPane, key: Key, time: number): { readonly layer: number; readonly pane: StatePane } {
    let free = 0;
    for (let layer = 1; layer < held.layers; layer++) {
      const pane = held.layer(layer);
      const slot = pane.find(key);
      if (slot >= 0 && this.#touches(pane, slot, time, time + this.#gapMs)) return { layer, pane };
      if (free === 0 && (slot < 0 || this.#numberAt(pane, this.#end, slot) <= this.#goneUpTo)) free = layer;
    }
    const layer = free === 0 ? held.layers : free;
    return { layer, pane: held.open(layer) };
  }

  /** Unites a session with those that it touches, in the place of the latest end. */
  #settle(changed: Place): void {
    if (this.#endOf(changed) === LEFT) return;
    const key = changed.pane.keyAt(changed.slot);
    let place = changed;
    for (const held of this.#panes.all) {
      if (held.number < changed.held.number - 1) continue;
      for (let layer = 0; layer < held.layers; layer++) {
        const pane = held.layer(layer);
        if (pane === place.pane) continue;
        const slot = pane.find(key);
        if (slot < 0 || !this.#touches(pane, slot, this.#startOf(place), this.#endOf(place))) continue;
        place = this.#united(key, place, { held, layer, pane, slot });
      }
    }
    place.held.ends.wake(sessionNumber(place.layer, place.slot), this.#endOf(place));
  }

  /** Moves the session of the earlier end into the other one. */
  #united(key: Key, one: Place, other: Place): Place {
    const [from, into] = this.#endOf(one) < this.#endOf(other) ? [one, other] : [other, one];
    if (this.#marks) for (const { pane } of [from, into]) pane.slotOf(key);
    this.#accumulators.absorb(into.pane, into.slot, from.pane, from.slot);
    const start = Math.min(this.#startOf(into), this.#startOf(from));
    this.#setNumber(into.pane, this.#start, into.slot, start);
    this.#setNumber(from.pane, this.#end, from.slot, LEFT);
    from.held.ends.left();
    return into;
  }

  /** Fires what is due, tick by tick; suspends itself when consumers have no room. True when all is done. */
  #fireDue(watermark: number, started: DueSessions | undefined): boolean {
    const next = (): DueSessions | undefined => this.#panes.nextDue(watermark + 1, this.#end);
    for (let due = started ?? next(); due !== undefined; due = next()) {
      if (!this.#fire(due)) {
        const paused = due;
        this.#context.suspend(() => this.#fireDue(watermark, paused));
        return true;
      }
    }
    this.#fired.reached(watermark);
    this.#panes.dropUpTo(this.#goneUpTo);
    if (!this.#panes.all.includes(this.#gathered as SessionPane)) this.#gathered = undefined;
    this.#context.output.watermark(watermark);
    return true;
  }

  /** False when it had to stop. */
  #fire(due: DueSessions): boolean {
    const { gate } = this.#context;
    while (due.more) {
      if (gate.blocked) return false;
      due.next();
      this.#emit(due.pane, due.slot, due.key);
    }
    return true;
  }

  #emit(pane: StatePane, slot: number, key: Key): void {
    pane.reading(slot);
    const windowStart = this.#numberAt(pane, this.#start, slot);
    const windowEnd = this.#numberAt(pane, this.#end, slot);
    const value = this.#accumulators.resultAt(pane, slot);
    const result: WindowResult<unknown, unknown> = { key, windowStart, windowEnd, value };
    this.#context.output.push(result, windowEnd - 1);
  }

  /** Sessions that had not fired will; those that had, though the watermark is behind that, are gone or stay silent. */
  #restored(held: SessionPane): void {
    for (let layer = 0; layer < held.layers; layer++) {
      const pane = held.layer(layer);
      for (let slot = 0; slot < pane.size; slot++) {
        const end = this.#numberAt(pane, this.#end, slot);
        const key = pane.keyAt(slot);
        if (layer > 0) held.crowd(key);
        if (end === LEFT || end - 1 <= this.#fired.least) continue;
        if (!this.#fired.isUneven || end - 1 > this.#fired.of(key)) continue;
        if (this.#latenessMs > 0) held.ends.silence(sessionNumber(layer, slot));
        else {
          pane.slotOf(key);
          this.#setNumber(pane, this.#end, slot, LEFT);
        }
      }
    }
  }

  #startOf({ pane, slot }: Place): number {
    return this.#numberAt(pane, this.#start, slot);
  }

  #endOf({ pane, slot }: Place): number {
    return this.#numberAt(pane, this.#end, slot);
  }

  #numberAt(pane: StatePane, column: number, slot: number): number {
    return (pane.numbers[column] as Float64Array)[slot * pane.stride] as number;
  }

  #setNumber(pane: StatePane, column: number, slot: number, to: number): void {
    (pane.numbers[column] as Float64Array)[slot * pane.stride] = to;
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
