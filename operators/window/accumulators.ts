/**
 * How a window's aggregate lives in a pane: column aggregates in the pane's float64 columns, updated by a generated
 * function; value aggregates in its values.
 */

import type { Aggregate, AggregateColumn, ColumnAggregate, ValueAggregate } from "../../core/aggregate.ts";
import { MillraceError } from "../../core/errors.ts";
import type { OperatorContext } from "../../core/operator.ts";
import type { StatePane, TableDescriptor } from "../../core/state-backend.ts";
import { promiseReturned } from "../../core/user-function.ts";

/** The places of one key in the panes of a window, oldest first. */
export interface Places {
  readonly panes: readonly StatePane[];
  readonly slots: readonly number[];
  readonly count: number;
}

export interface Accumulators {
  readonly table: TableDescriptor;
  /** Adds a record to a slot; `fresh` says that the slot was made for it. */
  readonly add: (pane: StatePane, slot: number, fresh: boolean, value: unknown) => void;
  /** The aggregate over all places. */
  readonly result: (places: Places) => unknown;
}

type AnyAggregate = Aggregate<unknown, unknown, unknown>;

export function accumulators(aggregate: AnyAggregate, context: OperatorContext): Accumulators {
  return aggregate.columns === undefined
    ? valueAccumulators(aggregate, context)
    : columnAccumulators(aggregate, context);
}

function columnAccumulators(aggregate: ColumnAggregate<unknown, unknown>, context: OperatorContext): Accumulators {
  const { columns, result } = aggregate;
  const sums = columns.map(() => 0);
  return {
    table: { numbers: columns.length, values: false },
    add: columnAdder(columns, context),
    result: (places) => {
      columns.forEach((column, c) => {
        sums[c] = combineColumn(column.op, c, places);
      });
      return call(context, "result", () => result(sums));
    },
  };
}

/** Generated: for counting it is `(pane, slot) => { pane.numbers[0][slot] += 1; }`. */
function columnAdder(columns: readonly AggregateColumn<unknown>[], context: OperatorContext): Accumulators["add"] {
  const lines = columns.map((column, c) => {
    const place = `numbers[${c}][slot]`;
    if (column.op === "count") return `${place} += 1;`;
    const read = `x = of${c}(value); if (typeof x !== "number") refuse(${c}, x);`;
    if (column.op === "sum") return `${read} ${place} += x;`;
    const better = column.op === "min" ? "<" : ">";
    return `${read} if (fresh || x ${better} ${place} || x !== x) ${place} = x;`; // NaN stays, as with Math.min
  });
  const body = `"use strict"; return function (pane, slot, fresh, value) {
    const numbers = pane.numbers; let x;
    try { ${lines.join("\n")} } catch (error) { fail(error, value); }
  };`;
  const refuse = (column: number, came: unknown): never => {
    throw new MillraceError(
      "WRONG_SHAPE",
      `the aggregate of "${context.operator}" (${(columns[column] as AggregateColumn<unknown>).op}) got ${describe(came)} instead of a number; filter such records out or convert the field`,
      { operator: context.operator },
    );
  };
  const fail = (error: unknown, value: unknown): never => {
    throw context.failure(error, value);
  };
  const make = new Function("refuse", "fail", ...columns.map((_, c) => `of${c}`), body);
  return make(refuse, fail, ...columns.map((column) => column.of)) as Accumulators["add"];
}

function describe(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}

function combineColumn(op: AggregateColumn<unknown>["op"], column: number, places: Places): number {
  let combined = numberAt(places, 0, column);
  for (let i = 1; i < places.count; i++) {
    const next = numberAt(places, i, column);
    if (op === "count" || op === "sum") combined += next;
    else if (next !== next || (op === "min" ? next < combined : next > combined)) combined = next;
  }
  return combined;
}

function numberAt(places: Places, place: number, column: number): number {
  const numbers = (places.panes[place] as StatePane).numbers[column] as Float64Array;
  return numbers[places.slots[place] as number] as number;
}

function valueAccumulators(
  aggregate: ValueAggregate<unknown, unknown, unknown>,
  context: OperatorContext,
): Accumulators {
  return {
    table: { numbers: 0, values: true },
    add: (pane, slot, fresh, value) => {
      try {
        const accumulator = fresh ? aggregate.create() : pane.values[slot];
        pane.values[slot] = synchronous(aggregate.add(accumulator, value), context, "add");
      } catch (error) {
        throw context.failure(error, value);
      }
    },
    result: (places) => {
      const first = valueAt(places, 0);
      if (places.count === 1) return call(context, "result", () => aggregate.result(first));
      // Merging may change its first argument, which is still needed for later windows: start from an empty one.
      return call(context, "merge", () => {
        let merged = aggregate.create();
        for (let i = 0; i < places.count; i++) merged = aggregate.merge(merged, valueAt(places, i));
        return aggregate.result(merged);
      });
    },
  };
}

function valueAt(places: Places, place: number): unknown {
  return (places.panes[place] as StatePane).values[places.slots[place] as number];
}

function call(context: OperatorContext, what: string, run: () => unknown): unknown {
  try {
    return synchronous(run(), context, what);
  } catch (error) {
    throw context.failure(error, undefined);
  }
}

function synchronous<V>(value: V, context: OperatorContext, what: string): V {
  if (typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function")
    throw promiseReturned(context.operator, what);
  return value;
}
