/**
 * aggregate of a batch whose keys fit into memory: records come in any order, and each key gives one result at the end; as a
 * changelog, one inserted row. The result has the time of the key's last record.
 *
 * State: table "aggregate", one accumulator for each key, in columns, with the time behind it, until the end. Cost: O(1) a
 * record; what is given out in the end stops while there is no room for it.
 */

import { inserted } from "../../core/changelog.ts";
import { KeyBatch } from "../../core/key-batch.ts";
import type { Operator, OperatorContext } from "../../core/operator.ts";
import type { RunningAggregateSpec } from "../../core/running-aggregate.ts";
import type { StatePane } from "../../core/state-backend.ts";
import { END_OF_TIME } from "../../core/time.ts";
import { type Accumulators, accumulators } from "../window/accumulators.ts";

/** As windows gather. */
const GATHERED_MAX = 128;

export class HashedAggregate implements Operator {
  readonly #context: OperatorContext;
  readonly #spec: RunningAggregateSpec;
  readonly #accumulators: Accumulators;
  readonly #pane: StatePane;
  /** The column with the time of a key's last record. */
  readonly #timeColumn: number;
  readonly #keys = new KeyBatch(GATHERED_MAX);
  readonly #values: unknown[] = [];
  readonly #timestamps = new Float64Array(GATHERED_MAX);
  readonly #slots = new Int32Array(GATHERED_MAX);

  constructor(spec: RunningAggregateSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#accumulators = accumulators(spec.aggregate, context, 1);
    this.#timeColumn = this.#accumulators.table.numbers - 1;
    this.#pane = context.state.table("aggregate", this.#accumulators.table).pane(0);
  }

  process(value: unknown, timestamp: number): void {
    const at = this.#keys.count;
    try {
      this.#keys.add(this.#spec.key.select(value));
    } catch (error) {
      throw this.#context.failure(error, value);
    }
    this.#values[at] = value;
    this.#timestamps[at] = timestamp;
    if (at + 1 === GATHERED_MAX) this.#addGathered();
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
    const { count } = this.#keys;
    if (count === 0) return;
    const pane = this.#pane;
    let fresh = pane.size;
    try {
      pane.slotsOf(this.#keys, this.#slots);
    } catch (error) {
      throw this.#context.failure(error, undefined);
    }
    this.#accumulators.add(pane, this.#slots, count, fresh, this.#values);
    const times = pane.numbers[this.#timeColumn] as Float64Array;
    for (let i = 0; i < count; i++) {
      const slot = this.#slots[i] as number;
      const at = slot * pane.stride;
      const time = this.#timestamps[i] as number;
      times[at] = slot === fresh ? time : Math.max(times[at] as number, time);
      if (slot === fresh) fresh++;
    }
    this.#keys.clear();
  }

  /** True when all from this slot on has been given, and the end of time behind it. */
  #emit(from: number): boolean {
    const { output, gate } = this.#context;
    const pane = this.#pane;
    const times = pane.numbers[this.#timeColumn] as Float64Array;
    for (let slot = from; slot < pane.size; slot++) {
      const result = { key: pane.keyAt(slot), value: this.#accumulators.resultAt(pane, slot) };
      const timestamp = times[slot * pane.stride] as number;
      output.push(this.#spec.emit === "changes" ? inserted(result) : result, timestamp);
      if (!gate.blocked) continue;
      this.#context.suspend(() => this.#emit(slot + 1));
      return true;
    }
    output.watermark(END_OF_TIME);
    return true;
  }
}
