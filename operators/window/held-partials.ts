/** What is held at the places of a table before it is sent: columns of numbers by generated code, or accumulators. */

import {
  type Aggregate,
  type AggregateColumn,
  type ColumnAggregate,
  numberOf,
  type ValueAggregate,
} from "../../core/aggregate.ts";
import type { Key } from "../../core/key.ts";
import type { Partial } from "./partials.ts";

export interface HeldPartials {
  /** Puts a record into a place that is empty. */
  readonly put: (place: number, value: unknown) => void;
  readonly add: (place: number, value: unknown) => void;
  /** What is held there; the place is empty then. */
  readonly partial: (place: number, records: number, key: Key) => Partial;
}

/** `operator`: whose aggregate it is, for errors. */
export function heldPartials(
  aggregate: Aggregate<unknown, unknown, unknown>,
  places: number,
  operator: string,
): HeldPartials {
  return aggregate.columns === undefined ? heldValues(aggregate, places) : heldColumns(aggregate, places, operator);
}

/** Generated, as the window's own: `add` for counting is `c0[place] += 1`. */
function heldColumns({ columns }: ColumnAggregate<unknown, unknown>, places: number, operator: string): HeldPartials {
  const names = columns.map((_, c) => `c${c}`);
  const read = (column: AggregateColumn<unknown>, c: number): string =>
    column.op === "count" ? "" : `const x${c} = number(of${c}(value), ${c});`;
  const first = columns.map(
    (column, c) => `${read(column, c)} c${c}[place] = ${column.op === "count" ? "1" : `x${c}`};`,
  );
  const next = columns.map((column, c) => {
    if (column.op === "count") return `c${c}[place] += 1;`;
    if (column.op === "sum") return `${read(column, c)} c${c}[place] += x${c};`;
    return `${read(column, c)} if (x${c} ${column.op === "min" ? "<" : ">"} c${c}[place] || x${c} !== x${c}) c${c}[place] = x${c};`;
  });
  const partial = ['"~records": records', "key", ...names.map((name) => `${name}: ${name}[place]`)].join(", ");
  const code = `"use strict";
    return {
      put(place, value) { ${first.join("\n")} },
      add(place, value) { ${next.join("\n")} },
      partial(place, records, key) { return { ${partial} }; },
    };`;
  const arrays = columns.map(() => new Float64Array(places));
  const make = new Function("number", ...names, ...columns.map((_, c) => `of${c}`), code);
  const number = (x: unknown, c: number): number => numberOf(x, (columns[c] as AggregateColumn<unknown>).op, operator);
  return make(number, ...arrays, ...columns.map(({ of }) => of)) as HeldPartials;
}

function heldValues(
  { create, add, partials }: ValueAggregate<unknown, unknown, unknown>,
  places: number,
): HeldPartials {
  const values: unknown[] = new Array(places).fill(undefined);
  const pack = typeof partials === "object" ? partials.pack : (accumulator: unknown) => accumulator;
  return {
    put: (place, value) => {
      values[place] = add(create(), value);
    },
    add: (place, value) => {
      values[place] = add(values[place], value);
    },
    partial: (place, records, key) => {
      const a = pack(values[place]);
      values[place] = undefined;
      return { "~records": records, key, a } as Partial;
    },
  };
}
