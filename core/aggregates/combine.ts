/**
 * Several aggregates in one, and aggregates of some of the records. And taken apart again, for rows that can go: what has to be
 * kept so that one can be taken out, and is no more than that.
 *
 *   counting, summing, averaging   numbers, of which is subtracted what the row has added
 *   minimum, maximum               a number, and how often each value is there
 *   countingDistinct               a number, and how often each value is there
 *   what has `remove`              its accumulator
 *
 * Of all other aggregates what a row has done cannot be undone: they keep too little, as sketches do, or an order that rows have
 * lost.
 */

import {
  type Aggregate,
  type AggregateColumn,
  asValueAggregate,
  type ColumnAggregate,
  initialOf,
  onlyColumn,
  type ValueAggregate,
} from "../aggregate.ts";
import { MillraceError } from "../errors.ts";
import { distinctCountOf, noteFiltered } from "./distinct.ts";
import { severalAggregates } from "./several.ts";
import { columnsFrom, layoutOf, type NamedParts, resultsBy } from "./several-parts.ts";

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
  const whole = severalAggregates(named, fields) as Whole<I, R>;
  return noteComposition(whole, { kind: "several", parts: named as NamedParts<unknown> });
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
  const { fields: _, remove: __, ...part } = asValueAggregate<I, R>(whole);
  const some: Whole<I, R> = {
    ...part,
    add: (accumulator, value) => (predicate(value) ? part.add(accumulator, value) : accumulator),
  };
  noteFiltered(some, distinctCountOf(aggregate), predicate);
  return noteComposition(some, { kind: "filtered", part: whole as Whole<unknown, R>, predicate });
}

type Part = Aggregate<unknown, unknown, unknown>;
type Where = readonly ((value: never) => boolean)[];

/** An aggregate that takes records out as well as it adds them. */
export type RemovingAggregate = ValueAggregate<unknown, unknown, unknown> &
  Required<Pick<ValueAggregate<unknown, unknown, unknown>, "remove">>;

/** A part of what is kept of each key, which rows change for which all of `where` are true. */
export type RetractingPart = { readonly where: Where } & (
  | { readonly kind: "sum"; readonly of: ((value: never) => number) | undefined }
  | { readonly kind: "extreme"; readonly op: "min" | "max"; readonly of: ((value: never) => number) | undefined }
  | { readonly kind: "distinct"; readonly read: (value: never) => unknown }
  | { readonly kind: "own"; readonly aggregate: RemovingAggregate }
);

export interface Retracting {
  readonly parts: readonly RetractingPart[];
  /** The aggregate's result of what is kept of each part: a number, or an accumulator. */
  readonly result: (kept: readonly unknown[]) => unknown;
}

/** What an aggregate was made of, so that it can be taken apart. */
type Composition =
  | { readonly kind: "several"; readonly parts: readonly (readonly [string, Part])[] }
  | { readonly kind: "filtered"; readonly part: Part; readonly predicate: (value: never) => boolean };

/** Not a field of the aggregates: what a program makes of one with other functions is another aggregate. */
const compositions = new WeakMap<object, Composition>();

/** What an aggregate was made of, if it was made of others. */
export function compositionOf(aggregate: object): Composition | undefined {
  return compositions.get(aggregate);
}

/** Whether all that a running aggregate keeps of a key are numbers and distinct values, which are held for all keys together. */
export function holdsNumbers(aggregate: object): boolean {
  const composition = compositionOf(aggregate);
  if (composition?.kind !== "several") return false;
  const { sharings, others } = layoutOf(composition.parts.map(([, part]) => part));
  return sharings.length > 0 && others.length === 0;
}

/** Says what an aggregate was made of. */
export function noteComposition<G extends object>(aggregate: G, composition: Composition): G {
  compositions.set(aggregate, composition);
  return aggregate;
}

/** @throws BAD_OPTION for an aggregate out of which no row can be taken. */
export function retracting(operator: string, aggregate: Part): Retracting {
  const parts: RetractingPart[] = [];
  const result = takeApart(aggregate, [], parts, operator);
  return { parts, result };
}

/** What of a key without rows is kept. */
export function initialPart(part: RetractingPart): unknown {
  if (part.kind === "own") return part.aggregate.create();
  return part.kind === "extreme" ? initialOf[part.op] : 0;
}

/** Whether it has to be known how often each value is there. */
export function countsValues({ kind }: RetractingPart): boolean {
  return kind === "extreme" || kind === "distinct";
}

function takeApart(aggregate: Part, where: Where, parts: RetractingPart[], operator: string): Retracting["result"] {
  const composition = compositionOf(aggregate);
  if (composition?.kind === "filtered")
    return takeApart(composition.part, [...where, composition.predicate], parts, operator);
  if (composition?.kind === "several") {
    const results = composition.parts.map(([name, part]) => [name, takeApart(part, where, parts, operator)] as const);
    return (kept) => Object.fromEntries(results.map(([name, result]) => [name, result(kept)]));
  }
  const at = parts.length;
  const count = distinctCountOf(aggregate);
  if (count !== undefined) {
    parts.push({ kind: "distinct", where: [...where, ...count.where], read: count.read });
    return (kept) => kept[at];
  }
  if (aggregate.columns !== undefined) {
    const { columns, result } = aggregate;
    parts.push(...columns.map((column) => columnPart(column, where)));
    return (kept) => result(kept.slice(at, at + columns.length) as number[]);
  }
  if (aggregate.remove === undefined) throw cannotRemove(operator);
  const own = aggregate as RemovingAggregate;
  parts.push({ kind: "own", where, aggregate: own });
  return (kept) => own.result(kept[at]);
}

function columnPart({ op, of }: AggregateColumn<unknown>, where: Where): RetractingPart {
  return op === "min" || op === "max" ? { kind: "extreme", op, of, where } : { kind: "sum", of, where };
}

function cannotRemove(operator: string): MillraceError {
  return new MillraceError(
    "BAD_OPTION",
    `aggregateChanges "${operator}" has an aggregate out of which a row that is deleted cannot be taken; take counting, summing, averaging, minimum, maximum, countingDistinct, variance or standardDeviation, or aggregates and filtered of these, give one of your own a remove, or keep the rows themselves by topNChanges`,
    { operator },
  );
}
