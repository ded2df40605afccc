/**
 * Several aggregates of which not all are columns, as one: what `aggregates` makes then.
 *
 * Numbers of column aggregates stand together in one array. Distinct counts of one field keep its values once, with a mark
 * for each of the counts (`distinct.ts`), and stand as numbers behind those of the columns. All others keep their own
 * accumulators. Adding and giving the result is code generated for the parts: a loop over functions of many kinds would cost
 * more than most of these functions.
 *
 * The generated function that adds, for a count, a sum and two distinct counts of one field, shortened:
 *
 *   return function add(sums, value) {
 *     const { numbers, seen } = sums;
 *     numbers[0] += 1;
 *     x = of1(value); if (typeof x !== "number") numberOf(x, "sum"); numbers[1] += x;
 *     const when0 = where0(value) === true;
 *     marks = 1 | (when0 ? 2 : 0);
 *     if (marks !== 0 && (marks = mark(seen[0], read0(value), marks)) !== 0) {
 *       if ((marks & 1) !== 0) numbers[2]++; if ((marks & 2) !== 0) numbers[3]++;
 *     }
 *     return sums;
 *   };
 */

import { type AccumulatorPacking, combined, type ValueAggregate } from "../aggregate.ts";
import { mark, mergeSeen, nothingSeen, type SeenValues, seenPacking, touchSeen } from "./distinct.ts";
import {
  addingLines,
  generated,
  givenToAdd,
  initialNumbers,
  type Layout,
  layoutOf,
  type NamedParts,
  resultOf,
} from "./several-parts.ts";

/** An accumulator: plain data where those of the parts are. */
export interface Sums {
  readonly numbers: number[];
  readonly seen: SeenValues[];
  readonly values: unknown[];
}

/** @param fields those that all parts together read, if that is known. */
export function severalAggregates<I>(
  parts: NamedParts<I>,
  fields: readonly string[] | undefined,
): ValueAggregate<I, Sums, unknown> {
  const layout = layoutOf(parts.map(([, part]) => part));
  const { sharings, others } = layout;
  const numbers = initialNumbers(layout);
  return {
    create: () => ({
      numbers: numbers.slice(),
      seen: sharings.map(() => nothingSeen()),
      values: others.map((other) => other.create()),
    }),
    add: adderOf(layout),
    ...(sharings.length === 0 ? {} : { touch: toucherOf(layout) }),
    merge: (into, from) => merged(layout, into, from),
    result: resultOf("{ numbers, values }", parts, layout, {
      read: (at) => `numbers[${at}]`,
      accumulator: (other) => `values[${other}]`,
    }) as (sums: Sums) => unknown,
    ...(fields === undefined ? {} : { fields }),
    ...packing(layout),
  };
}

function adderOf<I>(layout: Layout<I>): (sums: Sums, value: I) => Sums {
  const lines = addingLines(layout, {
    number: (at) => `numbers[${at}]`,
    mark: (sharing, value, marks) => `mark(seen[${sharing}], ${value}, ${marks})`,
    accumulator: (other) => `values[${other}]`,
  });
  return generated(
    "sums, value",
    ["const { numbers, seen, values } = sums;", "let x, marks;", ...lines, "return sums;"],
    { mark, ...givenToAdd(layout) },
  ) as (sums: Sums, value: I) => Sums;
}

/** Of many different values, where one is found is nowhere near. */
function toucherOf<I>(layout: Layout<I>): (sums: Sums, value: I) => number {
  const sum = ["numbers[0]", ...layout.sharings.map((_, s) => `touchSeen(seen[${s}], reads${s}(value))`)];
  const given = { touchSeen, ...givenToAdd(layout) };
  return generated("{ numbers, seen }, value", [`return ${sum.join(" + ")};`], given) as (
    sums: Sums,
    value: I,
  ) => number;
}

function merged<I>({ columns, sharings, others }: Layout<I>, into: Sums, from: Sums): Sums {
  columns.forEach(({ op }, c) => {
    into.numbers[c] = combined(op, into.numbers[c] as number, from.numbers[c] as number);
  });
  sharings.forEach((sharing, s) => {
    mergeSeen(into.seen[s] as SeenValues, from.seen[s] as SeenValues, (marks) => {
      for (let i = 0; i < sharing.counts.length; i++)
        if ((marks & (1 << i)) !== 0) (into.numbers[sharing.from + i] as number)++;
    });
  });
  others.forEach((other, o) => {
    into.values[o] = other.merge(into.values[o], from.values[o]);
  });
  return into;
}

/** How the accumulators of all travel, if they do. */
function packing<I>({ sharings, others }: Layout<I>): Pick<ValueAggregate<I, Sums, unknown>, "partials"> {
  const ways = others.map(({ partials }) => partials);
  if (ways.some((way) => way === undefined)) return {};
  if (sharings.length === 0 && ways.every((way) => way === "plain")) return { partials: "plain" };
  const partials: AccumulatorPacking<Sums> = {
    pack: ({ numbers, seen, values }) => ({
      numbers: numbers.slice(),
      seen: seen.map(seenPacking.pack),
      values: values.map((each, i) => {
        const way = ways[i];
        return typeof way === "object" ? way.pack(each) : each;
      }),
    }),
    unpack: (packed) => {
      const { numbers, seen, values } = packed as Record<keyof Sums, readonly unknown[]>;
      return {
        numbers: [...(numbers as readonly number[])],
        seen: seen.map(seenPacking.unpack),
        values: values.map((each, i) => {
          const way = ways[i];
          return typeof way === "object" ? way.unpack(each) : each;
        }),
      };
    },
  };
  return { partials };
}
