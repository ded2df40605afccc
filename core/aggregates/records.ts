/** Aggregates that keep records or values of theirs: the least and greatest by something, first and last, lists, sets, the best n. */

import { reader, type ValueAggregate, type ValueOf } from "../aggregate.ts";
import { MillraceError } from "../errors.ts";
import { TOP_N_MAX } from "../limits.ts";
import { placeFor, type Score, type ScoreOf } from "../top-n.ts";
import { type Comparable, comparable, type Distinct } from "./distinct.ts";

/** Values in an object: an empty one is told from one that holds undefined. */
interface Held<V> {
  values: V[];
}

const none = <V>(): Held<V> => ({ values: [] });

/** The record with the least value of a field; of equal ones the first. */
export function minBy<I>(by: ScoreOf<I>): ValueAggregate<I, Held<I>, I | undefined> {
  return best(by, (a, b) => a < b);
}

/** The record with the greatest value of a field; of equal ones the first. */
export function maxBy<I>(by: ScoreOf<I>): ValueAggregate<I, Held<I>, I | undefined> {
  return best(by, (a, b) => a > b);
}

function best<I>(by: ScoreOf<I>, isBetter: (a: Score, b: Score) => boolean): ValueAggregate<I, Held<I>, I | undefined> {
  const { read } = reader<I, Score>(by as (value: I) => Score);
  const add = (held: Held<I>, value: I): Held<I> => {
    const { values } = held;
    if (values.length === 0 || isBetter(read(value), read(values[0] as I))) values[0] = value;
    return held;
  };
  const merge = (into: Held<I>, from: Held<I>): Held<I> =>
    from.values.length === 0 ? into : add(into, from.values[0] as I);
  return { create: none, add, merge, result: ({ values }) => values[0], partials: "plain" };
}

/**
 * The value of a field in the first record, by the order in which a subtask gets them. For the first by time use
 * `minBy` of the time. Records stay with the subtask of their key: their order would be lost elsewhere.
 */
export function firstValue<I, V>(of: ValueOf<I, V>): ValueAggregate<I, Held<V>, V | undefined> {
  const { read, fields } = reader<I, V>(of);
  return {
    create: none,
    add: (held, value) => {
      if (held.values.length === 0) held.values.push(read(value));
      return held;
    },
    merge: (into, from) => {
      if (into.values.length === 0) into.values.push(...from.values);
      return into;
    },
    result: ({ values }) => values[0],
    ...fields,
  };
}

/** The value of a field in the last record, by the order in which a subtask gets them. */
export function lastValue<I, V>(of: ValueOf<I, V>): ValueAggregate<I, Held<V>, V | undefined> {
  const { read, fields } = reader<I, V>(of);
  return {
    create: none,
    add: (held, value) => {
      held.values[0] = read(value);
      return held;
    },
    merge: (into, from) => {
      if (from.values.length > 0) into.values[0] = from.values[0] as V;
      return into;
    },
    result: ({ values }) => values[0],
    ...fields,
  };
}

/** All values of a field, or all records, in the order in which they come. Keeps all of them. */
export function collectingList<I, V = I>(of?: ValueOf<I, V>): ValueAggregate<I, Held<V>, readonly V[]> {
  const { read, fields } = reader<I, V>(of ?? ((value) => value as unknown as V));
  return {
    create: none,
    add: (held, value) => {
      held.values.push(read(value));
      return held;
    },
    merge: (into, from) => {
      for (const value of from.values) into.values.push(value);
      return into;
    },
    result: ({ values }) => values.slice(),
    ...(of === undefined ? {} : fields),
  };
}

/** The different values of a field, in the order in which they first come. Keeps each of them. */
export function collectingSet<I, V extends Distinct>(
  of: ValueOf<I, V>,
): ValueAggregate<I, Map<Comparable, V>, readonly V[]> {
  const { read, fields } = reader<I, V>(of);
  const put = (map: Map<Comparable, V>, value: V): void => {
    const key = comparable(value);
    if (!map.has(key)) map.set(key, value);
  };
  return {
    create: () => new Map(),
    add: (map, value) => {
      put(map, read(value));
      return map;
    },
    merge: (into, from) => {
      for (const value of from.values()) put(into, value);
      return into;
    },
    result: (map) => [...map.values()],
    ...fields,
  };
}

export interface BestOptions<I> {
  /** How many, up to 10,000. */
  readonly n: number;
  /** What records are ordered by. Of equal ones those that came first are better. */
  readonly by: ScoreOf<I>;
  /** Whether the best are the largest, which is the default, or the smallest. */
  readonly order?: "descending" | "ascending";
}

/** The best n records, the best first. Keeps n records. @throws BAD_OPTION */
export function topN<I>({ n, by, order = "descending" }: BestOptions<I>): ValueAggregate<I, Held<I>, readonly I[]> {
  if (!Number.isInteger(n) || n < 1 || n > TOP_N_MAX)
    throw new MillraceError("BAD_OPTION", `topN expects n from 1 to ${TOP_N_MAX}, got ${n}`);
  const { read } = reader<I, Score>(by as (value: I) => Score);
  const isBetter = order === "descending" ? (a: I, b: I) => read(a) > read(b) : (a: I, b: I) => read(a) < read(b);
  const add = (held: Held<I>, value: I): Held<I> => {
    const rows = held.values;
    if (rows.length === n && !isBetter(value, rows[n - 1] as I)) return held;
    rows.splice(placeFor(isBetter, rows, value), 0, value);
    if (rows.length > n) rows.pop();
    return held;
  };
  return {
    create: none,
    add,
    merge: (into, from) => from.values.reduce(add, into),
    result: ({ values }) => values.slice(),
    partials: "plain",
  };
}
