/**
 * How a window's aggregate lives in a pane: column aggregates in the pane's float64 columns, updated by a generated
 * function; value aggregates in its values.
 */

import type { Aggregate, AggregateColumn, ColumnAggregate, ValueAggregate } from "../../core/aggregate.ts";
import { MillraceError } from "../../core/errors.ts";
import type { OperatorContext } from "../../core/operator.ts";
import type { StatePane, TableDescriptor } from "../../core/state-backend.ts";
import { promiseReturned } from "../../core/user-function.ts";
import { type HeldValues, valueIn } from "../held-values.ts";
import { touch, wasRead } from "../touch.ts";

/** The places of one key in the panes of a window, oldest first. */
export interface Places {
  readonly panes: readonly StatePane[];
  readonly slots: readonly number[];
  readonly count: number;
}

export interface Accumulators {
  readonly table: TableDescriptor;
  /** Whether adding looks at the records: counting does not. */
  readonly readsValues: boolean;
  /**
   * Adds the first `count` records to their slots. A slot that was made for them is fresh for the first record that has
   * it; slots are given out in order, and the first fresh one is `fresh`.
   */
  readonly add: (pane: StatePane, slots: Int32Array, count: number, fresh: number, values: readonly unknown[]) => void;
  /** The same of one record. */
  readonly addOne: (pane: StatePane, slot: number, isFresh: boolean, value: unknown) => void;
  /** Reads ahead what adding the first `count` records to their slots will, so that the waits for memory overlap. */
  readonly touch: (pane: StatePane, slots: Int32Array, count: number, values: readonly unknown[]) => void;
  /** The aggregate over all places. */
  readonly result: (places: Places) => unknown;
  /** The aggregate of one entry. */
  readonly resultAt: (pane: StatePane, slot: number) => unknown;
  /** Makes an entry what a new one is. */
  readonly reset: (pane: StatePane, slot: number) => void;
  /** Adds an entry to another one, which comes behind it; it is of no use afterwards. */
  readonly absorb: (pane: StatePane, slot: number, from: StatePane, fromSlot: number) => void;
  /** Of columns: how panes are put together. */
  readonly combining?: Combining;
}

export interface Combining {
  /** Gives the first `places` places of all columns what nothing has been added to yet. */
  readonly clear: (into: StatePane, places: number) => void;
  /** Adds the first `count` slots of a pane to their places in another one. */
  readonly add: (into: StatePane, from: StatePane, places: Int32Array, count: number) => void;
  /** Takes them away again, to the last bit; absent where that cannot be. */
  readonly subtract?: (from: StatePane, pane: StatePane, places: Int32Array, count: number) => void;
  /** A column that is above zero exactly where something has been added; -1: there is none. */
  readonly presence: number;
}

export type AnyAggregate = Aggregate<unknown, unknown, unknown>;

/** @param further numbers that the operator keeps with each entry, behind those of the aggregate. */
export function accumulators(aggregate: AnyAggregate, context: OperatorContext, further = 0): Accumulators {
  return aggregate.columns === undefined
    ? valueAccumulators(aggregate, context, further)
    : columnAccumulators(aggregate, context, further);
}

function columnAccumulators(
  aggregate: ColumnAggregate<unknown, unknown>,
  context: OperatorContext,
  further: number,
): Accumulators {
  const { columns, result } = aggregate;
  const sums = columns.map(() => 0);
  const resultOf = (combined: readonly number[]): unknown => {
    try {
      const value = result(combined);
      return typeof value === "object" ? synchronous(value, context, "result") : value;
    } catch (error) {
      throw context.failure(error, undefined);
    }
  };
  return {
    table: { numbers: columns.length + further, values: false },
    readsValues: columns.some(readsValue),
    ...columnAdders(columns, columns.length + further, context),
    touch: (pane, slots, count) => {
      const [numbers] = pane.numbers;
      if (numbers !== undefined) touch(numbers, slots, count, pane.stride);
    },
    combining: combiningColumns(columns),
    reset: (pane, slot) => {
      for (let c = 0; c < columns.length; c++)
        (pane.numbers[c] as Float64Array)[slot * pane.stride] = nothing[(columns[c] as AggregateColumn<unknown>).op];
    },
    absorb: (pane, slot, from, fromSlot) => {
      for (let c = 0; c < columns.length; c++) {
        const { op } = columns[c] as AggregateColumn<unknown>;
        const numbers = pane.numbers[c] as Float64Array;
        const added = (from.numbers[c] as Float64Array)[fromSlot * from.stride] as number;
        numbers[slot * pane.stride] = sumOf(op, added, numbers[slot * pane.stride] as number);
      }
    },
    result: (places) => {
      for (let c = 0; c < columns.length; c++)
        sums[c] = combineColumn((columns[c] as AggregateColumn<unknown>).op, c, places);
      return resultOf(sums);
    },
    resultAt: (pane, slot) => {
      const numbers = pane.numbers[0] as Float64Array;
      const at = slot * pane.stride;
      for (let c = 0; c < sums.length; c++) sums[c] = numbers[at + c] as number;
      return resultOf(sums);
    },
  };
}

