/**
 * match: finds the matches of a pattern among the records of each key.
 *
 * By event time records wait until the watermark has passed them and are then looked at in the order of their times, of
 * equal times in the order of coming; one that the watermark has passed when it comes is late. By processing time they
 * are looked at when they come.
 *
 * State: table "matches", an entry for each key with what `key-matches.ts` describes, and beside it the time at which the
 * watermark has something to do there. A table cannot forget one key; keys at which nothing is open are left behind when
 * the others move to a new namespace, once they are the greater part. Timers: by processing time, one for each time at
 * which a match is over. Cost: by record, the ways on of the key's open matches, of which there may be many: give patterns a time.
 */

import type { Key } from "../../core/key.ts";
import type { Operator, OperatorContext, Timer } from "../../core/operator.ts";
import { namesOf, type PatternMatch, type PatternMatchSpec } from "../../core/pattern-match.ts";
import type { StatePane, StateTable } from "../../core/state-backend.ts";
import type { Counter } from "../../core/telemetry.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { requireTime } from "../keyed-record.ts";
import { type Automaton, automatonOf } from "./automaton.ts";
import { before, isIdle, type KeyMatches, newKeyMatches, placeOf, placesOf, positionOf } from "./key-matches.ts";
import { Matcher } from "./matcher.ts";

/** Few keys are not worth moving. */
const MOVE_FROM = 1024;
const NEVER = Number.POSITIVE_INFINITY;

export class PatternOperator implements Operator {
  readonly #spec: PatternMatchSpec;
  readonly #context: OperatorContext;
  readonly #automaton: Automaton;
  readonly #names: readonly string[];
  readonly #matcher: Matcher;
  readonly #byEventTime: boolean;
  readonly #table: StateTable;
  readonly #late: Counter;
  #pane: StatePane;
  #generation: number;
  /** No key has something to do before that watermark. */
  #nextDue = Number.NEGATIVE_INFINITY;
  /** Keys of the pane at which nothing is open. */
  #idle = 0;
  /** The key whose records are being looked at. */
  #key: Key = "";

  constructor(spec: PatternMatchSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#byEventTime = spec.time === "event";
    this.#automaton = automatonOf(spec.pattern);
    this.#names = namesOf(spec.pattern.steps);
    this.#late = context.metrics.counter("lateRecords");
    this.#table = context.state.table("matches", { numbers: 1, values: true });
    const generations = this.#table.namespaces();
    this.#generation = generations.at(-1) ?? 0;
    this.#pane = this.#table.pane(this.#generation);
    // Subtasks that were restored into this one may have moved differently often.
    for (const generation of generations.slice(0, -1)) this.#moveFrom(generation);
    this.#matcher = new Matcher({
      automaton: this.#automaton,
      withinMs: spec.pattern.withinMs ?? NEVER,
      afterMatch: spec.afterMatch,
      matched: (matches, match, at) => {
        const { node, startedAt } = match;
        context.output.push(this.#resultOf(matches, node, startedAt), at);
      },
      timedOut: (matches, { node, startedAt }, at) => {
        if (spec.timedOut === undefined) return;
        context.side(spec.timedOut, { ...this.#resultOf(matches, node, startedAt), timedOutAt: at }, at);
      },
    });
  }

  process(value: unknown, timestamp: number): void {
    if (this.#byEventTime) this.#wait(value, timestamp);
    else this.#look(value);
  }

  /** By event time: keeps the record until the watermark has passed it. */
  #wait(value: unknown, timestamp: number): void {
    requireTime(this.#context, value, timestamp, "a pattern");
    if (timestamp <= this.#context.currentWatermark) {
      this.#late.add();
      if (this.#spec.late !== undefined) this.#context.side(this.#spec.late, value, timestamp);
      return;
    }
    const slot = this.#slotOf(value);
    const matches = this.#pane.values[slot] as KeyMatches;
    if (isIdle(matches)) this.#idle--;
    matches.waiting.push(value);
    matches.waitingTimes.push(timestamp);
    const due = this.#pane.numbers[0] as Float64Array;
    if (timestamp < (due[slot] as number)) due[slot] = timestamp;
    if (timestamp < this.#nextDue) this.#nextDue = timestamp;
  }

  /** By processing time: the record is looked at now. */
  #look(value: unknown): void {
    const slot = this.#slotOf(value);
    const matches = this.#pane.values[slot] as KeyMatches;
    const wasIdle = isIdle(matches);
    this.#key = this.#pane.keyAt(slot);
    const now = this.#context.clock.now();
    this.#guarded(value, () => this.#matcher.take(matches, value, now));
    this.#registerTimer(matches);
    this.#countIdle(wasIdle, matches);
    this.#moveWhenIdle();
  }

  onTimer({ key, timestamp }: Timer): void {
    const slot = this.#pane.find(key);
    if (slot < 0) return;
    this.#pane.slotOf(key);
    const matches = this.#pane.values[slot] as KeyMatches;
    const wasIdle = isIdle(matches);
    this.#key = key;
    this.#guarded(undefined, () => this.#matcher.expire(matches, timestamp));
    this.#registerTimer(matches);
    this.#countIdle(wasIdle, matches);
  }

  #registerTimer(matches: KeyMatches): void {
    const deadline = this.#matcher.nextDeadline(matches);
    if (deadline === NEVER) return;
    this.#context.state.setCurrentKey(this.#key);
    this.#context.timers.register("processing", deadline);
  }

  watermark(timestamp: number): void {
    if (timestamp >= this.#nextDue || timestamp === END_OF_TIME) this.#advance(timestamp, 0);
    else this.#context.output.watermark(timestamp);
  }

  /** Looks after the keys from a slot on that have something to do, as long as there is room. Always true. */
  #advance(watermark: number, from: number): boolean {
    const { gate, output } = this.#context;
    for (let slot = from; slot < this.#pane.size; slot++) {
      const due = this.#pane.numbers[0] as Float64Array;
      if ((due[slot] as number) > watermark && watermark !== END_OF_TIME) continue;
      if (gate.blocked) {
        this.#context.suspend(() => this.#advance(watermark, slot));
        return true;
      }
      this.#lookAfter(slot, watermark);
    }
    this.#nextDue = this.#earliestDue();
    this.#moveWhenIdle();
    output.watermark(watermark);
    return true;
  }

  #earliestDue(): number {
    const due = this.#pane.numbers[0] as Float64Array;
    let earliest = NEVER;
    for (let slot = 0; slot < this.#pane.size; slot++)
      if ((due[slot] as number) < earliest) earliest = due[slot] as number;
    return earliest;
  }

  #lookAfter(slot: number, watermark: number): void {
    this.#key = this.#pane.keyAt(slot);
    this.#pane.slotOf(this.#key);
    const matches = this.#pane.values[slot] as KeyMatches;
    if (isIdle(matches)) return;
    const left = this.#byEventTime ? this.#takeWaiting(matches, watermark) : NEVER;
    const isEnd = watermark === END_OF_TIME;
    this.#guarded(undefined, () => {
      if (this.#byEventTime) this.#matcher.expire(matches, watermark);
      if (isEnd) this.#matcher.release(matches, true);
    });
    const deadline = this.#byEventTime ? this.#matcher.nextDeadline(matches) : NEVER;
    (this.#pane.numbers[0] as Float64Array)[slot] = Math.min(left, deadline);
    this.#countIdle(false, matches);
  }

  /** Looks at the records that the watermark has passed, in the order of their times. The earliest time of the others. */
  #takeWaiting(matches: KeyMatches, watermark: number): number {
    const { waiting, waitingTimes } = matches;
    let sorted = true;
    let earliestLeft = NEVER;
    for (let i = 0; i < waiting.length; i++) {
      const time = waitingTimes[i] as number;
      if (i > 0 && time < (waitingTimes[i - 1] as number)) sorted = false;
      if (time > watermark && time < earliestLeft) earliestLeft = time;
    }
    const order = sorted
      ? undefined
      : [...waiting.keys()].sort((a, b) => (waitingTimes[a] as number) - (waitingTimes[b] as number));
    const leftValues: unknown[] = [];
    const leftTimes: number[] = [];
    for (let i = 0; i < waiting.length; i++) {
      const at = order === undefined ? i : (order[i] as number);
      const time = waitingTimes[at] as number;
      const value = waiting[at];
      if (time <= watermark) this.#guarded(value, () => this.#matcher.take(matches, value, time));
      else {
        leftValues.push(value);
        leftTimes.push(time);
      }
    }
    matches.waiting = leftValues;
    matches.waitingTimes = leftTimes;
    return earliestLeft;
  }

