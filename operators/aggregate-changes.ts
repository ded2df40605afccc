/**
 * aggregateChanges: the aggregate of the rows that each key has now, as a changelog of one row a key.
 *
 *   1. A row that comes is added, and one that goes is taken out. Of a minimum, a maximum and a distinct count it is kept how
 *      often each value is there, so that the next one is known when the last of a value has gone.
 *   2. The first row of a key inserts its result, later changes update it, and with its last row it is deleted.
 *
 * A row that goes of a key that has none is counted as "unknownRows" and changes nothing.
 *
 * State: value "sums", the number of rows and what is kept of each part of the aggregate; for parts that need it a map
 * "values0", "values1", … by value: how often it is there. Cost: O(1) a change, and one pass over the different values when the
 * least or greatest has gone; accumulators of one's own are copied with each change.
 */

import { numberOf } from "../core/aggregate.ts";
import { initialPart, type RetractingPart } from "../core/aggregates/combine.ts";
import { comparable } from "../core/aggregates/distinct.ts";
import { type Change, checkedAddsRow, deleted, inserted, updatedFrom, updatedTo } from "../core/changelog.ts";
import type { Key } from "../core/key.ts";
import type { Operator, OperatorContext } from "../core/operator.ts";
import { type AggregateChangesSpec, type KeyedResult, valuesOfPart } from "../core/running-aggregate.ts";
import type { MapState, StateDescriptor, ValueState } from "../core/state.ts";
import type { Counter } from "../core/telemetry.ts";
import { selectKey } from "./keyed-record.ts";
import { synchronous } from "./window/accumulators.ts";

/** Of a key: how many rows it has, and what is kept of each part. */
interface Sums {
  readonly rows: number;
  readonly kept: readonly unknown[];
}

type Values = MapState<Key, number>;
type Result = KeyedResult<Key, unknown>;

export class AggregateChangesOperator implements Operator {
  readonly #spec: AggregateChangesSpec;
  readonly #context: OperatorContext;
  readonly #sums: ValueState<Sums>;
  /** By part. */
  readonly #values: readonly (Values | undefined)[];
  readonly #unknownRows: Counter;

  constructor(spec: AggregateChangesSpec, context: OperatorContext) {
    this.#spec = spec;
    this.#context = context;
    this.#sums = context.state.state("sums", spec.state["sums"] as StateDescriptor) as ValueState<Sums>;
    this.#values = spec.retracting.parts.map((_, at) => {
      const name = valuesOfPart(at);
      const declared = spec.state[name];
      return declared && (context.state.state(name, declared) as Values);
    });
    this.#unknownRows = context.metrics.counter("unknownRows");
  }

  process(value: unknown, timestamp: number): void {
    selectKey(this.#spec.key, this.#context, value, timestamp);
    try {
      this.#take(value as Change<unknown>, timestamp);
    } catch (error) {
      throw this.#context.failure(error, value);
    }
  }

  #take(change: Change<unknown>, timestamp: number): void {
    const adds = checkedAddsRow(change, this.#context.operator);
    const before = this.#sums.get();
    if (before === undefined && !adds) {
      this.#unknownRows.add();
      return;
    }
    const rows = (before?.rows ?? 0) + (adds ? 1 : -1);
    const after = rows === 0 ? undefined : { rows, kept: this.#changed(before?.kept, change.value, adds) };
    if (after === undefined) this.#forget();
    else this.#sums.set(after);
    this.#emit(before && this.#resultOf(before), after && this.#resultOf(after), timestamp);
  }

  #emit(before: Result | undefined, after: Result | undefined, timestamp: number): void {
    const { push } = this.#context.output;
    if (before === undefined) push(inserted(after), timestamp);
    else if (after === undefined) push(deleted(before), timestamp);
    else if (!Object.is(before.value, after.value)) {
      if (this.#spec.emit === "changes") push(updatedFrom(before), timestamp);
      push(updatedTo(after), timestamp);
    }
  }

  #forget(): void {
    this.#sums.clear();
    for (const values of this.#values) values?.clear();
  }

  #resultOf({ kept }: Sums): Result {
    const value = synchronous(this.#spec.retracting.result(kept), this.#context, "result");
    return { key: this.#context.state.currentKey, value };
  }

  #changed(kept: readonly unknown[] | undefined, row: unknown, adds: boolean): readonly unknown[] {
    return this.#spec.retracting.parts.map((part, at) => {
      const held = kept === undefined ? initialPart(part) : kept[at];
      return part.where.every((predicate) => predicate(row as never)) ? this.#part(part, at, held, row, adds) : held;
    });
  }

  #part(part: RetractingPart, at: number, held: unknown, row: unknown, adds: boolean): unknown {
    switch (part.kind) {
      case "sum": {
        const amount = part.of === undefined ? 1 : numberOf(part.of(row as never), "sum", this.#context.operator);
        return (held as number) + (adds ? amount : -amount);
      }
      case "extreme": {
        const x = numberOf(part.of?.(row as never), part.op, this.#context.operator);
        return this.#extreme(part.op, this.#values[at] as Values, held as number, x, adds);
      }
      case "distinct": {
        const isOnly = this.#count(this.#values[at] as Values, valueKey(part.read(row as never)), adds);
        return (held as number) + (isOnly ? (adds ? 1 : -1) : 0);
      }
      case "own": {
        // What state gives may not be changed, as accumulators are.
        const own = structuredClone(held);
        const { add, remove } = part.aggregate;
        return synchronous((adds ? add : remove)(own, row), this.#context, adds ? "add" : "remove");
      }
    }
  }

  #extreme(op: "min" | "max", values: Values, held: number, x: number, adds: boolean): number {
    const isOnly = this.#count(values, valueKey(x), adds);
    if (adds) return Math[op](held, x);
    if (!isOnly || !Object.is(held + 0, x + 0)) return held;
    let next = op === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    for (const [value] of values.entries()) next = Math[op](next, value === NAN_KEY ? Number.NaN : (value as number));
    return next;
  }

  /** Counts a value that comes or goes. Returns whether it is the first or the last of its kind. */
  #count(values: Values, value: Key, adds: boolean): boolean {
    const before = values.get(value) ?? 0;
    if (adds) values.put(value, before + 1);
    else if (before > 1) values.put(value, before - 1);
    else values.remove(value);
    return before === (adds ? 0 : 1);
  }
}

const NAN_KEY = "\0NaN";

/** A value as a key of a map: equal ones are the same, and so are those that can be no keys. */
function valueKey(value: unknown): Key {
  if (value === null) return "\0null";
  return value !== value ? NAN_KEY : (comparable(value) as Key);
}