/** Generated: for counting, `add` is `for (let i = 0; i < count; i++) pane.numbers[0][slots[i]] += 1`, with its loads outside. */
function columnAdders(
  columns: readonly AggregateColumn<unknown>[],
  stride: number,
  context: OperatorContext,
): Pick<Accumulators, "add" | "addOne"> {
  const readsValues = columns.some(readsValue);
  const lines = columns.map((column, c) => columnLine(column, c, stride)).join("\n");
  const at = stride === 1 ? "" : `const at = slot * ${stride};`;
  const body = `"use strict"; return {
    add(pane, slots, count, nextFresh, values) {
      const numbers = pane.numbers[0];
      let i = 0, x;
      try {
        for (; i < count; i++) {
          const slot = slots[i]${readsValues ? ", value = values[i], fresh = slot === nextFresh; if (fresh) nextFresh++" : ""};
          ${at}
          ${lines}
        }
      } catch (error) { fail(error, values[i]); }
    },
    addOne(pane, slot, fresh, value) {
      const numbers = pane.numbers[0];
      let x;
      try {
        ${at}
        ${lines}
      } catch (error) { fail(error, value); }
    },
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
  return make(refuse, fail, ...columns.map((column) => column.of)) as Pick<Accumulators, "add" | "addOne">;
}

/** What adds a record to column c. */
function columnLine(column: AggregateColumn<unknown>, c: number, stride: number): string {
  const place = `numbers[${stride === 1 ? "slot" : `at + ${c}`}]`;
  if (!readsValue(column)) return `${place} += 1;`;
  const read = `x = of${c}(value); if (typeof x !== "number") refuse(${c}, x);`;
  if (column.op === "count" || column.op === "sum") return `${read} ${place} += x;`;
  const better = column.op === "min" ? "<" : ">";
  return `${read} if (fresh || x ${better} ${place} || x !== x) ${place} = x;`; // NaN stays, as with Math.min
}

/** A count looks at records only where one may stand for several. */
function readsValue({ op, of }: AggregateColumn<unknown>): boolean {
  return op !== "count" || of !== undefined;
}

function describe(value: unknown): string {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}

/** What a column holds to which nothing has been added. */
const nothing = { count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };

function sumOf(op: AggregateColumn<unknown>["op"], a: number, b: number): number {
  if (op === "count" || op === "sum") return a + b;
  return op === "min" ? Math.min(a, b) : Math.max(a, b);
}

export function combiningColumns(columns: readonly AggregateColumn<unknown>[]): Combining {
  return {
    clear: (into, places) => {
      columns.forEach(({ op }, c) => {
        const numbers = into.numbers[c] as Float64Array;
        if (into.stride === 1) numbers.fill(nothing[op], 0, places);
        else for (let place = 0; place < places; place++) numbers[place * into.stride] = nothing[op];
      });
    },
    add: (into, from, places, count) => {
      columns.forEach(({ op }, c) => {
        const to = into.numbers[c] as Float64Array;
        if (op === "count" || op === "sum") addSlots(to, from.numbers[c] as Float64Array, places, count, into.stride);
        else pickSlots(op, to, from.numbers[c] as Float64Array, places, count, into.stride);
      });
    },
    // Sums of fractions would not come out as they were, and of the least one does not know the second least.
    ...(columns.every(({ op }) => op === "count") ? { subtract: subtractColumns } : {}),
    presence: columns.findIndex(({ op }) => op === "count"),
  };
}

function subtractColumns(from: StatePane, pane: StatePane, places: Int32Array, count: number): void {
  const { stride } = from;
  from.numbers.forEach((numbers, c) => {
    const taken = pane.numbers[c] as Float64Array;
    for (let slot = 0; slot < count; slot++) {
      const place = (places[slot] as number) * stride;
      numbers[place] = (numbers[place] as number) - (taken[slot * stride] as number);
    }
  });
}

function addSlots(to: Float64Array, from: Float64Array, places: Int32Array, count: number, stride: number): void {
  for (let slot = 0; slot < count; slot++) {
    const place = (places[slot] as number) * stride;
    to[place] = (to[place] as number) + (from[slot * stride] as number);
  }
}

function pickSlots(
  op: "min" | "max",
  to: Float64Array,
  from: Float64Array,
  places: Int32Array,
  count: number,
  stride: number,
): void {
  const pick = op === "min" ? Math.min : Math.max;
  for (let slot = 0; slot < count; slot++) {
    const place = (places[slot] as number) * stride;
    to[place] = pick(to[place] as number, from[slot * stride] as number);
  }
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
  const { numbers, stride } = places.panes[place] as StatePane;
  return (numbers[column] as Float64Array)[(places.slots[place] as number) * stride] as number;
}

function valueAccumulators(
  aggregate: ValueAggregate<unknown, unknown, unknown>,
  context: OperatorContext,
  further: number,
): Accumulators {
  const addHeld = (pane: StatePane, held: HeldValues, slot: number, isFresh: boolean, value: unknown): void => {
    const before = isFresh ? aggregate.create() : held.valueOf(slot);
    const added = synchronous(aggregate.add(before, value), context, "add");
    if (!isFresh) held.setValue(slot, added);
    else if (held.begin(slot, added, added === before && typeof added === "object")) pane.unhold();
  };
  return {
    table: { numbers: further, values: true },
    readsValues: true,
    add: (pane, slots, count, fresh, values) => {
      let nextFresh = fresh;
      let i = 0;
      try {
        // Values that are held together come to be held by themselves, and never the other way round.
        for (; i < count && pane.held !== undefined; i++) {
          const slot = slots[i] as number;
          addHeld(pane, pane.held as HeldValues, slot, slot === nextFresh, values[i]);
          if (slot === nextFresh) nextFresh++;
        }
        for (; i < count; i++) {
          const slot = slots[i] as number;
          const accumulator = slot === nextFresh ? aggregate.create() : pane.values[slot];
          if (slot === nextFresh) nextFresh++;
          pane.values[slot] = synchronous(aggregate.add(accumulator, values[i]), context, "add");
        }
      } catch (error) {
        throw context.failure(error, values[i]);
      }
    },
    addOne: (pane, slot, isFresh, value) => {
      try {
        if (pane.held !== undefined) return addHeld(pane, pane.held as HeldValues, slot, isFresh, value);
        const accumulator = isFresh ? aggregate.create() : pane.values[slot];
        const added = synchronous(aggregate.add(accumulator, value), context, "add");
        if (isFresh || added !== accumulator) pane.values[slot] = added;
      } catch (error) {
        throw context.failure(error, value);
      }
    },
    touch: (pane, slots, count, values) => touchValues(aggregate, pane, slots, count, values),
    reset: (pane, slot) => {
      pane.values[slot] = aggregate.create();
    },
    absorb: (pane, slot, from, fromSlot) => {
      pane.values[slot] = call(context, "merge", () => aggregate.merge(from.values[fromSlot], pane.values[slot]));
    },
    resultAt: (pane, slot) => {
      try {
        return synchronous(aggregate.result(valueIn(pane, slot)), context, "result");
      } catch (error) {
        throw context.failure(error, undefined);
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

function touchValues(
  { touch }: ValueAggregate<unknown, unknown, unknown>,
  { values: held }: StatePane,
  slots: Int32Array,
  count: number,
  values: readonly unknown[],
): void {
  if (touch === undefined) return;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const accumulator = held[slots[i] as number];
    if (accumulator !== undefined) sum += touch(accumulator, values[i]);
  }
  wasRead(sum);
}

function valueAt(places: Places, place: number): unknown {
  return valueIn(places.panes[place] as StatePane, places.slots[place] as number);
}

function call(context: OperatorContext, what: string, run: () => unknown): unknown {
  try {
    return synchronous(run(), context, what);
  } catch (error) {
    throw context.failure(error, undefined);
  }
}

export function synchronous<V>(value: V, context: OperatorContext, what: string): V {
  if (typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function")
    throw promiseReturned(context.operator, what);
  return value;
}
