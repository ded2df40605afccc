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

import {
  type AccumulatorPacking,
  type Aggregate,
  type AggregateColumn,
  asValueAggregate,
  combined,
  initialOf,
  numberOf,
  onlyColumn,
  type ValueAggregate,
} from "../aggregate.ts";
import {
  type DistinctCount,
  distinctCountOf,
  MARKS_MAX,
  mark,
  mergeSeen,
  nothingSeen,
  type SeenValues,
  seenPacking,
  touchSeen,
} from "./distinct.ts";

/** Parts with the names of their results, in their order. */
export type NamedParts<I> = readonly (readonly [string, Aggregate<I, unknown, unknown>])[];

/** An accumulator: plain data where those of the parts are. */
interface Sums {
  readonly numbers: number[];
  readonly seen: SeenValues[];
  readonly values: unknown[];
}

type Part<I> = Aggregate<I, unknown, unknown>;
type AnyValueAggregate<I> = ValueAggregate<I, unknown, unknown>;

/** Where a part's result comes from. */
type Place =
  | { readonly kind: "columns"; readonly from: number; readonly count: number }
  | { readonly kind: "distinct"; readonly at: number }
  | { readonly kind: "value"; readonly at: number };

/** Distinct counts that share their values: count i has mark i, and its number at `from` + i. */
interface Sharing {
  readonly counts: DistinctCount[];
  from: number;
}

/** The parts' columns, distinct counts and other aggregates, each kind together. */
interface Layout<I> {
  readonly columns: readonly AggregateColumn<I>[];
  readonly sharings: readonly Sharing[];
  readonly others: readonly AnyValueAggregate<I>[];
  readonly places: readonly Place[];
  readonly numbers: number;
}

/** @param fields those that all parts together read, if that is known. */
export function severalAggregates<I>(
  parts: NamedParts<I>,
  fields: readonly string[] | undefined,
): ValueAggregate<I, Sums, unknown> {
  const layout = layoutOf(parts.map(([, part]) => part));
  const { columns, sharings, others } = layout;
  const numbers: number[] = new Array(layout.numbers).fill(0);
  columns.forEach(({ op }, c) => {
    numbers[c] = initialOf[op];
  });
  return {
    create: () => ({
      numbers: numbers.slice(),
      seen: sharings.map(nothingSeen),
      values: others.map((other) => other.create()),
    }),
    add: adderOf(layout),
    ...(sharings.length === 0 ? {} : { touch: toucherOf(layout) }),
    merge: (into, from) => merged(layout, into, from),
    result: resultOf(parts, layout),
    ...(fields === undefined ? {} : { fields }),
    ...packing(layout),
  };
}

function layoutOf<I>(parts: readonly Part<I>[]): Layout<I> {
  const columns: AggregateColumn<I>[] = [];
  const sharings: Sharing[] = [];
  const others: AnyValueAggregate<I>[] = [];
  const shares: { readonly sharing: Sharing; readonly at: number }[] = [];
  const places = parts.map((part): Place => {
    const count = distinctCountOf(part);
    if (count !== undefined) {
      const sharing = sharingFor(sharings, count);
      return { kind: "distinct", at: shares.push({ sharing, at: sharing.counts.push(count) - 1 }) - 1 };
    }
    if (part.columns === undefined) return { kind: "value", at: others.push(asValueAggregate(part)) - 1 };
    const from = columns.length;
    columns.push(...part.columns);
    return { kind: "columns", from, count: part.columns.length };
  });
  let numbers = columns.length;
  for (const sharing of sharings) {
    sharing.from = numbers;
    numbers += sharing.counts.length;
  }
  const placed = places.map((place): Place => {
    if (place.kind !== "distinct") return place;
    const { sharing, at } = shares[place.at] as (typeof shares)[number];
    return { kind: "distinct", at: sharing.from + at };
  });
  return { columns, sharings, others, places: placed, numbers };
}

function sharingFor(sharings: Sharing[], { of }: DistinctCount): Sharing {
  const found = sharings.find(({ counts }) => counts[0]?.of === of && counts.length < MARKS_MAX);
  if (found !== undefined) return found;
  const made: Sharing = { counts: [], from: 0 };
  sharings.push(made);
  return made;
}

