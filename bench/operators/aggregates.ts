/** Aggregates, each in a tumbling window of 10 s. */

import {
  type Aggregate,
  aggregates,
  approximateDistinct,
  approximateSet,
  averaging,
  countingDistinct,
  maxBy,
  maximum,
  quantile,
  summing,
  topN,
  tumbling,
  type ValueAggregate,
  variance,
} from "millrace";
import type { BenchEvent, OperatorCase } from "./operator-case.ts";

/** A window of the aggregate; of columns or of values, which for the types are two things. */
function inWindow<A, R>(name: string, aggregate: Aggregate<BenchEvent, A, R>, share = 0.3): OperatorCase {
  const anyOf = aggregate as unknown as ValueAggregate<BenchEvent, unknown, number>;
  return {
    name: `tumbling 10 s, ${name}`,
    build: (events) => events.keyBy("key").window(tumbling("10s")).aggregate("window", anyOf),
    share,
  };
}

export const aggregateCases: readonly OperatorCase[] = [
  inWindow("sum", summing<BenchEvent>("value"), 1),
  inWindow("average", averaging<BenchEvent>("value")),
  inWindow("variance", variance<BenchEvent>("value")),
  inWindow(
    "four numbers",
    aggregates({
      sum: summing<BenchEvent>("value"),
      most: maximum<BenchEvent>("value"),
      mean: averaging<BenchEvent>("value"),
    }),
  ),
  inWindow("the record with the most", maxBy<BenchEvent>("value")),
  inWindow("the best 3 records", topN<BenchEvent>({ n: 3, by: "value" })),
  inWindow("distinct values", countingDistinct<BenchEvent>("value")),
  inWindow("about distinct values, 256 bytes", approximateDistinct<BenchEvent>("value", { precision: 8 }), 0.1),
  inWindow("a Bloom filter of 50 values", approximateSet<BenchEvent>("value", { capacity: 50 }), 0.1),
  inWindow("the median, about", quantile<BenchEvent>("value", 0.5), 0.1),
];
