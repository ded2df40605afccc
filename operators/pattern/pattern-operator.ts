/**
 * match: finds the matches of a pattern among the records of each key.
 *
 * By event time records wait until the watermark has passed them and are then looked at in the order of their times, of
 * equal times in the order of coming; one that the watermark has passed when it comes is late. By processing time they
 * are looked at when they come.
 *
 *   record ──→ gathered ──watermark has passed it, none of its key waits──→ looked at ──→ matches
 *                  └──no room, or others of its key wait──→ waits with its key ──→ looked at when due
 *
 * State: table "matches" (`key-entries.ts`), with an entry for each key at which a match has begun or a record waits.
 * Timers: by processing time, for each key the time at which a match is over. Cost: of a record at whose key nothing is
 * open, a look-up and the conditions of the first step; else by record the ways on of the key's open matches, of which there
 * may be many: give patterns a time. A watermark costs what is due.
 */

import type { Key } from "../../core/key.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import type { Operator, OperatorContext, Timer } from "../../core/operator.ts";
import { namesOf, type PatternMatch, type PatternMatchSpec } from "../../core/pattern-match.ts";
import type { Counter } from "../../core/telemetry.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { forgetfulTable } from "../forgetful-keys.ts";
import { requireTime } from "../keyed-record.ts";
import { automatonOf, type Position } from "./automaton.ts";
import { KeyEntries } from "./key-entries.ts";
import {
  addWaiting,
  before,
  dropLooked,
  earliestWaiting,
  isIdle,
  type KeyMatches,
  placeOf,
  positionOf,
} from "./key-matches.ts";
import { Matcher } from "./matcher.ts";

/**
 * Records whose keys are looked up together, so that the lookups' waits for memory overlap: more than mostly come between two
 * watermarks, and few enough to be given to their keys at a barrier within a millisecond or two.
 */
const GATHERED_MAX = 4096;

export class PatternOperator implements Operator {
  readonly #spec: PatternMatchSpec;
  readonly #context: OperatorContext;
  readonly #positions: readonly Position[];
  readonly #names: readonly string[];
  readonly #matcher: Matcher;
  readonly #byEventTime: boolean;
  readonly #entries: KeyEntries;
  readonly #late: Counter;
  // Records that wait with no key yet: in the order of coming.
  readonly #keys = new KeyBatch(GATHERED_MAX);
  readonly #values: unknown[] = new Array(GATHERED_MAX).fill(undefined);
  readonly #times = new Float64Array(GATHERED_MAX);
  readonly #slots = new Int32Array(GATHERED_MAX);
  /** The gathered records in the order of their times. */
  readonly #order = new Int32Array(GATHERED_MAX);
  #earliest = Number.POSITIVE_INFINITY;
  /** How many of the gathered ones, in that order, have been looked at. */
  #looked = 0;
  /** How many entries there were when they were looked up. */
  #lookedUpAmong = 0;
  /** The key whose records are being looked at. */
  #key: Key = "";

