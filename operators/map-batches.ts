/**
 * mapBatches: whole batches of records as Arrow columns, for models and other column code.
 *
 * At the head of a chain it gets the exchange's frames and wraps them; within a chain it gathers records. A batch ends
 * when it is full, when a watermark passes, and when the input pauses. Results have the timestamp of the batch's latest
 * record; of a row-wise function each has its own row's. The function may return a promise: no further input comes until
 * it settles, or the subtask fails at the timeout.
 * State: none; a batch is never open at a snapshot.
 */

import { MillraceError } from "../core/errors.ts";
import { BATCH_ROWS_MAX } from "../core/limits.ts";
import type { BatchFunction } from "../core/node.ts";
import type { ArrowAdapter, FrameOperator, Operator, OperatorContext } from "../core/operator.ts";
import type { ArrowBatch } from "../core/schema.ts";
import { NO_TIMESTAMP } from "../core/time.ts";

export class MapBatchesOperator implements Operator {
  /** Absent where the exchange's frames may have more rows than a batch. */
  readonly processFrame: FrameOperator["processFrame"] | undefined;
  readonly #fn: BatchFunction;
  readonly #context: OperatorContext;
  #arrow: ArrowAdapter | undefined;
  #rows: unknown[] = [];
  #timestamps: number[] = [];

  constructor(fn: BatchFunction, context: OperatorContext) {
    this.#fn = fn;
    this.#context = context;
    this.processFrame = fn.maxRows < BATCH_ROWS_MAX ? undefined : (frame) => this.#runFrame(frame);
  }

  async open(): Promise<void> {
    this.#arrow = await this.#context.arrow();
    await this.#fn.open?.(this.#context);
  }

  process(value: unknown, timestamp: number): void {
    this.#timestamps.push(timestamp);
    if (this.#rows.push(value) >= this.#fn.maxRows) this.#runGathered();
  }

  #runFrame(frame: Uint8Array): void {
    this.#runGathered();
    const { batch, timestamps } = this.#adapter.fromFrame(frame, this.#fn.schema, this.#context.operator);
    this.#run(batch, timestamps);
  }

  batchEnd(): void {
    this.#runGathered();
  }

  pause(): void {
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
    let settled: unknown;
    const settling = (returned as Promise<unknown>).then((results) => {
      settled = results;
    });
    this.#context.wait(settling, this.#fn.timeoutMs, "the batch function");
    // Results go out in the mailbox, once the promise has settled.
    this.#context.suspend(() => this.#emit(settled, batch.numRows, timestamps));
  }

  /** Always true: what has no room suspends itself anew. */
  #emit(returned: unknown, rowsIn: number, timestamps: ArrayLike<number>): boolean {
    const { operator } = this.#context;
    const rows = this.#adapter.isBatch(returned) ? this.#adapter.rowsOf(returned) : returned;
    if (typeof rows !== "object" || rows === null || !(Symbol.iterator in rows)) {
      const came =
        rows === null || rows === undefined
          ? String(rows)
          : typeof rows === "object"
            ? "an object"
            : `a ${typeof rows}`;
      const message = `the batch function of "${operator}" returned ${came}; it must return an array of records or an Arrow RecordBatch`;
      throw this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), undefined);
    }
    const results = {
      rows: (rows as Iterable<unknown>)[Symbol.iterator](),
      rowsIn,
      emitted: 0,
      timestampOf: this.#timestamper(timestamps),
    };
    return this.#drain(results);
  }

  #timestamper(timestamps: ArrayLike<number>): Results["timestampOf"] {
    if (!this.#fn.rowWise) {
      const latest = latestOf(timestamps);
      return () => latest;
    }
    if (timestamps.length === 1) return () => timestamps[0] as number;
    return (row) => timestamps[row] ?? NO_TIMESTAMP;
  }

  #drain(results: Results): boolean {
    const { output, gate } = this.#context;
    for (;;) {
      const next = this.#next(results);
      if (next.done === true) return true;
      output.push(next.value, results.timestampOf(results.emitted++));
      if (gate.blocked) {
        this.#context.suspend(() => this.#drain(results));
        return true;
      }
    }
  }

  #next({ rows, rowsIn, emitted }: Results): IteratorResult<unknown> {
    let next: IteratorResult<unknown>;
    try {
      next = rows.next();
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    const { operator } = this.#context;
    if (!this.#fn.rowWise || (next.done === true ? emitted === rowsIn : emitted < rowsIn)) return next;
    const count = next.done === true ? `${emitted}` : `more than ${rowsIn}`;
    const message = `the row-wise batch function of "${operator}" returned ${count} results for ${rowsIn} rows; it must return exactly one for each row, in order`;
    throw this.#context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), undefined);
  }
}

/** Results of a batch that are being emitted. */
interface Results {
  readonly rows: Iterator<unknown>;
  readonly rowsIn: number;
  emitted: number;
  readonly timestampOf: (row: number) => number;
}

function latestOf(timestamps: ArrayLike<number>): number {
  let latest = NO_TIMESTAMP;
  for (let i = 0; i < timestamps.length; i++) latest = Math.max(latest, timestamps[i] as number);
  return latest;
}
