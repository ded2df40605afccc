/**
 * toChangelog: a stream of upserts as a changelog. The first record of a key inserts its row, later ones update it, and one
 * that says so deletes it.
 *
 * State: value "row", the row of each key. O(1) a record beside the user's functions.
 */

import { type ChangelogSpec, deleted, inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { StateDescriptor, ValueState } from "../core/state.ts";
import { selectKey } from "./keyed-record.ts";

export class ChangelogOperator implements Operator {
  readonly #spec: ChangelogSpec;
  readonly #context: OperatorContext;
  readonly #row: ValueState<unknown>;

  constructor(spec: ChangelogSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#row = context.state.state("row", spec.state["row"] as StateDescriptor) as ValueState<unknown>;
  }

  process(value: unknown, timestamp: number): void {
    selectKey(this.#spec.key, this.#context, value, timestamp);
    const before = this.#row.get();
    const { push } = this.#context.output;
    if (this.#says("deleted", value)) {
      this.#row.clear();
      if (before !== undefined) push(deleted(before), timestamp);
    } else if (before === undefined) {
      this.#row.set(value);
      push(inserted(value), timestamp);
    } else if (!this.#says("unchanged", before, value)) {
      this.#row.set(value);
      push(updatedFrom(before), timestamp);
      push(updatedTo(value), timestamp);
    }
  }

  #says(what: "deleted" | "unchanged", value: unknown, after?: unknown): boolean {
    const ask = this.#spec[what];
    if (ask === undefined) return false;
    try {
      return ask(value, after) === true;
    } catch (error) {
      throw this.#context.failure(error, after ?? value);
    }
  }
}