  /** The slot of the record's key, with something in it. */
  #slotOf(value: unknown): number {
    const pane = this.#pane;
    const { size } = pane;
    let slot: number;
    try {
      slot = pane.slotOf(this.#spec.key.select(value));
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (slot === size) {
      pane.values[slot] = newKeyMatches();
      (pane.numbers[0] as Float64Array)[slot] = NEVER;
      this.#idle++;
    }
    return slot;
  }

  #guarded(value: unknown, run: () => void): void {
    try {
      run();
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #countIdle(wasIdle: boolean, matches: KeyMatches): void {
    if (isIdle(matches)) this.#idle += wasIdle ? 0 : 1;
    else if (wasIdle) this.#idle--;
  }

  #moveWhenIdle(): void {
    const { size } = this.#pane;
    if (this.#idle < MOVE_FROM || this.#idle * 2 < size) return;
    const left = this.#generation;
    this.#generation = left + 1;
    this.#pane = this.#table.pane(this.#generation);
    this.#moveFrom(left);
    this.#idle = 0;
  }

  /** Moves the keys at which something is open into the present generation. */
  #moveFrom(generation: number): void {
    const from = this.#table.pane(generation);
    const to = this.#pane;
    for (let slot = 0; slot < from.size; slot++) {
      const key = from.keyAt(slot);
      const matches = from.values[slot] as KeyMatches;
      if (isIdle(matches)) continue;
      const place = to.slotOf(key);
      to.values[place] = matches;
      (to.numbers[0] as Float64Array)[place] = (from.numbers[0] as Float64Array)[slot] as number;
    }
    this.#table.drop(generation);
  }

  #resultOf(matches: KeyMatches, node: number, startTime: number): PatternMatch<unknown> {
    const taken: Record<string, unknown[]> = {};
    for (const name of this.#names) taken[name] = [];
    for (let at = node; at >= 0; at = before(matches, at)) {
      const { step } = this.#automaton.positions[positionOf(matches, at)] as Automaton["positions"][number];
      (taken[step] as unknown[]).unshift(matches.values[placeOf(matches, at)]);
    }
    const last = placesOf(matches, node).at(-1) as number;
    return { key: this.#key, startTime, endTime: matches.times[last] as number, taken };
  }
}
