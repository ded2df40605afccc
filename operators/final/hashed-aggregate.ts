/**
 * aggregate of a batch whose keys fit into memory: records come in any order, and each key gives one result at the end; as a
 * changelog, one inserted row. The result has the time of the key's last record.
 *
 * State: table "aggregate", one accumulator for each key, in columns, with the time behind it, until the end. Cost: O(1) a
 * record; what is given out in the end stops while there is no room for it.
 */

import { inserted } from "../../core/changelog.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { RunningAggregateSpec } from "../../core/running-aggregate.ts";
import type { StatePane } from "../../core/state-backend.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { GatheredRecords } from "../gathered-records.ts";
import { type Accumulators, accumulators } from "../window/accumulators.ts";

export class HashedAggregate implements Operator {
  readonly #context: OperatorContext;
  readonly #asChanges: boolean;
  readonly #accumulators: Accumulators;
  readonly #pane: StatePane;
  /** The column with the time of a key's last record. */
  readonly #timeColumn: number;
  readonly #gathered: GatheredRecords;

  constructor({ key, aggregate, emit }: RunningAggregateSpec, context: OperatorContext) {
    this.#asChanges = emit === "changes";
    this.#context = context;
    this.#gathered = new GatheredRecords(key, context);
    this.#accumulators = accumulators(aggregate, context, 1);
    this.#timeColumn = this.#accumulators.table.numbers - 1;
    this.#pane = context.state.table("aggregate", this.#accumulators.table).pane(0);
  }

  process(value: unknown, timestamp: number): void {
    if (this.#gathered.add(value, timestamp)) this.#addGathered();
  }

  batchEnd(): void {
    this.#addGathered();
  }

  watermark(timestamp: number): void {
    if (timestamp !== END_OF_TIME) return;
    this.#addGathered();
    this.#emit(0);
  }

  #addGathered(): void {
    const gathered = this.#gathered;
    const { count, slots, values, timestamps } = gathered;
    if (count === 0) return;
    const pane = this.#pane;
    let fresh = pane.size;
    gathered.lookUp(pane);
    this.#accumulators.add(pane, slots, count, fresh, values);
    const times = pane.numbers[this.#timeColumn] as Float64Array;
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      const at = slot * pane.stride;
      const time = timestamps[i] as number;
      times[at] = slot === fresh ? time : Math.max(times[at] as number, time);
      if (slot === fresh) fresh++;
    }
    gathered.clear();
  }

  /** True when all from this slot on has been given, and the end of time behind it. */
  #emit(from: number): boolean {
    const { output, gate } = this.#context;
    const pane = this.#pane;
    const times = pane.numbers[this.#timeColumn] as Float64Array;
    for (let slot = from; slot < pane.size; slot++) {
      const result = { key: pane.keyAt(slot), value: this.#accumulators.resultAt(pane, slot) };
      const timestamp = times[slot * pane.stride] as number;
      output.push(this.#asChanges ? inserted(result) : result, timestamp);
      if (!gate.blocked) continue;
      this.#context.suspend(() => this.#emit(slot + 1));
      return true;
    }
    output.watermark(END_OF_TIME);
    return true;
  }
}
