/**
 * aggregate: what an aggregate makes of all records of a key so far, with every record, or as a changelog of its changes.
 *
 * Records are gathered until their batch ends and looked up together, as windows do it; then each is added, and its result
 * goes on, in the order in which they came. So what is emitted is what it would be without.
 *
 * State: table "aggregate", one accumulator for each key, in columns where the aggregate is made of them. Cost: O(1) a record beside
 * the aggregate's own functions, of which `result` is called once, for a changelog twice.
 */

import { inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import type { Key } from "../core/key.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import type { KeyedResult, RunningAggregateSpec } from "../core/running-aggregate.ts";
import type { StatePane } from "../core/state-backend.ts";
import { GatheredRecords } from "./gathered-records.ts";
import { heldAccumulators } from "./held-accumulators.ts";
import type { Accumulators } from "./window/accumulators.ts";

export class AggregateOperator implements Operator {
  readonly #context: OperatorContext;
  readonly #asChanges: boolean;
  readonly #accumulators: Accumulators;
  readonly #pane: StatePane;
  /** Records that have not been added yet. */
  readonly #gathered: GatheredRecords;

  constructor({ key, aggregate, emit }: RunningAggregateSpec, context: OperatorContext) {
    this.#context = context;
    this.#gathered = new GatheredRecords(key, context);
    this.#asChanges = emit === "changes";
    this.#accumulators = heldAccumulators(aggregate, context);
    this.#pane = context.state.table("aggregate", this.#accumulators.table).pane(0);
  }

  process(value: unknown, timestamp: number): void {
    if (this.#gathered.add(value, timestamp)) this.#addGathered();
  }

  batchEnd(): void {
    this.#addGathered();
  }

  watermark(timestamp: number): void {
    this.#addGathered();
    this.#context.output.watermark(timestamp);
  }

  beforeSnapshot(): void {
    this.#addGathered();
  }

  #addGathered(): void {
    const gathered = this.#gathered;
    const { count, slots, values, timestamps } = gathered;
    if (count === 0) return;
    const pane = this.#pane;
    let fresh = pane.size;
    gathered.lookUp(pane);
    this.#accumulators.touch(pane, slots, count, values);
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      const isFresh = slot === fresh;
      if (isFresh) fresh++;
      this.#add(this.#keptKey(i, slot), slot, isFresh, values[i], timestamps[i] as number);
    }
    gathered.clear();
  }

  /** The key of the i-th record as it is kept: its own, which is at hand, but for what is kept in another form. */
  #keptKey(i: number, slot: number): Key {
    const key = this.#gathered.keyAt(i);
    return isAsKept(key) ? key : this.#pane.keyAt(slot);
  }

  #add(key: Key, slot: number, isFresh: boolean, value: unknown, timestamp: number): void {
    const before = this.#asChanges && !isFresh ? this.#resultAt(key, slot) : undefined;
    this.#accumulators.addOne(this.#pane, slot, isFresh, value);
    const after = this.#resultAt(key, slot);
    const { push } = this.#context.output;
    if (!this.#asChanges) push(after, timestamp);
    else if (before === undefined) push(inserted(after), timestamp);
    else if (!Object.is(before.value, after.value)) {
      push(updatedFrom(before), timestamp);
      push(updatedTo(after), timestamp);
    }
  }

  #resultAt(key: Key, slot: number): KeyedResult<unknown, unknown> {
    return { key, value: this.#accumulators.resultAt(this.#pane, slot) };
  }
}

/** Not of dates, which may be changed, nor of a zero that may be negative, as it is kept as 0. */
function isAsKept(key: Key): boolean {
  if (typeof key !== "object") return key !== 0;
  if (!Array.isArray(key)) return false;
  for (let i = 0; i < key.length; i++) if (key[i] === 0 || typeof key[i] === "object") return false;
  return true;
}
