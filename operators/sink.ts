/**
 * The operator around a sink's writer: hands records over, waits for what the writer waits for, flushes in pauses.
 *
 * At a barrier, a writer in two phases prepares what it has; another one flushes, so that nothing before the barrier is
 * lost, though it may come twice. Prepared parts are kept until they are committed, over checkpoints that came to nothing.
 * State: none; the host keeps what is prepared, and what the writer wants to be retained of it.
 */

import { ASYNC_TIMEOUT_MS, SINK_FLUSH_AFTER_MS } from "../core/limits.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { PreparedPart, RetainedPart, Sink, SinkContext, SinkWriter } from "../core/sink.ts";
import { positiveDurationMs } from "../core/time.ts";

interface KeptPart {
  readonly part: PreparedPart;
  readonly retained?: RetainedPart;
}

export class SinkOperator implements Operator {
  readonly #context: OperatorContext & SinkContext;
  readonly #writer: SinkWriter<unknown>;
  readonly #timeoutMs: number;
  #flushScheduled = false;
  #flushedAt = Number.NEGATIVE_INFINITY;
  /** Steps of the writer that have not settled. */
  #awaited = 0;
  /** Settles when they have. */
  #settled: Promise<void> = Promise.resolve();
  /** The commits of a checkpoint that are under way; undefined: none. */
  #committing: Promise<void> | undefined;
  /** In the order of checkpoints. */
  #prepared: readonly KeptPart[] = [];

  constructor(sink: Sink<unknown>, context: OperatorContext & SinkContext) {
    this.#context = context;
    this.#writer = sink.writer(context);
    this.#timeoutMs =
      sink.timeout === undefined
        ? ASYNC_TIMEOUT_MS
        : positiveDurationMs(sink.timeout, `timeout of sink "${sink.name}"`);
  }

  async open(): Promise<void> {
    await this.#writer.open?.();
    const { restored, subtask, parallelism } = this.#context;
    const parts = restored?.parts.filter((_, at) => at % parallelism === subtask) ?? [];
    for (const { checkpoint, prepared, retained } of parts) {
      const pieces = retained === undefined ? undefined : restored?.retained?.(retained);
      await this.#writer.commit?.(checkpoint, prepared, pieces);
    }
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
    if (this.#writer.prepare === undefined || this.#context.checkpointing) {
      this.#flush();
      return;
    }
    this.barrier(0);
    this.completed(0);
  }

  barrier(checkpoint: number): void {
    const { prepare } = this.#writer;
    if (prepare === undefined) {
      this.#flush();
      return;
    }
    let part: unknown;
    try {
      part = prepare.call(this.#writer, checkpoint);
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    if (typeof (part as PromiseLike<unknown> | undefined)?.then !== "function") this.#keep(checkpoint, part);
    else
      this.#await(
        (part as Promise<unknown>).then((prepared) => this.#keep(checkpoint, prepared)),
        "prepare",
      );
  }

  prepared(): readonly PreparedPart[] {
    return this.#prepared.map(({ part }) => part);
  }

  retained(): readonly RetainedPart[] {
    return this.#prepared.flatMap(({ retained }) => retained ?? []);
  }

  get commits(): boolean {
    return this.#writer.prepare !== undefined;
  }

  completed(checkpoint: number): void {
    if (!this.commits) return;
    const committed = this.#settled.then(() => this.#commitUpTo(checkpoint));
    this.#committing = committed.finally(() => {
      this.#committing = undefined;
    });
    this.#await(this.#committing, "commit");
  }

  #keep(checkpoint: number, prepared: unknown): void {
    if (prepared === undefined) return;
    const pieces = this.#writer.retained?.(prepared);
    // A subtask prepares once for a checkpoint, so the name is nobody else's.
    const name = `${this.#context.subtask}/${checkpoint}`;
    const kept =
      pieces === undefined
        ? { part: { checkpoint, prepared } }
        : { part: { checkpoint, prepared, retained: name }, retained: { name, pieces } };
    this.#prepared = [...this.#prepared, kept];
  }

  async #commitUpTo(checkpoint: number): Promise<void> {
    for (const kept of this.#prepared.filter(({ part }) => part.checkpoint <= checkpoint)) {
      await this.#writer.commit?.(kept.part.checkpoint, kept.part.prepared);
      this.#prepared = this.#prepared.filter((each) => each !== kept);
    }
  }

  close(): void | Promise<void> {
    return this.#committing === undefined ? this.#writer.close?.() : this.#closeCommitted(this.#committing);
  }

  /** A job may end as soon as its last checkpoint is complete: what that promises to publish is published. */
  async #closeCommitted(committing: Promise<void>): Promise<void> {
    try {
      await committing;
    } finally {
      await this.#writer.close?.();
    }
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
    this.#settled = settled;
    this.#context.wait(settled, this.#timeoutMs, what);
  }
}
