/**
 * deduplicate: of the records of each key the first or the last, by the order of coming or by event time.
 *
 *   first, processing  the record that comes first goes on; the others are dropped
 *   first, event       the earliest record waits until the watermark has passed it, so that it is final; a key that has
 *                      sent one on drops all others. The late first record of a key goes on at once.
 *   last               a changelog of the last record; by event time, one with an earlier timestamp is dropped. As upserts, it
 *                      leaves out the record that is replaced
 *
 * State: value "seen", of the keys that have sent one on the time of that record, from which on its time to live counts,
 * whenever the watermark has passed it; value "waiting", the record that waits; value "last", the last record. Timers: one
 * for each record that waits. O(1) a record.
 */

import { inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import type { DeduplicateSpec, KeptRecord } from "../core/deduplicate.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { StateDescriptor, ValueState } from "../core/state.ts";
import type { Counter } from "../core/telemetry.ts";
import { requireTime, selectKey } from "./keyed-record.ts";

export class DeduplicateOperator implements Operator {
  readonly #spec: DeduplicateSpec;
  readonly #context: OperatorContext;
  readonly #seen: ValueState<number> | undefined;
  readonly #waiting: ValueState<KeptRecord> | undefined;
  readonly #last: ValueState<KeptRecord> | undefined;
  readonly #duplicates: Counter;

  constructor(spec: DeduplicateSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    const state = <T>(name: string): ValueState<T> | undefined => {
      const descriptor = spec.state[name] as StateDescriptor | undefined;
      return descriptor === undefined ? undefined : (context.state.state(name, descriptor) as ValueState<T>);
    };
    this.#seen = state("seen");
    this.#waiting = state("waiting");
    this.#last = state("last");
    this.#duplicates = context.metrics.counter("duplicateRecords");
  }

  process(value: unknown, timestamp: number): void {
    if (this.#spec.time === "event") requireTime(this.#context, value, timestamp, `the ${this.#spec.keep} record`);
    selectKey(this.#spec.key, this.#context, value, timestamp);
    if (this.#last !== undefined) this.#replaceLast(this.#last, value, timestamp);
    else if (this.#isSeen(timestamp)) this.#duplicates.add();
    else if (this.#waiting === undefined || timestamp <= this.#context.currentWatermark) this.#sendOn(value, timestamp);
    else this.#waitWith(this.#waiting, value, timestamp);
  }

  onTimer(): void {
    const first = this.#waiting?.get();
    if (first === undefined) return;
    this.#waiting?.clear();
    this.#sendOn(first.value, first.timestamp);
  }

  #isSeen(timestamp: number): boolean {
    const seenAt = this.#seen?.get();
    if (seenAt === undefined) return false;
    return this.#spec.time === "processing" || timestamp < seenAt + this.#spec.ttlMs;
  }

  #sendOn(value: unknown, timestamp: number): void {
    this.#dropWaiting();
    this.#seen?.set(this.#spec.time === "processing" ? 0 : timestamp);
    this.#context.output.push(value, timestamp);
  }

  /** A record that is late has come before the one that waits. */
  #dropWaiting(): void {
    const waits = this.#waiting?.get();
    if (waits === undefined) return;
    this.#waiting?.clear();
    this.#context.timers.delete("event", waits.timestamp);
    this.#duplicates.add();
  }

  #waitWith(waiting: ValueState<KeptRecord>, value: unknown, timestamp: number): void {
    const { timers } = this.#context;
    const earliest = waiting.get();
    if (earliest !== undefined) {
      this.#duplicates.add();
      if (earliest.timestamp <= timestamp) return;
      timers.delete("event", earliest.timestamp);
    }
    waiting.set({ value, timestamp });
    timers.register("event", timestamp);
  }

  #replaceLast(last: ValueState<KeptRecord>, value: unknown, timestamp: number): void {
    const { push } = this.#context.output;
    const before = last.get();
    if (before !== undefined) {
      this.#duplicates.add();
      if (this.#spec.time === "event" && timestamp < before.timestamp) return;
    }
    last.set({ value, timestamp });
    if (before === undefined) {
      push(inserted(value), timestamp);
      return;
    }
    if (this.#spec.emit === "changes") push(updatedFrom(before.value), timestamp);
    push(updatedTo(value), timestamp);
  }
}
