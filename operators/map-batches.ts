/**
 * mapBatches: whole batches of records as Arrow columns, for models and other column code.
 *
 * At the head of a chain it gets the exchange's frames and wraps them; within a chain it gathers records. A batch ends
 * when it is full, when a watermark passes, and when the input pauses. Results have the timestamp of the batch's latest
 * record. The function may return a promise: no further input comes until it settles, or the subtask fails at the timeout.
 * State: none; a batch is never open at a snapshot.
 */

import { MillraceError } from "../core/errors.ts";
import type { BatchFunction } from "../core/node.ts";
import type { ArrowAdapter, FrameOperator, OperatorContext } from "../core/operator.ts";
import type { ArrowBatch } from "../core/schema.ts";
import { NO_TIMESTAMP } from "../core/time.ts";

export class MapBatchesOperator implements FrameOperator {
  readonly #fn: BatchFunction;
  readonly #context: OperatorContext;
  #arrow: ArrowAdapter | undefined;
  #rows: unknown[] = [];
  #latest = NO_TIMESTAMP;

  constructor(fn: BatchFunction, context: OperatorContext) {
    this.#fn = fn;
    this.#context = context;
  }

  async open(): Promise<void> {
    this.#arrow = await this.#context.arrow();
    await this.#fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    if (timestamp > this.#latest) this.#latest = timestamp;
    if (this.#rows.push(value) >= this.#fn.maxRows) this.#runGathered();
  }

  processFrame(frame: Uint8Array): void {
    this.#runGathered();
    const { batch, timestamps } = this.#adapter.fromFrame(frame, this.#fn.schema, this.#context.operator);
    for (let i = 0; i < timestamps.length; i++) this.#latest = Math.max(this.#latest, timestamps[i] as number);
    this.#run(batch);
  }

  batchEnd(): void {
    this.#runGathered();
  }

  watermark(timestamp: number): void {
    this.#runGathered();
    const forward = (): boolean => {
      this.#context.output.watermark(timestamp);
      return true;
    };
    if (this.#context.gate.blocked) this.#context.suspend(forward);
    else forward();
  }

  close(): void | Promise<void> {
    return this.#fn.close?.();
  }

  get #adapter(): ArrowAdapter {
    return this.#arrow as ArrowAdapter;
  }

  #runGathered(): void {
    if (this.#rows.length === 0) return;
    const rows = this.#rows;
    this.#rows = [];
    this.#run(this.#adapter.fromRows(rows, this.#fn.schema, this.#context.operator));
  }

  #run(batch: ArrowBatch): void {
    const timestamp = this.#latest;
    let returned: unknown;
    try {
      returned = this.#fn.call(batch, this.#context);
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    if (typeof (returned as { then?: unknown } | null | undefined)?.then !== "function") {
      this.#emit(returned, timestamp);
      return;
    }
    const settled = (returned as Promise<unknown>).then(
      (rows) => this.#emit(rows, timestamp),
      (error) => {
        throw this.#context.failure(error, undefined);
      },
    );
    this.#context.wait(settled, this.#fn.timeoutMs, "the batch function");
  }

  #emit(returned: unknown, timestamp: number): void {
    const { operator, output } = this.#context;
    const rows = this.#adapter.isBatch(returned) ? this.#adapter.rowsOf(returned) : returned;
    if (typeof rows !== "object" || rows === null || !(Symbol.iterator in rows)) {
      throw new MillraceError("WRONG_SHAPE", `the batch function of "${operator}" returned ${rows === null ? "null" : `a ${typeof rows}`}; it must return an array of records or an Arrow RecordBatch`, { operator });
    }
    for (const row of rows as Iterable<unknown>) output.push(row, timestamp);
  }
}
