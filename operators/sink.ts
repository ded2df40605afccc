/** The operator around a sink's writer: hands records over, waits for what the writer waits for, flushes in pauses. */

import { ASYNC_TIMEOUT_MS, SINK_FLUSH_AFTER_MS } from "../core/limits.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { Sink, SinkContext, SinkWriter } from "../core/sink.ts";
import { positiveDurationMs } from "../core/time.ts";

export class SinkOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #writer: SinkWriter<unknown>;
  readonly #timeoutMs: number;
  #flushScheduled = false;
  #flushedAt = Number.NEGATIVE_INFINITY;
  /** Steps of the writer that have not settled. */
  #awaited = 0;

  constructor(sink: Sink<unknown>, context: OperatorContext & SinkContext) {
    this.#context = context;
    this.#writer = sink.writer(context);
    this.#timeoutMs =
      sink.timeout === undefined
        ? ASYNC_TIMEOUT_MS
        : positiveDurationMs(sink.timeout, `timeout of sink "${sink.name}"`);
  }

  open(): void | Promise<void> {
    return this.#writer.open?.();
  }

  process(value: unknown, timestamp: number): void {
    let wait: void | Promise<void>;
    try {
      wait = this.#writer.write(value, timestamp);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    this.#await(wait, "write");
    if (!this.#flushScheduled) this.#scheduleFlush();
  }

  /** A busy input never pauses, and yet what was written should be seen soon. */
  #scheduleFlush(): void {
    this.#flushScheduled = true;
    const now = this.#context.clock.now();
    this.#context.callAt(Math.max(now, this.#flushedAt + SINK_FLUSH_AFTER_MS), () => {
      this.#flushScheduled = false;
      this.#flushedAt = this.#context.clock.now();
      // The writer takes one step after the other: what it waits for now comes first.
      if (this.#awaited > 0) this.#scheduleFlush();
      else this.#flush();
    });
  }

  /** The input pauses or has ended: what was written should be seen. */
  pause(): void {
    this.#flush();
  }

  finish(): void {
    this.#flush();
  }

  close(): void | Promise<void> {
    return this.#writer.close?.();
  }

  #flush(): void {
    let flushed: void | Promise<void>;
    try {
      flushed = this.#writer.flush?.();
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    this.#await(flushed, "flush");
  }

  #await(returned: void | Promise<void>, what: string): void {
    // Writers without types may return anything; only what can settle is waited for.
    if (typeof returned?.then !== "function") return;
    this.#awaited++;
    const settled = returned.then(() => {
      this.#awaited--;
    });
    this.#context.wait(settled, this.#timeoutMs, what);
  }
}
