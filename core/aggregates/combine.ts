/** Several aggregates in one, and aggregates of some of the records. */

import {
  type Aggregate,
  type AggregateColumn,
  asValueAggregate,
  type ColumnAggregate,
  type ValueAggregate,
} from "../aggregate.ts";

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
 * before the shuffle when all of them are.
 */
export function aggregates<I, R extends Readonly<Record<string, unknown>>>(
  parts: {
    readonly [name in keyof R]: AnyAggregate<I, R[name]>;
  },
): Whole<I, R> {
  const named = Object.entries(parts) as unknown as readonly (readonly [string, Aggregate<I, unknown, unknown>])[];
  const columns = named.map(([, part]) => part.columns);
  const fields = joinedFields(named.map(([, part]) => part.fields));
  if (columns.every((each) => each !== undefined)) {
    const of = named as readonly (readonly [string, ColumnAggregate<I, unknown>])[];
    return columnsOf(of, columns.flat() as readonly AggregateColumn<I>[], fields) as Whole<I, R>;
  }
  return valuesOf(
    named.map(([name, part]) => [name, asValueAggregate<I, unknown>(part)] as const),
    fields,
  ) as Whole<I, R>;
}

function columnsOf<I>(
  parts: readonly (readonly [string, ColumnAggregate<I, unknown>])[],
  columns: readonly AggregateColumn<I>[],
  fields: readonly string[] | undefined,
): ColumnAggregate<I, unknown> {
  return {
    columns,
    result: (numbers) => {
      let at = 0;
      const results: Record<string, unknown> = {};
      for (const [name, part] of parts) {
        results[name] = part.result(numbers.slice(at, at + part.columns.length));
        at += part.columns.length;
      }
      return results;
    },
    fields,
  };
}

function valuesOf<I>(
  parts: readonly (readonly [string, ValueAggregate<I, unknown, unknown>])[],
  fields: readonly string[] | undefined,
): ValueAggregate<I, unknown[], unknown> {
  const all = parts.map(([, part]) => part);
  return {
    create: () => all.map((part) => part.create()),
    add: (accumulators, value) => {
      for (let i = 0; i < all.length; i++)
        accumulators[i] = (all[i] as (typeof all)[number]).add(accumulators[i], value);
      return accumulators;
    },
    merge: (into, from) => {
      for (let i = 0; i < all.length; i++) into[i] = (all[i] as (typeof all)[number]).merge(into[i], from[i]);
      return into;
    },
    result: (accumulators) => Object.fromEntries(parts.map(([name, part], i) => [name, part.result(accumulators[i])])),
    ...(fields === undefined ? {} : { fields }),
    ...packing(all),
  };
}

/** How the accumulators of all travel, if they do. */
function packing(parts: readonly ValueAggregate<never, unknown, unknown>[]): {
  readonly partials?: NonNullable<ValueAggregate<never, unknown[], unknown>["partials"]>;
} {
  const ways = parts.map(({ partials }) => partials);
  if (ways.some((way) => way === undefined)) return {};
  if (ways.every((way) => way === "plain")) return { partials: "plain" };
  return {
    partials: {
      pack: (accumulators) =>
        accumulators.map((each, i) => {
          const way = ways[i];
          return typeof way === "object" ? way.pack(each) : each;
        }),
      unpack: (packed) =>
        (packed as readonly unknown[]).map((each, i) => {
          const way = ways[i];
          return typeof way === "object" ? way.unpack(each) : each;
        }),
    },
  };
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
  return { ...part, add: (accumulator, value) => (predicate(value) ? part.add(accumulator, value) : accumulator) };
}
