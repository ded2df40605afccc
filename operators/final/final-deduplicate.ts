/**
 * deduplicate of a batch: of a key's records, which come together and in order of their times, the first or the last; of the
 * last, one inserted row.
 *
 * What comes first is what is earliest, whether it goes by event time or by the order of coming, as records that are all
 * there have no other order. A time to live by event time lets the first one through that comes so long behind the last that
 * has gone through; one by the wall clock means nothing here. Keys are told apart exactly, whether filters would do or not.
 *
 * State: none but the key at hand. O(1) a record.
 */

import { inserted } from "../../core/changelog.ts";
import type { DeduplicateSpec } from "../../core/deduplicate.ts";
import { type Key, sameKey } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { Counter } from "../../core/telemetry.ts";
import { requireTime } from "../keyed-record.ts";

export class FinalDeduplicate implements Operator {
  readonly #spec: DeduplicateSpec;
  readonly #context: OperatorContext;
  readonly #duplicates: Counter;
  /** For how long after a first record of a key no other is one. */
  readonly #ttlMs: number;
  #key: Key | undefined;
  /** When the key's first record was. */
  #firstAt = 0;
  #last: unknown;
  #lastAt = 0;

  constructor(spec: DeduplicateSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#duplicates = context.metrics.counter("duplicateRecords");
    this.#ttlMs = spec.time === "event" ? spec.ttlMs : Number.POSITIVE_INFINITY;
  }

  process(value: unknown, timestamp: number): void {
    const { key: selector, keep, time } = this.#spec;
    if (time === "event") requireTime(this.#context, value, timestamp, `the ${keep} record`);
    const key = selector.select(value);
    const isNew = this.#key === undefined || !sameKey(key, this.#key, this.#context.operator);
    if (isNew) this.#emitLast();
    this.#key = key;
    if (keep === "last") {
      if (!isNew) this.#duplicates.add();
      this.#last = value;
      this.#lastAt = timestamp;
    } else if (isNew || timestamp >= this.#firstAt + this.#ttlMs) {
      this.#firstAt = timestamp;
      this.#context.output.push(value, timestamp);
    } else this.#duplicates.add();
  }

  watermark(timestamp: number): void {
    this.#emitLast();
    this.#key = undefined;
    this.#context.output.watermark(timestamp);
  }

  #emitLast(): void {
    if (this.#key === undefined || this.#spec.keep === "first") return;
    this.#context.output.push(inserted(this.#last), this.#lastAt);
    this.#last = undefined;
  }
}