  constructor(spec: PatternMatchSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#byEventTime = spec.time === "event";
    const automaton = automatonOf(spec.pattern);
    this.#positions = automaton.positions;
    this.#names = namesOf(spec.pattern.steps);
    this.#late = context.metrics.counter("lateRecords");
    this.#entries = new KeyEntries(context.state.table("matches", forgetfulTable));
    this.#matcher = new Matcher({
      automaton,
      withinMs: spec.pattern.withinMs ?? Number.POSITIVE_INFINITY,
      afterMatch: spec.afterMatch,
      matched: (matches, { node, startedAt }, at) => {
        context.output.push(this.#resultOf(matches, node, startedAt), at);
      },
      timedOut: (matches, node, startedAt, at) => {
        if (spec.timedOut === undefined) return;
        context.side(spec.timedOut, { ...this.#resultOf(matches, node, startedAt), timedOutAt: at }, at);
      },
    });
  }

  process(value: unknown, timestamp: number): void {
    if (this.#byEventTime) this.#gather(value, timestamp);
    else this.#look(value);
  }

  watermark(timestamp: number): void {
    if (this.#keys.count > 0 && this.#earliest <= timestamp) this.#lookUpGathered();
    this.#advance(timestamp, 0);
  }

  beforeSnapshot(): void {
    this.#keepGathered();
  }

  onTimer({ key, timestamp }: Timer): void {
    const slot = this.#entries.pane.find(key);
    if (!this.#entries.isBusy(slot)) return;
    const matches = this.#entries.at(slot);
    this.#key = key;
    this.#matcher.expire(matches, timestamp);
    this.#changed(slot, matches);
  }

  #gather(value: unknown, timestamp: number): void {
    requireTime(this.#context, value, timestamp, "a pattern");
    if (timestamp <= this.#context.currentWatermark) {
      this.#late.add();
      if (this.#spec.late !== undefined) this.#context.side(this.#spec.late, value, timestamp);
      return;
    }
    const at = this.#keys.count;
    this.#keys.add(this.#keyOf(value));
    this.#values[at] = value;
    this.#times[at] = timestamp;
    if (timestamp < this.#earliest) this.#earliest = timestamp;
    if (at + 1 === GATHERED_MAX) this.#keepGathered();
  }

  #keyOf(value: unknown): Key {
    try {
      const key = this.#spec.key.select(value);
      if (typeof key !== "number" || key !== key) this.#entries.pane.find(key); // refuses what is no key
      return key;
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  /** Finds the slots of the gathered records, and the order of their times. */
  #lookUpGathered(): void {
    const { count } = this.#keys;
    this.#entries.pane.findAll(this.#keys, this.#slots);
    this.#lookedUpAmong = this.#entries.size;
    let isInOrder = true;
    for (let i = 0; i < count; i++) {
      this.#order[i] = i;
      if (i > 0 && (this.#times[i] as number) < (this.#times[i - 1] as number)) isInOrder = false;
    }
    if (isInOrder) return;
    const times = this.#times;
    this.#order.subarray(0, count).sort((a, b) => (times[a] as number) - (times[b] as number) || a - b);
  }

  /** The gathered records that have not been looked at wait with their keys. */
  #keepGathered(): void {
    if (this.#keys.count === 0) return;
    if (this.#looked === 0) this.#lookUpGathered();
    const { count } = this.#keys;
    for (; this.#looked < count; this.#looked++) this.#keepWaiting(this.#order[this.#looked] as number);
    this.#forgetGathered(count);
  }

  /** Forgets the first ones in the order of their times. */
  #forgetGathered(first: number): void {
    const { count } = this.#keys;
    const left = this.#order.subarray(first, count).sort();
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const [to, from] of left.entries()) {
      const time = this.#times[from] as number;
      this.#values[to] = this.#values[from];
      this.#times[to] = time;
      if (time < this.#earliest) this.#earliest = time;
    }
    this.#keys.keepOnly(left);
    this.#values.fill(undefined, left.length, count);
    if (left.length === 0) this.#keys.clear();
    this.#looked = 0;
  }

  /** Looks at what the watermark has passed, as long as there is room. Always true. */
  #advance(watermark: number, from: number): boolean {
    const { gate, output } = this.#context;
    if (this.#earliest <= watermark && !this.#takeGathered(watermark)) return this.#later(watermark, from);
    for (let slot = this.#dueBy(watermark); slot >= 0; slot = this.#dueBy(watermark)) {
      this.#lookAfter(slot, watermark);
      if (gate.blocked) return this.#later(watermark, from);
    }
    for (let slot = from; watermark === END_OF_TIME && slot < this.#entries.size; slot++) {
      if (gate.blocked) return this.#later(watermark, slot);
      this.#end(slot);
    }
    this.#entries.moveWhenIdle();
    output.watermark(watermark);
    return true;
  }

  #later(watermark: number, from: number): true {
    this.#context.suspend(() => this.#advance(watermark, from));
    return true;
  }

  /** Looks at the gathered records in the order of their times; false when it had to stop. */
  #takeGathered(watermark: number): boolean {
    const { gate } = this.#context;
    const { count } = this.#keys;
    for (; this.#looked < count; this.#looked++) {
      if (gate.blocked) return false;
      const at = this.#order[this.#looked] as number;
      const time = this.#times[at] as number;
      if (time > watermark) break;
      const slot = this.#slotAt(at);
      if (this.#entries.waits(slot)) this.#keepWaiting(at);
      else this.#take(slot, this.#keys.keyAt(at), this.#values[at], time);
    }
    this.#forgetGathered(this.#looked);
    return true;
  }

  /** The slot of a gathered record, which may have come with one before it. */
  #slotAt(at: number): number {
    const slot = this.#slots[at] as number;
    if (slot >= 0 || this.#entries.size === this.#lookedUpAmong) return slot;
    return this.#entries.pane.find(this.#keys.keyAt(at));
  }

  #keepWaiting(at: number): void {
    const slot = this.#slotAt(at);
    const isBusy = this.#entries.isBusy(slot);
    const matches = isBusy ? this.#entries.at(slot) : this.#entries.spare;
    addWaiting(matches, this.#values[at], this.#times[at] as number);
    this.#entries.changed(isBusy ? slot : this.#entries.keepSpare(this.#keys.keyAt(at)), matches);
  }

  /** By processing time: the record is looked at now. */
  #look(value: unknown): void {
    const key = this.#keyOf(value);
    this.#take(this.#entries.pane.find(key), key, value, this.#context.clock.now());
    this.#entries.moveWhenIdle();
  }

  /** Looks at a record of the key in the slot. */
  #take(slot: number, key: Key, value: unknown, time: number): void {
    const isBusy = this.#entries.isBusy(slot);
    const matches = isBusy ? this.#entries.at(slot) : this.#entries.spare;
    this.#key = key;
    const due = isBusy ? this.#entries.dueAt(slot) : Number.POSITIVE_INFINITY;
    if (!this.#takeInto(matches, value, time, due)) return;
    if (isBusy) this.#changed(slot, matches);
    else if (!isIdle(matches)) this.#changed(this.#entries.keepSpare(key), matches);
  }

  #takeInto(matches: KeyMatches, value: unknown, time: number, due: number): boolean {
    try {
      return this.#matcher.take(matches, value, time, due);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #changed(slot: number, matches: KeyMatches): void {
    const before = this.#entries.isBusy(slot) ? this.#entries.dueAt(slot) : Number.POSITIVE_INFINITY;
    this.#entries.changed(slot, matches);
    if (this.#byEventTime || !(matches.deadline < Number.POSITIVE_INFINITY) || matches.deadline === before) return;
    this.#context.state.setCurrentKey(this.#key);
    this.#context.timers.register("processing", matches.deadline);
  }

  /** A slot at which there is something to do by this watermark, or -1. */
  #dueBy(watermark: number): number {
    return this.#byEventTime ? this.#entries.takeDue(watermark) : -1;
  }

  #lookAfter(slot: number, watermark: number): void {
    if (!this.#entries.isBusy(slot)) return;
    const matches = this.#entries.at(slot);
    this.#key = this.#entries.pane.keyAt(slot);
    while (matches.looked < matches.waiting.length && earliestWaiting(matches) <= watermark) {
      const at = matches.looked++;
      this.#takeInto(matches, matches.waiting[at], matches.waitingTimes[at] as number, matches.deadline);
    }
    dropLooked(matches);
    this.#matcher.expire(matches, watermark);
    this.#changed(slot, matches);
  }

  /** All input has come: nothing that is held waits any longer. */
  #end(slot: number): void {
    if (!this.#entries.isBusy(slot)) return;
    const matches = this.#entries.at(slot);
    this.#key = this.#entries.pane.keyAt(slot);
    this.#matcher.release(matches, true);
    this.#changed(slot, matches);
  }

  #resultOf(matches: KeyMatches, node: number, startTime: number): PatternMatch<unknown> {
    const taken: Record<string, unknown[]> = {};
    for (const name of this.#names) taken[name] = [];
    for (const at of pathTo(matches, node)) {
      const { step } = this.#positions[positionOf(matches, at)] as Position;
      (taken[step] as unknown[]).push(matches.values[placeOf(matches, at)]);
    }
    const last = placeOf(matches, node);
    return { key: this.#key, startTime, endTime: matches.times[last] as number, taken };
  }
}

/** The nodes up to a node, the first one first. */
function pathTo(matches: KeyMatches, node: number): readonly number[] {
  const path: number[] = [];
  for (let at = node; at >= 0; at = before(matches, at)) path.push(at);
  return path.reverse();
}
