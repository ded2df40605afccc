/**
 * One record's way through a function that waits, and the calls of an operator under way: deadlines, retries, failures.
 *
 *               promise settles            failed for good, no fallback
 *   waiting ──► calling ───────────────► done          calling ────────► the subtask fails
 *      ▲           │ failed or too late, may be tried again
 *      └───────────┘ after the backoff
 *
 * What a call gives that is too late is passed over: each attempt has a number.
 */

import type { AsyncContext, AsyncSpec, RetrySpec } from "../../core/async-map.ts";
import { MillraceError } from "../../core/errors.ts";
import { murmurTwoWords } from "../../core/murmur3.ts";
import type { OperatorContext } from "../../core/operator.ts";

/** A record that waits for its result, in the order in which it came. */
export interface Pending {
  readonly value: unknown;
  readonly timestamp: number;
  readonly serial: number;
  attempt: number;
  state: "waiting" | "calling" | "done";
  /** What its function has given. */
  result: unknown;
}

interface Deadline {
  readonly pending: Pending;
  readonly attempt: number;
  readonly atMs: number;
  abort: AbortController | undefined;
}

export type Call = (value: unknown, context: AsyncContext) => unknown;

export class AsyncCalls {
  readonly #call: Call;
  readonly #spec: AsyncSpec;
  readonly #context: OperatorContext;
  readonly #done: (pending: Pending) => void;
  /** Calls under way, in the order in which their time is over. */
  readonly #deadlines = new Set<Deadline>();
  #watching = false;

  /** `done` is called in the mailbox, or at once for a function that did not wait. */
  constructor(call: Call, spec: AsyncSpec, context: OperatorContext, done: (pending: Pending) => void) {
    this.#call = call;
    this.#spec = spec;
    this.#context = context;
    this.#done = done;
  }

  begin(pending: Pending): void {
    const { clock } = this.#context;
    pending.state = "calling";
    const attempt = ++pending.attempt;
    const deadline: Deadline = { pending, attempt, atMs: clock.now() + this.#spec.timeoutMs, abort: undefined };
    let returned: unknown;
    try {
      returned = this.#call(pending.value, new CallContext(deadline, this.#context));
    } catch (error) {
      this.#failed(pending, error);
      return;
    }
    if (typeof (returned as { then?: unknown } | null | undefined)?.then !== "function") {
      this.#succeeded(pending, returned);
      return;
    }
    this.#deadlines.add(deadline);
    this.#watch();
    this.#settle(deadline, returned as PromiseLike<unknown>);
  }

  /** Tells all calls that nobody waits for them any more. */
  abort(): void {
    for (const { abort } of this.#deadlines) abort?.abort();
    this.#deadlines.clear();
  }

  #settle(deadline: Deadline, promise: PromiseLike<unknown>): void {
    let act = (): void => {};
    const settled = promise.then(
      (result) => {
        act = () => this.#succeeded(deadline.pending, result);
      },
      (error) => {
        act = () => this.#failed(deadline.pending, error);
      },
    );
    this.#context.whenSettled(settled, () => {
      // One that was too late has been given up.
      if (this.#deadlines.delete(deadline)) act();
    });
  }

  #succeeded(pending: Pending, result: unknown): void {
    pending.state = "done";
    pending.result = result;
    this.#done(pending);
  }

  #failed(pending: Pending, error: unknown): void {
    const { retry, onFailure } = this.#spec;
    if (
      pending.attempt < retry.attempts &&
      (retry.when === undefined || this.#asked(pending, () => retry.when?.(error)))
    ) {
      this.#context.metrics.counter("retries").add();
      pending.state = "waiting";
      const atMs = this.#context.clock.now() + backoffMs(retry, pending, this.#context.subtask);
      this.#context.callAt(atMs, () => this.begin(pending));
      return;
    }
    this.#context.metrics.counter("failures").add();
    if (onFailure === undefined) throw this.#context.failure(error, pending.value);
    this.#succeeded(
      pending,
      this.#asked(pending, () => onFailure(error, pending.value)),
    );
  }

  #asked<A>(pending: Pending, ask: () => A): A {
    try {
      return ask();
    } catch (error) {
      throw this.#context.failure(error, pending.value);
    }
  }

  /** All calls may take equally long, so the first one is over first. */
  #watch(): void {
    const [first] = this.#deadlines;
    if (this.#watching || first === undefined) return;
    this.#watching = true;
    this.#context.callAt(first.atMs, () => {
      this.#watching = false;
      for (const deadline of this.#deadlines) {
        if (deadline.atMs > this.#context.clock.now()) break;
        this.#giveUp(deadline);
      }
      this.#watch();
    });
  }

  #giveUp(deadline: Deadline): void {
    this.#deadlines.delete(deadline);
    const { operator } = this.#context;
    const message = `the function of "${operator}" did not settle within ${this.#spec.timeoutMs} ms; let it settle, give it a longer timeout, or say by onFailure what its result is then`;
    const error = new MillraceError("TIMEOUT", message, { operator });
    deadline.abort?.abort(error);
    this.#failed(deadline.pending, error);
  }
}

/** Made for each call; the signal only when it is asked for. */
class CallContext implements AsyncContext {
  readonly attempt: number;
  readonly timestamp: number;
  readonly runtime: OperatorContext;
  readonly #deadline: Deadline;

  constructor(deadline: Deadline, context: OperatorContext) {
    this.attempt = deadline.attempt;
    this.timestamp = deadline.pending.timestamp;
    this.runtime = context;
    this.#deadline = deadline;
  }

  get signal(): AbortSignal {
    this.#deadline.abort ??= new AbortController();
    return AbortSignal.any([this.#deadline.abort.signal, this.runtime.signal]);
  }
}

/** Waits are spread by the record's number, so that a seed gives the same ones again. */
export function backoffMs({ backoffMs, factor, maxMs, jitter }: RetrySpec, pending: Pending, subtask: number): number {
  const wait = Math.min(maxMs, backoffMs * factor ** (pending.attempt - 1));
  const random = murmurTwoWords(pending.serial | 0, pending.attempt, subtask) / 2 ** 32;
  return Math.round(wait * (1 + jitter * (2 * random - 1)));
}