function adderOf<I>({ columns, sharings, others }: Layout<I>): (sums: Sums, value: I) => Sums {
  const conditions = [...new Set(sharings.flatMap(({ counts }) => counts.flatMap(({ where }) => where)))];
  const lines = [
    ...columns.map((column, c) => columnLine(column, c)),
    ...conditions.map((_, w) => `const when${w} = conditions${w}(value);`),
    ...sharings.map(({ counts, from }, s) => {
      const marks = counts.map(({ where }, i) => {
        const when = where.map((predicate) => `when${conditions.indexOf(predicate)}`).join(" && ");
        return when === "" ? `${1 << i}` : `(${when} ? ${1 << i} : 0)`;
      });
      const counted = counts.map((_, i) => `if ((marks & ${1 << i}) !== 0) numbers[${from + i}]++;`).join(" ");
      return `marks = ${marks.join(" | ")};
if (marks !== 0 && (marks = mark(seen[${s}], reads${s}(value), marks)) !== 0) { ${counted} }`;
    }),
    ...others.map((_, o) => `values[${o}] = other${o}.add(values[${o}], value);`),
  ];
  return generated(
    "sums, value",
    ["const { numbers, seen, values } = sums;", "let x, marks;", ...lines, "return sums;"],
    {
      mark,
      numberOf,
      ...numbered(
        "ofs",
        columns.map(({ of }) => of),
      ),
      ...numbered("conditions", conditions),
      ...numbered(
        "reads",
        sharings.map(({ counts }) => counts[0]?.read),
      ),
      ...numbered("other", others),
    },
  ) as (sums: Sums, value: I) => Sums;
}

/** Of many different values, where one is found is nowhere near. */
function toucherOf<I>({ sharings }: Layout<I>): (sums: Sums, value: I) => number {
  const sum = ["numbers[0]", ...sharings.map((_, s) => `touchSeen(seen[${s}], reads${s}(value))`)];
  const given = numbered(
    "reads",
    sharings.map(({ counts }) => counts[0]?.read),
  );
  return generated("{ numbers, seen }, value", [`return ${sum.join(" + ")};`], { touchSeen, ...given }) as (
    sums: Sums,
    value: I,
  ) => number;
}

function columnLine<I>({ op, of }: AggregateColumn<I>, c: number): string {
  if (of === undefined) return `numbers[${c}] += 1;`;
  const read = `x = ofs${c}(value); if (typeof x !== "number") numberOf(x, "${op}");`;
  const isSum = op === "count" || op === "sum";
  return `${read} numbers[${c}] ${isSum ? "+= x" : `= Math.${op}(numbers[${c}], x)`};`;
}

/** An object with each part's result under its name, in their order. */
function resultOf<I>(parts: NamedParts<I>, { places }: Layout<I>): (sums: Sums) => unknown {
  return resultsBy("{ numbers, values }", parts, (p) => {
    const place = places[p] as Place;
    if (place.kind === "distinct") return `numbers[${place.at}]`;
    if (place.kind === "value") return `part${p}.result(values[${place.at}])`;
    if (parts[p]?.[1].result === onlyColumn) return `numbers[${place.from}]`;
    return `part${p}.result(${columnsFrom(place.from, place.count)})`;
  }) as (sums: Sums) => unknown;
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

/** A function of generated code, in which the given values have these names. */
function generated(parameters: string, lines: readonly string[], given: Readonly<Record<string, unknown>>): unknown {
  const body = `"use strict"; return function (${parameters}) {\n${lines.join("\n")}\n};`;
  return new Function(...Object.keys(given), body)(...Object.values(given));
}

/** Values under the names `${name}0`, `${name}1`, … */
function numbered(name: string, values: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]));
}

/** A function that gives an object with a result for each part, by an expression in which `part${i}` is part i. */
export function resultsBy<I>(
  parameters: string,
  parts: NamedParts<I>,
  expressionOf: (part: number) => string,
): (accumulator: never) => unknown {
  // Written without brackets, `__proto__` would not name a field.
  const fields = parts.map(
    ([name], p) => `${name === "__proto__" ? '["__proto__"]' : JSON.stringify(name)}: ${expressionOf(p)}`,
  );
  const given = numbered(
    "part",
    parts.map(([, part]) => part),
  );
  return generated(parameters, [`return { ${fields.join(", ")} };`], given) as (accumulator: never) => unknown;
}

/** The array of some columns' numbers. */
export function columnsFrom(from: number, count: number): string {
  return `[${Array.from({ length: count }, (_, i) => `numbers[${from + i}]`).join(", ")}]`;
}
