/**
 * aggregate: what an aggregate makes of all records of a key so far, with every record, or as a changelog of its changes.
 *
 * State: table "aggregate", one accumulator for each key, in columns where the aggregate is made of them. Cost: O(1) a record beside
 * the aggregate's own functions, of which `result` is called once, for a changelog twice.
 */

import { inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import type { KeySelector } from "../core/key.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { KeyedResult, RunningAggregateSpec } from "../core/running-aggregate.ts";
import type { StatePane } from "../core/state-backend.ts";
import { type Accumulators, accumulators } from "./window/accumulators.ts";

export class AggregateOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #key: KeySelector;
  readonly #asChanges: boolean;
  readonly #accumulators: Accumulators;
  readonly #pane: StatePane;
  // The one record at hand, in the form in which accumulators take many.
  readonly #slots = new Int32Array(1);
  readonly #values: unknown[] = [undefined];
  readonly #places: { panes: StatePane[]; slots: number[]; count: number };

  constructor({ key, aggregate, emit }: RunningAggregateSpec, context: OperatorContext) {
    this.#context = context;
    this.#key = key;
    this.#asChanges = emit === "changes";
    this.#accumulators = accumulators(aggregate, context);
    this.#pane = context.state.table("aggregate", this.#accumulators.table).pane(0);
    this.#places = { panes: [this.#pane], slots: [0], count: 1 };
  }

  process(value: unknown, timestamp: number): void {
    const pane = this.#pane;
    const { size } = pane;
    const slot = this.#slotOf(value);
    const before = this.#asChanges && slot !== size ? this.#resultAt(slot) : undefined;
    this.#slots[0] = slot;
    this.#values[0] = value;
    this.#accumulators.add(pane, this.#slots, 1, size, this.#values);
    const after = this.#resultAt(slot);
    const { push } = this.#context.output;
    if (!this.#asChanges) push(after, timestamp);
    else if (before === undefined) push(inserted(after), timestamp);
    else if (!Object.is(before.value, after.value)) {
      push(updatedFrom(before), timestamp);
      push(updatedTo(after), timestamp);
    }
  }

  #slotOf(value: unknown): number {
    try {
      return this.#pane.slotOf(this.#key.select(value));
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #resultAt(slot: number): KeyedResult<unknown, unknown> {
    this.#places.slots[0] = slot;
    return { key: this.#pane.keyAt(slot), value: this.#accumulators.result(this.#places) };
  }
}
