/** flatMap: any number of records for each record. Stateless; O(1) beside what the user's function does. */

import type { UserFunction } from "../core/node.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import { Emitter } from "./emit.ts";

export class FlatMapOperator implements Operator {
  readonly #call: (value: unknown) => unknown;
  readonly #context: OperatorContext;
  readonly #emitter: Emitter;

  constructor(fn: UserFunction<[unknown], unknown>, context: OperatorContext) {
    this.#call = fn.call;
    this.#context = context;
    this.#emitter = new Emitter(context, "flatMap");
  }

  process(value: unknown, timestamp: number): void {
    let returned: unknown;
    try {
      returned = this.#call(value);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    this.#emitter.emit(returned, timestamp, value);
  }
}
