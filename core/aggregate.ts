/**
 * Aggregates: how many records become one value, incrementally and mergeably.
 *
 * A value aggregate keeps any accumulator; a column aggregate is a few float64 columns that the engine keeps in typed
 * arrays, updates by generated code, and can prune its input for, because it names the fields that it reads. Aggregates
 * that need more than columns are in `aggregates/`.
 */

import { MillraceError } from "./errors.ts";
import { readField } from "./pick-fields.ts";
import { checkFunctions } from "./user-function.ts";

/** An aggregate written as functions. `add` may change and return the accumulator it was given. */
export interface ValueAggregate<I, A, R> {
  readonly create: () => A;
  readonly add: (accumulator: A, value: I) => A;
  /** Combines two accumulators; may change and return the first, never the second. */
  readonly merge: (into: A, from: A) => A;
  readonly result: (accumulator: A) => R;
  readonly columns?: undefined;
  /** The fields of the record that `add` reads, when they are known: only these travel. */
  readonly fields?: readonly string[];
  /**
   * How accumulators travel between subtasks, which lets records be aggregated before they are sent to the subtask of
   * their key: as they are ("plain": what records may hold), or packed. Absent: they do not, and records travel.
   */
  readonly partials?: "plain" | AccumulatorPacking<A>;
  /**
   * Reads some of what `add` would, and gives any number made of it: so that memory is there when many records are added.
   * For accumulators that are much larger than a cache line; changes nothing.
   */
  readonly touch?: (accumulator: A, value: I) => number;
  /**
   * Takes out a value that was added, for rows that go again (`aggregateChanges`); may change and return the accumulator it was
   * given. Absent: it keeps too little to do that.
   */
  readonly remove?: (accumulator: A, value: I) => A;
}

/** Accumulators as plain data and back, for those that are not plain, such as sets. */
export interface AccumulatorPacking<A> {
  readonly pack: (accumulator: A) => unknown;
  readonly unpack: (packed: unknown) => A;
}

export interface AggregateColumn<I> {
  readonly op: "count" | "sum" | "min" | "max";
  /** The number that a record contributes; of a count how many records it stands for, by default one. */
  readonly of?: (value: I) => number;
}

export interface ColumnAggregate<I, R> {
  readonly columns: readonly AggregateColumn<I>[];
  readonly result: (columns: readonly number[]) => R;
  readonly fields: readonly string[] | undefined;
}

export type Aggregate<I, A, R> = ValueAggregate<I, A, R> | ColumnAggregate<I, R>;

/** A field's name, or a function of the record. Naming the field lets the engine send only that field. */
export type NumberOf<I> = NumericFields<I> | ((value: I) => number);

/** A field's name, or a function of the record, for values of any kind. */
export type ValueOf<I, V = unknown> = FieldsOf<I, V> | ((value: I) => V);

type FieldsOf<I, V> = { [name in keyof I]: I[name] extends V ? name : never }[keyof I] & string;

type NumericFields<I> = { [name in keyof I]: I[name] extends number ? name : never }[keyof I] & string;

/** How many records. */
export function counting<I = unknown>(): ColumnAggregate<I, number> {
  return { columns: [{ op: "count" }], result: onlyColumn, fields: [] };
}

/** The sum of a field. */
export function summing<I>(of: NumberOf<I>): ColumnAggregate<I, number> {
  return singleColumn("sum", of);
}

/** The smallest value of a field. */
export function minimum<I>(of: NumberOf<I>): ColumnAggregate<I, number> {
  return singleColumn("min", of);
}

/** The largest value of a field. */
export function maximum<I>(of: NumberOf<I>): ColumnAggregate<I, number> {
  return singleColumn("max", of);
}

/** The arithmetic mean of a field. */
export function averaging<I>(of: NumberOf<I>): ColumnAggregate<I, number> {
  return {
    columns: [{ op: "sum", of: numberFunction(of) }, { op: "count" }],
    result: (columns) => (columns[0] as number) / (columns[1] as number),
    fields: fieldsOf(of),
  };
}

/** The result of an aggregate that is its one column: code generated for several aggregates reads it without a call. */
export function onlyColumn(columns: readonly number[]): number {
  return columns[0] as number;
}

function singleColumn<I>(op: "sum" | "min" | "max", of: NumberOf<I>): ColumnAggregate<I, number> {
  return { columns: [{ op, of: numberFunction(of) }], result: onlyColumn, fields: fieldsOf(of) };
}

function numberFunction<I>(of: NumberOf<I>): (value: I) => number {
  return typeof of === "function" ? of : (readField(of) as (value: I) => number);
}

function fieldsOf<I>(of: NumberOf<I>): readonly string[] | undefined {
  return typeof of === "function" ? undefined : [of];
}

/** A field or function as a function, and the fields that it reads, when they are known. */
export function reader<I, V>(
  of: ValueOf<I, V>,
): {
  readonly read: (value: I) => V;
  readonly fields: { readonly fields?: readonly string[] };
} {
  if (typeof of === "function") return { read: of, fields: {} };
  return { read: readField(of) as (value: I) => V, fields: { fields: [of] } };
}

/** A column aggregate whose accumulator is an array of its columns: for what keeps several aggregates in one value. */
export function asValueAggregate<I, R>(aggregate: Aggregate<I, unknown, R>): ValueAggregate<I, unknown, R> {
  if (aggregate.columns === undefined) return aggregate;
  const { columns, result, fields } = aggregate;
  const initial = columns.map(({ op }) => initialOf[op]);
  return {
    create: () => [...initial],
    add: (given, value) => {
      const numbers = given as number[];
      columns.forEach(({ op, of }, c) => {
        numbers[c] = combined(op, numbers[c] as number, op === "count" ? 1 : numberOf(of?.(value), op));
      });
      return numbers;
    },
    merge: (given, from) => {
      const into = given as number[];
      columns.forEach(({ op }, c) => {
        into[c] = combined(op, into[c] as number, (from as readonly number[])[c] as number);
      });
      return into;
    },
    result: (numbers) => result(numbers as readonly number[]),
    partials: "plain",
    ...(fields === undefined ? {} : { fields }),
  };
}

/** What the columns of no record hold. */
export const initialOf = { count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY } as const;

/** What a column holds of two that it held. */
export function combined(op: AggregateColumn<never>["op"], a: number, b: number): number {
  if (op === "count" || op === "sum") return a + b;
  return op === "min" ? Math.min(a, b) : Math.max(a, b);
}

/** @throws BAD_OPTION for what is no aggregate, PROMISE_RETURNED when one of its functions is asynchronous. */
export function checkAggregate(name: string, aggregate: object): void {
  const { columns } = (aggregate ?? {}) as { readonly columns?: unknown };
  checkFunctions(name, aggregate, columns === undefined ? ["create", "add", "merge", "result"] : ["result"]);
}

/** `operator`: whose aggregate it is, where that is known. @throws WRONG_SHAPE for what is no number. */
export function numberOf(came: unknown, aggregate: string, operator?: string): number {
  if (typeof came === "number") return came;
  const what = came === null || came === undefined ? String(came) : `a ${typeof came}`;
  throw new MillraceError(
    "WRONG_SHAPE",
    `the aggregate${operator === undefined ? "" : ` of "${operator}"`} (${aggregate}) got ${what} instead of a number; filter such records out or convert the field`,
    operator === undefined ? {} : { operator },
  );
}
