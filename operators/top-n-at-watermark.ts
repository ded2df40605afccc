/**
 * topN at the watermark: of each key and timestamp the best n records, once the watermark has passed the timestamp. What
 * windows make shares the timestamp of their end, so this is the top-N of each window.
 *
 * State: map "times", by timestamp the best rows so far. Timers: one for each key and timestamp. A record whose timestamp
 * the watermark has passed is late: counted and dropped. Cost: O(log n) a record, O(n) for one that is among the best.
 */

import type { Operator, OperatorContext, Timer } from "../core/operator.ts";
import type { MapState, StateDescriptor } from "../core/state.ts";
import type { Counter } from "../core/telemetry.ts";
import { placeFor, type TopNSpec } from "../core/top-n.ts";
import { requireTime, selectKey } from "./keyed-record.ts";
import { type RowOrder, rowOrder } from "./row-order.ts";

export class TopNAtWatermark implements Operator {
  readonly #spec: TopNSpec;
  readonly #context: OperatorContext;
  readonly #order: RowOrder;
  readonly #times: MapState<number, readonly unknown[]>;
  readonly #late: Counter;

  constructor(spec: TopNSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#order = rowOrder(spec, context);
    const descriptor = spec.state["times"] as StateDescriptor;
    this.#times = context.state.state("times", descriptor) as MapState<number, readonly unknown[]>;
    this.#late = context.metrics.counter("lateRecords");
  }

  process(value: unknown, timestamp: number): void {
    const { n, key } = this.#spec;
    requireTime(this.#context, value, timestamp, "the top of each time");
    if (timestamp <= this.#context.currentWatermark) {
      this.#late.add();
      return;
    }
    selectKey(key, this.#context, value, timestamp);
    const rows = this.#times.get(timestamp);
    if (rows === undefined) this.#context.timers.register("event", timestamp);
    const place = placeFor(this.#order.isBetter, rows ?? [], value);
    if (place < n) this.#times.put(timestamp, (rows ?? []).toSpliced(place, 0, value).slice(0, n));
  }

  onTimer({ timestamp }: Timer): void {
    const rows = this.#times.get(timestamp) ?? [];
    this.#times.remove(timestamp);
    const { push } = this.#context.output;
    rows.forEach((value, at) => {
      push(this.#spec.ranks ? { rank: at + 1, value } : value, timestamp);
    });
  }
}
