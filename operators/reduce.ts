/**
 * reduce: the running combination of a key's records, emitted with every record.
 *
 * State: one record a key, in table "reduce". O(1) a record beside the user's function.
 */

import type { KeySelector } from "../core/key.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { StatePane } from "../core/state-backend.ts";
import { promiseReturned } from "../core/user-function.ts";

export class ReduceOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #key: KeySelector;
  readonly #reduce: (sum: unknown, value: unknown) => unknown;
  readonly #pane: StatePane;

  constructor(key: KeySelector, reduce: (sum: unknown, value: unknown) => unknown, context: OperatorContext) {
    this.#context = context;
    this.#key = key;
    this.#reduce = reduce;
    this.#pane = context.state.table("reduce", { numbers: 0, values: true }).pane(0);
  }

  process(value: unknown, timestamp: number): void {
    const pane = this.#pane;
    const size = pane.size;
    const slot = this.#slotOf(value);
    const next = slot === size ? value : this.#combine(pane.values[slot], value);
    pane.values[slot] = next;
    this.#context.output.push(next, timestamp);
  }

  #slotOf(value: unknown): number {
    try {
      return this.#pane.slotOf(this.#key.select(value));
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #combine(sum: unknown, value: unknown): unknown {
    let next: unknown;
    try {
      next = this.#reduce(sum, value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (typeof (next as { then?: unknown } | null | undefined)?.then === "function") {
      throw this.#context.failure(promiseReturned(this.#context.operator, "reduce"), value);
    }
    return next;
  }
}
