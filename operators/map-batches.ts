/**
 * mapBatches: whole batches of records as Arrow columns, for models and other column code.
 *
 * At the head of a chain it gets the exchange's frames and wraps them; within a chain it gathers records. A batch ends
 * when it is full, when a watermark passes, and when the input pauses. Results have the timestamp of the batch's latest
 * record; of a row-wise function each has its own row's. The function may return a promise: no further input comes until it settles, or the subtask fails at the timeout.
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
  #timestamps: number[] = [];

  constructor(fn: BatchFunction, context: OperatorContext) {
    this.#fn = fn;
    this.#context = context;
  }

  async open(): Promise<void> {
    this.#arrow = await this.#context.arrow();
    await this.#fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    this.#timestamps.push(timestamp);
    if (this.#rows.push(value) >= this.#fn.maxRows) this.#runGathered();
  }

  processFrame(frame: Uint8Array): void {
    this.#runGathered();
    const { batch, timestamps } = this.#adapter.fromFrame(frame, this.#fn.schema, this.#context.operator);
    this.#run(batch, timestamps);
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
    const timestamps = this.#timestamps;
    this.#rows = [];
    this.#timestamps = [];
    this.#run(this.#adapter.fromRows(rows, this.#fn.schema, this.#context.operator), timestamps);
  }

  /** `timestamps`: of each row, or a single one for all of them. */
  #run(batch: ArrowBatch, timestamps: ArrayLike<number>): void {
    let returned: unknown;
    try {
      returned = this.#fn.call(batch, this.#context);
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    if (typeof (returned as { then?: unknown } | null | undefined)?.then !== "function") {
      this.#emit(returned, batch.numRows, timestamps);
      return;
    }
    const settled = (returned as Promise<unknown>).then(
      (rows) => this.#emit(rows, batch.numRows, timestamps),
      (error) => {
        throw this.#context.failure(error, undefined);
      },
    );
    this.#context.wait(settled, this.#fn.timeoutMs, "the batch function");
  }

  #emit(returned: unknown, rowsIn: number, timestamps: ArrayLike<number>): void {
    const { operator, output } = this.#context;
    const rows = this.#adapter.isBatch(returned) ? this.#adapter.rowsOf(returned) : returned;
    if (typeof rows !== "object" || rows === null || !(Symbol.iterator in rows)) {
      throw new MillraceError("WRONG_SHAPE", `the batch function of "${operator}" returned ${rows === null ? "null" : `a ${typeof rows}`}; it must return an array of records or an Arrow RecordBatch`, { operator });
    }
    if (!this.#fn.rowWise) {
      const latest = latestOf(timestamps);
      for (const row of rows as Iterable<unknown>) output.push(row, latest);
      return;
    }
    const step = timestamps.length === 1 ? 0 : 1;
    let at = 0;
    for (const row of rows as Iterable<unknown>) output.push(row, timestamps[step * at++] ?? NO_TIMESTAMP);
    if (at !== rowsIn) {
      throw new MillraceError("WRONG_SHAPE", `the row-wise batch function of "${operator}" returned ${at} results for ${rowsIn} rows; it must return exactly one for each row, in order`, { operator });
    }
  }
}

function latestOf(timestamps: ArrayLike<number>): number {
  let latest = NO_TIMESTAMP;
  for (let i = 0; i < timestamps.length; i++) latest = Math.max(latest, timestamps[i] as number);
  return latest;
}
