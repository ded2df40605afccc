/**
 * Inner joins of rows that are only inserted: every row of one input with every remembered row of the other that has its
 * key, each pair once, with the timestamp of the later record of both.
 *
 * State: lists "left" and "right", the rows by key, each of which is forgotten by its age alone. Cost: O(rows of the key on
 * the other side) a record.
 */

import type { KeySelector } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { InnerJoinSpec } from "../../core/regular-join.ts";
import type { ListState } from "../../core/state.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { selectKey } from "../keyed-record.ts";

interface Side {
  readonly isLeft: boolean;
  readonly key: KeySelector;
  readonly own: ListState<unknown>;
  readonly other: ListState<unknown>;
}

export class InnerJoinOperator implements Operator {
  readonly #spec: InnerJoinSpec;
  readonly #context: OperatorContext;
  readonly #left: Side;
  readonly #right: Side;

  constructor(spec: InnerJoinSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    const left: ListState<unknown> = context.state.state("left", spec.state.left);
    const right: ListState<unknown> = context.state.state("right", spec.state.right);
    this.#left = { isLeft: true, key: spec.keys[0], own: left, other: right };
    this.#right = { isLeft: false, key: spec.keys[1], own: right, other: left };
  }

  process(value: unknown, timestamp: number): void {
    this.#take(this.#left, value, timestamp);
  }

  process2(value: unknown, timestamp: number): void {
    this.#take(this.#right, value, timestamp);
  }

  #take(side: Side, value: unknown, timestamp: number): void {
    selectKey(side.key, this.#context, value, timestamp);
    const rows = side.other.get();
    side.own.add(value);
    if (rows.length > 0) this.#pair(side, value, rows, 0, timestamp);
  }

  /** Always true: what has no room suspends itself anew. */
  #pair(side: Side, value: unknown, rows: readonly unknown[], from: number, timestamp: number): boolean {
    const { output, gate } = this.#context;
    for (let at = from; at < rows.length; at++) {
      if (gate.blocked) {
        this.#context.suspend(() => this.#pair(side, value, rows, at, timestamp));
        return true;
      }
      const left = side.isLeft ? value : rows[at];
      const right = side.isLeft ? rows[at] : value;
      let result: unknown;
      try {
        if (this.#spec.on !== undefined && !this.#spec.on(left, right)) continue;
        result = this.#spec.join(left, right);
        if (typeof (result as { then?: unknown } | null | undefined)?.then === "function")
          throw promiseReturned(this.#context.operator, "join");
      } catch (error) {
        throw this.#context.failure(error, value);
      }
      output.push(result, timestamp);
    }
    return true;
  }
}
