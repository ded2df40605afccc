/**
 * withTimestamps: gives records their event time and makes watermarks from it.
 *
 * A bounded watermark is the latest timestamp minus the out-of-orderness minus 1 ms: nothing at or before it will follow.
 * Watermarks go out at the end of each batch; punctuated ones at once. The incoming watermark is not forwarded, except
 * the final one. After `idleAfterMs` without records the subtask declares itself idle, and active again with the next.
 * Holds no state: after a restart the watermark is made anew from the records that follow.
 */

import { MillraceError } from "../core/errors.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import { END_OF_TIME, isEventTime } from "../core/time.ts";
import type { WatermarkGenerator, WatermarkStrategy } from "../core/watermark.ts";

export interface TimestampsOptions {
  readonly timestampOf: (value: unknown) => number;
  readonly strategy: WatermarkStrategy;
  readonly idleAfterMs: number | undefined;
}

export class TimestampsOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #timestampOf: (value: unknown) => number;
  readonly #generator: WatermarkGenerator | undefined;
  readonly #outOfOrdernessMs: number;
  readonly #idleAfterMs: number | undefined;
  #latest = Number.NEGATIVE_INFINITY;
  #emitted = Number.NEGATIVE_INFINITY;
  #idle = false;
  #lastRecordAt = 0;
  #recordsSeen = false;

  constructor(options: TimestampsOptions, context: OperatorContext) {
    this.#context = context;
    this.#timestampOf = options.timestampOf;
    this.#idleAfterMs = options.idleAfterMs;
    const { strategy } = options;
    this.#outOfOrdernessMs = strategy.kind === "bounded" ? strategy.outOfOrdernessMs : 0;
    this.#generator = generatorOf(strategy);
  }

  open(): void {
    if (this.#idleAfterMs !== undefined) this.#watchIdleness(this.#idleAfterMs);
  }

  process(value: unknown): void {
    const timestamp = this.#timestamp(value);
    this.#recordsSeen = true;
    if (this.#idle) this.#setIdle(false);
    if (timestamp > this.#latest) this.#latest = timestamp;
    this.#context.output.push(value, timestamp);
    if (this.#generator !== undefined) this.#generated(() => this.#generator?.onRecord(value, timestamp), value);
  }

  batchEnd(): void {
    if (this.#generator !== undefined) this.#generated(() => this.#generator?.onBatchEnd(), undefined);
    else if (this.#recordsSeen) this.#emit(this.#latest - this.#outOfOrdernessMs - 1);
    if (this.#recordsSeen) this.#lastRecordAt = this.#context.clock.now();
    this.#recordsSeen = false;
  }

  watermark(timestamp: number): void {
    if (timestamp === END_OF_TIME) this.#context.output.watermark(END_OF_TIME);
  }

  /** Event time goes on without a record, as a test may want it. */
  advanceTo(watermark: number): void {
    this.#emit(watermark);
  }

  #timestamp(value: unknown): number {
    let timestamp: unknown;
    try {
      timestamp = this.#timestampOf(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (typeof timestamp === "number" && isEventTime(timestamp)) return timestamp;
    const { operator } = this.#context;
    throw this.#context.failure(
      new MillraceError(
        "WRONG_SHAPE",
        `the timestamp function of "${operator}" returned ${String(timestamp)}; it must return the event time as a finite number of epoch milliseconds, at most 8.64e15 from 1970. Drop records without time by filter first`,
        { operator },
      ),
      value,
    );
  }

  #generated(generate: () => number | undefined, value: unknown): void {
    let watermark: number | undefined;
    try {
      watermark = generate();
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (watermark === undefined) return;
    if (typeof watermark === "number" && watermark === watermark) {
      this.#emit(watermark);
      return;
    }
    const { operator } = this.#context;
    const message = `the watermark function of "${operator}" returned ${String(watermark)}; it must return epoch milliseconds, or undefined for no change`;
    throw this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
  }

  #emit(watermark: number): void {
    if (watermark <= this.#emitted) return;
    this.#emitted = watermark;
    this.#context.output.watermark(watermark);
  }

  #watchIdleness(idleAfterMs: number): void {
    const { clock } = this.#context;
    this.#lastRecordAt = clock.now();
    const check = (): void => {
      // While the gate is closed nothing can come, so silence then says nothing about the input.
      if (this.#recordsSeen || this.#context.gate.blocked) this.#lastRecordAt = clock.now();
      const silentSince = this.#lastRecordAt;
      const due = silentSince + idleAfterMs;
      if (clock.now() >= due) this.#setIdle(true);
      this.#context.callAt(clock.now() >= due ? clock.now() + idleAfterMs : due, check);
    };
    this.#context.callAt(this.#lastRecordAt + idleAfterMs, check);
  }

  #setIdle(idle: boolean): void {
    if (this.#idle === idle) return;
    this.#idle = idle;
    this.#context.markIdle(idle);
  }
}

function generatorOf(strategy: WatermarkStrategy): WatermarkGenerator | undefined {
  switch (strategy.kind) {
    case "bounded":
      return undefined;
    case "custom":
      return strategy.generator();
    case "punctuated":
      return { onRecord: strategy.watermarkOf, onBatchEnd: () => undefined };
  }
}
