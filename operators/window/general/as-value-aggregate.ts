/** A column aggregate as one of values: an array of numbers, for windows that are no panes of columns. */

import type { Aggregate, AggregateColumn, ColumnAggregate, ValueAggregate } from "../../../core/aggregate.ts";
import { MillraceError } from "../../../core/errors.ts";

type AnyAggregate = Aggregate<unknown, unknown, unknown>;

/** The aggregate itself, if it is one of values. */
export function asValueAggregate(aggregate: AnyAggregate, operator: string): ValueAggregate<unknown, unknown, unknown> {
  return aggregate.columns === undefined
    ? aggregate
    : (ofColumns(aggregate, operator) as ValueAggregate<unknown, unknown, unknown>);
}

function ofColumns(
  { columns, result }: ColumnAggregate<unknown, unknown>,
  operator: string,
): ValueAggregate<unknown, number[], unknown> {
  const numberOf = (column: AggregateColumn<unknown>, value: unknown): number => {
    const number = column.of?.(value);
    if (typeof number === "number") return number;
    const came = number === null || number === undefined ? String(number) : `a ${typeof number}`;
    throw new MillraceError(
      "WRONG_SHAPE",
      `the aggregate of "${operator}" (${column.op}) got ${came} instead of a number; filter such records out or convert the field`,
      { operator },
    );
  };
  return {
    create: () => columns.map(({ op }) => empty[op]),
    add: (sums, value) => {
      for (let c = 0; c < columns.length; c++) {
        const column = columns[c] as AggregateColumn<unknown>;
        sums[c] = combined(column.op, sums[c] as number, column.op === "count" ? 1 : numberOf(column, value));
      }
      return sums;
    },
    merge: (into, from) => {
      for (let c = 0; c < columns.length; c++)
        into[c] = combined((columns[c] as AggregateColumn<unknown>).op, into[c] as number, from[c] as number);
      return into;
    },
    result,
  };
}

const empty = { count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };

/** NaN stays, as with Math.min. */
function combined(op: AggregateColumn<unknown>["op"], a: number, b: number): number {
  if (op === "count" || op === "sum") return a + b;
  return op === "min" ? Math.min(a, b) : Math.max(a, b);
}
