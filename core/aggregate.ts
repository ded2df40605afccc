/**
 * Aggregates: how many records become one value, incrementally and mergeably.
 *
 * A value aggregate keeps any accumulator; a column aggregate is a few float64 columns that the engine keeps in typed
 * arrays, updates by generated code, and can prune its input for, because it names the fields that it reads.
 */

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
}

export interface AggregateColumn<I> {
  readonly op: "count" | "sum" | "min" | "max";
  /** The number that a record contributes; "count" has none. */
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

type NumericFields<I> = { [name in keyof I]: I[name] extends number ? name : never }[keyof I] & string;

/** How many records. */
export function counting<I = unknown>(): ColumnAggregate<I, number> {
  return { columns: [{ op: "count" }], result: (columns) => columns[0] as number, fields: [] };
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

function singleColumn<I>(op: "sum" | "min" | "max", of: NumberOf<I>): ColumnAggregate<I, number> {
  return { columns: [{ op, of: numberFunction(of) }], result: (columns) => columns[0] as number, fields: fieldsOf(of) };
}

function numberFunction<I>(of: NumberOf<I>): (value: I) => number {
  return typeof of === "function" ? of : (value) => value[of as keyof I] as number;
}

function fieldsOf<I>(of: NumberOf<I>): readonly string[] | undefined {
  return typeof of === "function" ? undefined : [of];
}
