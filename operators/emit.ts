/**
 * Emitting what a user function returned: an array, any iterable, or nothing.
 *
 * An iterable is drained while the gate is open and suspended when it closes, so a generator may make any number of
 * records in bounded memory. An array is in memory anyway and is pushed whole.
 */

import { MillraceError } from "../core/errors.ts";
import type { OperatorContext } from "../core/operator.ts";
import { promiseReturned } from "../core/user-function.ts";

export class Emitter {
  readonly #context: OperatorContext;
  readonly #what: string;

  /** `what` names the user's function in errors, e.g. "flatMap". */
  constructor(context: OperatorContext, what: string) {
    this.#context = context;
    this.#what = what;
  }

  /** Pushes the records in `returned`; `value` is the record that led to them, for errors. */
  emit(returned: unknown, timestamp: number, value: unknown): void {
    if (Array.isArray(returned)) {
      const { push } = this.#context.output;
      for (const record of returned) push(record, timestamp);
      return;
    }
    this.#drain(iteratorOf(returned, this.#what, this.#context, value), timestamp, value);
  }

  /** True when the iterator is exhausted. */
  #drain(iterator: Iterator<unknown>, timestamp: number, value: unknown): boolean {
    const { output, gate } = this.#context;
    for (;;) {
      const next = this.#next(iterator, value);
      if (next.done === true) return true;
      output.push(next.value, timestamp);
      if (gate.blocked) {
        this.#context.suspend(() => this.#drain(iterator, timestamp, value));
        return true;
      }
    }
  }

  #next(iterator: Iterator<unknown>, value: unknown): IteratorResult<unknown> {
    try {
      return iterator.next();
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }
}

/** The iterator of what a user function has returned. @throws WRONG_SHAPE, PROMISE_RETURNED for what is no iterable */
export function iteratorOf(
  returned: unknown,
  what: string,
  context: Pick<OperatorContext, "operator" | "failure">,
  value: unknown,
): Iterator<unknown> {
  const candidate = returned as { then?: unknown; [Symbol.iterator]?: () => Iterator<unknown> } | null;
  const { operator } = context;
  if (typeof candidate === "object" && candidate !== null) {
    if (typeof candidate.then === "function" || Symbol.asyncIterator in candidate) {
      throw context.failure(promiseReturned(operator, what), value);
    }
    const iterate = candidate[Symbol.iterator];
    if (typeof iterate === "function") return iterate.call(candidate);
  }
  const message = `the ${what} function of "${operator}" returned ${described(returned)}; it must return the records to emit as an array or another iterable: a single one in brackets, [record], and [] for none`;
  throw context.failure(new MillraceError("WRONG_SHAPE", message, { operator }), value);
}

function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
