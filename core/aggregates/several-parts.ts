/**
 * How several aggregates of which not all are columns are kept together, and the code that adds to them and gives their results,
 * whether an object has what is kept of a key (`several.ts`) or what holds that of many (`packed-sums.ts`).
 */

import {
  type Aggregate,
  type AggregateColumn,
  asValueAggregate,
  initialOf,
  numberOf,
  onlyColumn,
  type ValueAggregate,
} from "../aggregate.ts";
import { type DistinctCount, distinctCountOf, MARKS_MAX } from "./distinct.ts";

/** Parts with the names of their results, in their order. */
export type NamedParts<I> = readonly (readonly [string, Aggregate<I, unknown, unknown>])[];

export type Part<I> = Aggregate<I, unknown, unknown>;
export type AnyValueAggregate<I> = ValueAggregate<I, unknown, unknown>;

/** Where a part's result comes from. */
export type Place =
  | { readonly kind: "columns"; readonly from: number; readonly count: number }
  | { readonly kind: "distinct"; readonly at: number }
  | { readonly kind: "value"; readonly at: number };

/** Distinct counts that share their values: count i has mark i, and its number at `from` + i. */
export interface Sharing {
  readonly counts: DistinctCount[];
  from: number;
}

/** The parts' columns, distinct counts and other aggregates, each kind together. */
export interface Layout<I> {
  readonly columns: readonly AggregateColumn<I>[];
  readonly sharings: readonly Sharing[];
  readonly others: readonly AnyValueAggregate<I>[];
  readonly places: readonly Place[];
  readonly numbers: number;
}

export function layoutOf<I>(parts: readonly Part<I>[]): Layout<I> {
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

/** How generated code names what is kept. */
export interface KeptNames {
  readonly number: (at: number) => string;
  /** Marks a value of a sharing, and gives the marks that are new. */
  readonly mark: (sharing: number, value: string, marks: string) => string;
  /** Of another aggregate, in their order. */
  readonly accumulator: (other: number) => string;
}

/** What numbers are of which nothing has been added to. */
export function initialNumbers<I>({ columns, numbers }: Layout<I>): number[] {
  return Array.from({ length: numbers }, (_, n) => initialOf[columns[n]?.op ?? "count"]);
}

/** Lines that add `value` to what is kept. They take the variables x and marks, and what `givenToAdd` has. */
export function addingLines<I>({ columns, sharings, others }: Layout<I>, kept: KeptNames): readonly string[] {
  const conditions = conditionsOf(sharings);
  return [
    ...columns.map((column, c) => columnLine(column, kept.number(c), c)),
    ...conditions.map((_, w) => `const when${w} = conditions${w}(value);`),
    ...sharings.map(({ counts, from }, s) => {
      const marks = counts.map(({ where }, i) => {
        const when = where.map((predicate) => `when${conditions.indexOf(predicate)}`).join(" && ");
        return when === "" ? `${1 << i}` : `(${when} ? ${1 << i} : 0)`;
      });
      const counted = counts.map((_, i) => `if ((marks & ${1 << i}) !== 0) ${kept.number(from + i)}++;`).join(" ");
      return `marks = ${marks.join(" | ")};
if (marks !== 0 && (marks = ${kept.mark(s, `reads${s}(value)`, "marks")}) !== 0) { ${counted} }`;
    }),
    ...others.map((_, o) => `${kept.accumulator(o)} = other${o}.add(${kept.accumulator(o)}, value);`),
  ];
}

/** What these lines, and those that read a value of each sharing, take besides. */
export function givenToAdd<I>({ columns, sharings, others }: Layout<I>): Record<string, unknown> {
  return {
    numberOf,
    ...numbered(
      "ofs",
      columns.map(({ of }) => of),
    ),
    ...numbered("conditions", conditionsOf(sharings)),
    ...numbered(
      "reads",
      sharings.map(({ counts }) => counts[0]?.read),
    ),
    ...numbered("other", others),
  };
}

function conditionsOf(sharings: readonly Sharing[]): readonly ((value: never) => boolean)[] {
  return [...new Set(sharings.flatMap(({ counts }) => counts.flatMap(({ where }) => where)))];
}

function columnLine<I>({ op, of }: AggregateColumn<I>, number: string, c: number): string {
  if (of === undefined) return `${number} += 1;`;
  const read = `x = ofs${c}(value); if (typeof x !== "number") numberOf(x, "${op}");`;
  const isSum = op === "count" || op === "sum";
  return `${read} ${number} ${isSum ? "+= x" : `= Math.${op}(${number}, x)`};`;
}

/** A function that gives an object with each part's result under its name, in their order. */
export function resultOf<I>(
  parameters: string,
  parts: NamedParts<I>,
  { places }: Layout<I>,
  kept: Pick<KeptNames, "accumulator"> & { readonly read: (at: number) => string },
): (...given: never[]) => unknown {
  return resultsBy(parameters, parts, (p) => {
    const place = places[p] as Place;
    if (place.kind === "distinct") return kept.read(place.at);
    if (place.kind === "value") return `part${p}.result(${kept.accumulator(place.at)})`;
    if (parts[p]?.[1].result === onlyColumn) return kept.read(place.from);
    const all = Array.from({ length: place.count }, (_, i) => kept.read(place.from + i));
    return `part${p}.result([${all.join(", ")}])`;
  }) as (...given: never[]) => unknown;
}

/** A function of generated code, in which the given values have these names. */
export function generated(
  parameters: string,
  lines: readonly string[],
  given: Readonly<Record<string, unknown>>,
): unknown {
  const body = `"use strict"; return function (${parameters}) {\n${lines.join("\n")}\n};`;
  return new Function(...Object.keys(given), body)(...Object.values(given));
}

/** Values under the names `${name}0`, `${name}1`, … */
export function numbered(name: string, values: readonly unknown[]): Record<string, unknown> {
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
