/**
 * aggregate of a batch: what it makes of all records of a key, once; as a changelog, one inserted row. State: none but the
 * accumulator of the key at hand, as a key's records come together. The result has the time of the key's last record.
 */

import { inserted } from "../../core/changelog.ts";
import { type Key, sameKey } from "../../core/key.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { RunningAggregateSpec } from "../../core/running-aggregate.ts";
import type { StatePane } from "../../core/state-backend.ts";
import { type Accumulators, accumulators } from "../window/accumulators.ts";

export class FinalAggregate implements Operator {
  readonly #context: OperatorContext;
  readonly #spec: RunningAggregateSpec;
  readonly #accumulators: Accumulators;
  /** One place, given to one key after the other. */
  readonly #pane: StatePane;
  readonly #slots = new Int32Array(1);
  readonly #values: unknown[] = [undefined];
  #key: Key | undefined;
  #timestamp = 0;

  constructor(spec: RunningAggregateSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#accumulators = accumulators(spec.aggregate, context);
    this.#pane = context.state.scratch({ ...this.#accumulators.table, keyGroup: "key" });
    this.#pane.slotOf(context.state.keyGroups.first);
  }

  process(value: unknown, timestamp: number): void {
    const key = this.#spec.key.select(value);
    const isNew = this.#key === undefined || !sameKey(key, this.#key, this.#context.operator);
    if (isNew) {
      this.#emit();
      this.#key = key;
      this.#accumulators.reset(this.#pane, 0);
    }
    this.#values[0] = value;
    // The place is fresh for the first record of a key.
    this.#accumulators.add(this.#pane, this.#slots, 1, isNew ? 0 : 1, this.#values);
    this.#timestamp = timestamp;
  }

  watermark(timestamp: number): void {
    this.#emit();
    this.#key = undefined;
    this.#context.output.watermark(timestamp);
  }

  #emit(): void {
    if (this.#key === undefined) return;
    const result = { key: this.#key, value: this.#accumulators.resultAt(this.#pane, 0) };
    this.#context.output.push(this.#spec.emit === "changes" ? inserted(result) : result, this.#timestamp);
  }
}
