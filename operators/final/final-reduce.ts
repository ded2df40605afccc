/**
 * reduce of a batch: the combination of all records of a key, once. State: none but the key at hand, as a key's records come
 * together. The result has the time of the key's last record.
 */

import { type Key, type KeySelector, sameKey } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import { promiseReturned } from "../../core/user-function.ts";

export interface FinalReduceOptions {
  readonly key: KeySelector;
  readonly reduce: (sum: unknown, value: unknown) => unknown;
}

export class FinalReduce implements Operator {
  readonly #context: OperatorContext;
  readonly #options: FinalReduceOptions;
  #key: Key | undefined;
  #sum: unknown;
  #timestamp = 0;

  constructor(options: FinalReduceOptions, context: OperatorContext) {
    this.#options = options;
    this.#context = context;
  }

  process(value: unknown, timestamp: number): void {
    const key = this.#options.key.select(value);
    if (this.#key !== undefined && sameKey(key, this.#key, this.#context.operator)) this.#sum = this.#combine(value);
    else {
      this.#emit();
      this.#key = key;
      this.#sum = value;
    }
    this.#timestamp = timestamp;
  }

  watermark(timestamp: number): void {
    this.#emit();
    this.#key = undefined;
    this.#context.output.watermark(timestamp);
  }

  #emit(): void {
    if (this.#key !== undefined) this.#context.output.push(this.#sum, this.#timestamp);
  }

  #combine(value: unknown): unknown {
    let next: unknown;
    try {
      next = this.#options.reduce(this.#sum, value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    if (typeof (next as { then?: unknown } | null | undefined)?.then === "function")
      throw this.#context.failure(promiseReturned(this.#context.operator, "reduce"), value);
    return next;
  }
}
