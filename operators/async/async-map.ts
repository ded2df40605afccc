/**
 * asyncMap: the result of a function that waits, for many records at a time.
 *
 * At most `capacity` records are under way; more input waits until one of them is through, and with it the barrier of a
 * checkpoint. Ordered results go out as their records came, others as soon as they are there. A watermark goes out behind
 * the results of all records before it. Results have their records' timestamps.
 *
 * State: list "inFlight", dealt out at another parallelism: the records under way. After a restart their functions are
 * called again, so a call may be made more than once for one result. Cost: a promise and a few objects a record.
 */

import type { AsyncSpec } from "../../core/async-map.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import { NO_TIMESTAMP } from "../../core/time.ts";
import { AsyncCalls, type Call, type Pending } from "./async-calls.ts";

interface HeldWatermark {
  readonly watermark: number;
}

type Held = Pending | HeldWatermark;

/** Pushes what becomes of a record and the result of its call. */
export type Emit = (value: unknown, result: unknown, push: (record: unknown) => void) => void;

export class AsyncMapOperator implements Operator {
  readonly #spec: AsyncSpec;
  readonly #context: OperatorContext;
  readonly #calls: AsyncCalls;
  readonly #emit: Emit;
  /** In the order in which they came. */
  #held: Held[] = [];
  /** Records among them. */
  #records = 0;
  #calling = 0;
  #serial = 0;
  readonly #restored: readonly (readonly [unknown, number])[];
  /** What waits until there is room, or until nothing is under way. */
  #waiters: { readonly records: number; readonly resolve: () => void }[] = [];

  constructor(call: Call, spec: AsyncSpec, context: OperatorContext, emit: Emit = (_, result, push) => push(result)) {
    this.#spec = spec;
    this.#context = context;
    this.#emit = emit;
    this.#calls = new AsyncCalls(call, spec, context, () => this.#settled());
    this.#restored = context.operatorState.list<readonly [unknown, number]>("inFlight", "split", () =>
      this.#held.flatMap((held) => ("value" in held ? [[held.value, held.timestamp] as const] : [])),
    );
    for (const [value, timestamp] of this.#restored) this.#hold(value, timestamp);
    // What was held back by them at the checkpoint goes out behind them.
    if (this.#records > 0 && context.currentWatermark > NO_TIMESTAMP)
      this.#held.push({ watermark: context.currentWatermark });
  }

  async open(): Promise<void> {
    await this.#spec.open?.(this.#context);
    if (this.#records > 0) this.#context.whenSettled(Promise.resolve(), () => this.#beginWaiting());
  }

  process(value: unknown, timestamp: number): void {
    const pending = this.#hold(value, timestamp);
    if (this.#calling < this.#spec.capacity) this.#begin(pending);
    if (this.#records >= this.#spec.capacity) this.#waitFor(this.#spec.capacity - 1, "room");
  }

  watermark(timestamp: number): void {
    if (this.#held.length === 0) this.#context.output.watermark(timestamp);
    else this.#held.push({ watermark: timestamp });
  }

  finish(): void {
    this.#waitFor(0, "what is under way");
  }

  async close(): Promise<void> {
    this.#calls.abort();
    await this.#spec.close?.();
  }

  #hold(value: unknown, timestamp: number): Pending {
    const serial = this.#serial++;
    const pending: Pending = { value, timestamp, serial, attempt: 0, state: "waiting", result: undefined };
    this.#held.push(pending);
    this.#records++;
    return pending;
  }

  #begin(pending: Pending): void {
    this.#calling++;
    this.#calls.begin(pending);
  }

  /** Calls the function for what has not had its first call, as far as there is room. */
  #beginWaiting(): void {
    for (const held of this.#held) {
      if (this.#calling >= this.#spec.capacity) break;
      if ("value" in held && held.attempt === 0) this.#begin(held);
    }
  }

  /** A record has its result. */
  #settled(): void {
    this.#calling--;
    this.#letOut();
    if (this.#records > this.#calling) this.#beginWaiting();
    this.#waiters = this.#waiters.filter(({ records, resolve }) => {
      if (this.#records > records) return true;
      resolve();
      return false;
    });
  }

  /** Lets out what may go; what has no room downstream waits there, and there is never more than `capacity` of it. */
  #letOut(): void {
    const { output } = this.#context;
    const left: Held[] = [];
    let passed = 0;
    for (const held of this.#held) {
      passed++;
      if (!("value" in held)) {
        if (left.length === 0) output.watermark(held.watermark);
        else left.push(held);
      } else if (held.state === "done" && (left.length === 0 || !this.#spec.ordered)) {
        this.#records--;
        this.#out(held);
      } else {
        left.push(held);
        if (this.#spec.ordered) break;
      }
    }
    this.#held = left.concat(this.#held.slice(passed));
  }

  #out({ value, timestamp, result }: Pending): void {
    const { push } = this.#context.output;
    const records: unknown[] = [];
    try {
      this.#emit(value, result, (record) => records.push(record));
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    for (const record of records) push(record, timestamp);
  }

  /** Keeps input back until so few records are under way. */
  #waitFor(records: number, what: string): void {
    if (this.#records <= records) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ records, resolve });
    this.#context.wait(promise, Number.POSITIVE_INFINITY, what);
  }
}
