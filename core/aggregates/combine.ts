/** Several aggregates in one, and aggregates of some of the records. */

import {
  type Aggregate,
  type AggregateColumn,
  asValueAggregate,
  type ColumnAggregate,
  onlyColumn,
} from "../aggregate.ts";
import { distinctCountOf, noteFiltered } from "./distinct.ts";
import { columnsFrom, type NamedParts, resultsBy, severalAggregates } from "./several.ts";

/** Any aggregate of records I with result R: as little of it as the compiler needs to infer both. */
export interface AnyAggregate<I, R = unknown> {
  readonly columns?: readonly AggregateColumn<I>[] | undefined;
  readonly add?: (accumulator: never, value: I) => unknown;
  readonly result: (accumulator: never) => R;
}

// biome-ignore lint/suspicious/noExplicitAny: an accumulator's type is nobody's business but its own aggregate's
type Whole<I, R> = Aggregate<I, any, R>;

/**
 * Several aggregates in one pass, as an object with a result for each name:
 *
 *   aggregates({ bids: counting(), volume: summing("price"), top: maxBy("price") })
 *
 * Where all of them are columns (counting, summing, minimum, maximum, averaging), so is the whole. They are mergeable
 * before the shuffle when all of them are. Distinct counts of one field, filtered or not, keep its values once.
 */
export function aggregates<I, R extends Readonly<Record<string, unknown>>>(
  parts: {
    readonly [name in keyof R]: AnyAggregate<I, R[name]>;
  },
): Whole<I, R> {
  const named = Object.entries(parts) as unknown as NamedParts<I>;
  const columns = named.map(([, part]) => part.columns);
  const fields = joinedFields(named.map(([, part]) => part.fields));
  if (columns.every((each) => each !== undefined)) {
    return columnsOf(named, columns.flat() as readonly AggregateColumn<I>[], fields) as Whole<I, R>;
  }
  return severalAggregates(named, fields) as Whole<I, R>;
}

function columnsOf<I>(
  parts: NamedParts<I>,
  columns: readonly AggregateColumn<I>[],
  fields: readonly string[] | undefined,
): ColumnAggregate<I, unknown> {
  const counts = parts.map(([, part]) => part.columns?.length ?? 0);
  const result = resultsBy("numbers", parts, (p) => {
    const from = counts.slice(0, p).reduce((sum, count) => sum + count, 0);
    if (parts[p]?.[1].result === onlyColumn) return `numbers[${from}]`;
    return `part${p}.result(${columnsFrom(from, counts[p] as number)})`;
  }) as ColumnAggregate<I, unknown>["result"];
  return { columns, result, fields };
}

function joinedFields(all: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  return all.some((each) => each === undefined) ? undefined : [...new Set(all.flatMap((each) => each ?? []))];
}

/**
 * An aggregate of the records for which the predicate is true. Of none it is what the aggregate makes of none: a count and
 * a sum of 0, a mean of NaN, a minimum of Infinity.
 */
export function filtered<I, R>(predicate: (value: I) => boolean, aggregate: AnyAggregate<I, R>): Whole<I, R> {
  const whole = aggregate as Whole<I, R>;
  const { columns } = whole;
  if (columns?.every(({ op }) => op === "count" || op === "sum") === true) {
    // What is left out adds nothing to a sum, so the columns stay columns.
    const sums = columns.map(({ op, of }): AggregateColumn<I> => {
      const amount = op === "count" ? () => 1 : (of as (value: I) => number);
      return { op: "sum", of: (value) => (predicate(value) ? amount(value) : 0) };
    });
    return { columns: sums, result: aggregate.result as ColumnAggregate<I, R>["result"], fields: undefined };
  }
  const { fields: _, ...part } = asValueAggregate<I, R>(whole);
  const some: Whole<I, R> = {
    ...part,
    add: (accumulator, value) => (predicate(value) ? part.add(accumulator, value) : accumulator),
  };
  noteFiltered(some, distinctCountOf(aggregate), predicate);
  return some;
}
